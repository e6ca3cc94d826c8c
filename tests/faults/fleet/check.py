"""What must hold of a fleet however it was treated, from the journal in the database, a witness beside it, and what
the sites were told."""

import collections
import json
import re


class Broken(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Broken(what)


def records(database):
    """The journal, in order."""
    text = database.psql("SELECT json_build_object('seq', seq, 'kind', kind, 'subject', subject, 'actor', actor,"
                         " 'body', convert_from(body, 'UTF8')) FROM andon.records ORDER BY seq")
    rows = [json.loads(line) for line in text.splitlines()]
    for row in rows:
        row["body"] = json.loads(row["body"])
    return rows


def one_writer_at_a_time(database, rows):
    """Between two takeovers every record is of one process; epochs only rise."""
    writers = dict(line.split("|") for line in
                   database.psql("SELECT seq, writer FROM public.witness").splitlines())
    active, last_epoch = None, 0
    for row in rows:
        writer = writers.get(str(row["seq"]))
        if row["kind"] == "coordinator.started":
            epoch = row["body"]["epoch"]
            need(epoch > last_epoch, f"record {row['seq']}: epoch {epoch} after {last_epoch}")
            active, last_epoch = writer, epoch
        active = active or writer  # the first takeover was before there was a witness
        need(writer is None or writer == active,
             f"record {row['seq']} ({row['kind']}) is of {writer}, while {active} was active")


def rounds_of(rows):
    """For each round: its updates by site, and its end."""
    rounds = collections.OrderedDict()
    for row in rows:
        if row["kind"] == "round.opened":
            rounds[row["body"]["id"]] = {"updates": collections.defaultdict(list), "ends": [], "seq": row["seq"]}
        elif row["kind"] == "round.event" and row["body"]["event"] == "update":
            rounds[int(row["subject"].split("/")[1])]["updates"][row["body"]["site"]].append(row["body"]["hash"])
        elif row["kind"] == "round.ended":
            rounds[row["body"]["id"]]["ends"].append(row["body"])
    return rounds


def every_round_ends_once_with_a_reason(rounds):
    for number, r in rounds.items():
        need(len(r["ends"]) == 1, f"round {number} has {len(r['ends'])} ends")
        end = r["ends"][0]
        need(end["committed"] or end["reason"], f"round {number} was aborted without a reason")


def no_update_counts_twice(rounds):
    for number, r in rounds.items():
        for site, hashes in r["updates"].items():
            need(len(hashes) == 1, f"round {number}: {len(hashes)} updates of {site}")
        end = r["ends"][0] if r["ends"] else {"committed": False}
        need(not end["committed"] or end["updates"] == len(r["updates"]),
             f"round {number} counts {end.get('updates')} updates and has {len(r['updates'])}")


ACKNOWLEDGED = re.compile(r"update_acknowledged\b.*\bround=(\d+) update=([0-9a-f]{64})")


def no_acknowledged_update_is_lost(agents, rounds):
    """How many the sites were told of.  Each is in the journal, and with it in a sum or in a round that says why it
    was aborted."""
    n = 0
    for agent in agents:
        with open(agent.log, encoding="utf8", errors="replace") as log:
            told = set(ACKNOWLEDGED.findall(log.read()))
        for number, update in told:
            hashes = rounds.get(int(number), {"updates": {}})["updates"].get(agent.name, [])
            need(update in hashes, f"round {number}: {agent.name} was told that {update[:12]} is durable; it is not")
        n += len(told)
    return n


def everything(fleet):
    """Figures of a fleet in which all of it holds."""
    rows = records(fleet.database)
    rounds = rounds_of(rows)
    one_writer_at_a_time(fleet.database, rows)
    every_round_ends_once_with_a_reason(rounds)
    no_update_counts_twice(rounds)
    told = no_acknowledged_update_is_lost(fleet.agents, rounds)
    ends = collections.Counter("committed" if r["ends"][0]["committed"] else "aborted" for r in rounds.values())
    reasons = collections.Counter(re.sub(r"\d+", "N", r["ends"][0]["reason"])[:90] for r in rounds.values()
                                  if not r["ends"][0]["committed"])
    return {"records": len(rows), "rounds": len(rounds), "committed": ends["committed"], "aborted": ends["aborted"],
            "acknowledged": told, "takeovers": sum(r["kind"] == "coordinator.started" for r in rows),
            "reasons": dict(reasons)}
