"""A fleet of real processes under seeded faults: coordinators on one PostgreSQL, agents, each in a network namespace.

    campaign.py --bin DIR --faults N [--seed S] [--keep]

While rounds go on, one fault after another is drawn, sometimes two at once, and healed; in the end all is healed,
and what must hold (check.py) is looked up: no acknowledged update lost, none counted twice, no two leaders' writes,
every round ended with a reason, every site at its desired version.  The seed draws the same faults again.
exit: 0 all holds, 77 it cannot run here, 1 something does not hold
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time

import check
from nodes import Agent, Coordinator, copy_keys, create_model, until
from world import CannotRun, Database, Net

SITES = 4
COORDINATORS = 2


class Fleet:
    def __init__(self, binaries):
        self.bin = binaries
        self.work = tempfile.mkdtemp(prefix="andon-fleet-")
        self.net = self.database = None
        self.coordinators, self.agents = [], []
        self.last_answer = ""
        self.takeovers = []

    def raise_up(self):
        os.chmod(self.work, 0o755)
        self.database = Database()
        self.net = Net()
        for number in range(COORDINATORS):
            self.coordinators.append(Coordinator(self, f"c{number + 1}", number))
        first = self.coordinators[0]
        first.start()
        until("the first coordinator", first.is_active)
        for other in self.coordinators[1:]:
            copy_keys(first, other)
            other.start()
        self.database.psql(Database.WITNESS)
        for number in range(SITES):
            self.agents.append(Agent(self, f"plant-{'abcdefgh'[number]}", number + 1))
            self.agents[-1].enrol(first)
            self.agents[-1].start()
        create_model(first, self.work)
        until("the sites to connect", lambda: all(a.status().get("coordinator", {}).get("connected") for a in self.agents))
        first.must("campaign", "start", "pump")
        until("the first version", self.production, 120)

    def active(self):
        return next((c for c in self.coordinators if c.is_active()), None)

    def ask(self, *words):
        """By whoever is active; None: nobody is, or it refuses."""
        active = self.active()
        return active.ask(*words) if active else None

    def production(self):
        return self.database.psql(
            "SELECT convert_from(body, 'UTF8')::json->>'to' FROM andon.records WHERE kind = 'alias.moved' AND"
            " convert_from(body, 'UTF8')::json->>'alias' = 'production' ORDER BY seq DESC LIMIT 1").strip()

    def go_on_training(self):
        if self.active() is not None:
            self.ask("campaign", "start", "pump", "--kind", "incremental")

    def is_told_apart(self):
        """By probes alone: one is ready, and the others are well and stand by."""
        answers = sorted(c.probe("/readyz") or "" for c in self.coordinators)
        return (answers == ["ok 200"] + ["standby 503"] * (len(self.coordinators) - 1) and
                all(c.probe("/healthz") == "ok 200" for c in self.coordinators))

    def is_healthy(self):
        self.go_on_training()
        return self.active() is not None

    def versions(self):
        return {line.get("version") for a in self.agents for line in a.status().get("lines", [])}

    def is_converged(self):
        return self.versions() == {self.production()}

    def is_idle(self):
        return self.database.psql(
            "SELECT (SELECT count(*) FROM andon.records WHERE kind = 'round.opened') ="
            " (SELECT count(*) FROM andon.records WHERE kind = 'round.ended') AND"
            " (SELECT count(*) FROM andon.records WHERE kind = 'campaign.opened') ="
            " (SELECT count(*) FROM andon.records WHERE kind = 'campaign.ended')").strip() == "t"

    def tear_down(self, keep):
        for node in self.agents + self.coordinators:
            node.go_on()
            node.kill()
        for coordinator in self.coordinators:
            if not keep:
                coordinator.disk.close()
        if self.net:
            self.net.close()
        if self.database:
            self.database.close()
        if keep:
            print(f"kept: {self.work}")
        else:
            shutil.rmtree(self.work, ignore_errors=True)


# ---- faults: each does its harm and returns what mends it, and how long it lasts at least and at most


def leader(fleet, draw):
    return fleet.active() or draw.choice(fleet.coordinators)


def kill_leader(fleet, draw):
    node = leader(fleet, draw)
    node.kill()
    return node.start, (0, 3)


def kill_leader_with_its_disk(fleet, draw):
    node = leader(fleet, draw)
    node.kill()
    node.lose_disk()
    return node.start, (0, 6)


def kill_standby(fleet, draw):
    node = draw.choice([c for c in fleet.coordinators if c is not fleet.active()] or fleet.coordinators)
    node.kill()
    return node.start, (0, 2)


def pause_leader(fleet, draw):
    node = leader(fleet, draw)
    node.pause()
    return node.go_on, (4, 8)


def kill_database(fleet, _draw):
    fleet.database.kill()
    return fleet.database.restart, (0, 3)


def freeze_leaders_door(fleet, draw):
    node = leader(fleet, draw)
    node.door.freeze()
    return node.door.thaw, (2, 8)


def kill_agent(fleet, draw):
    node = draw.choice(fleet.agents)
    node.kill()
    return node.start, (0, 3)


def pause_agent(fleet, draw):
    node = draw.choice(fleet.agents)
    node.pause()
    return node.go_on, (1, 6)


def cut(fleet, pairs):
    for a, b in pairs:
        fleet.net.cut(a.name, b.name)

    def mend():
        for a, b in pairs:
            fleet.net.join(a.name, b.name)
    return mend


def cut_site(fleet, draw):
    site = draw.choice(fleet.agents)
    return cut(fleet, [(site, c) for c in fleet.coordinators]), (1, 8)


def cut_leader_from_sites(fleet, draw):
    node = leader(fleet, draw)
    return cut(fleet, [(node, a) for a in draw.sample(fleet.agents, draw.randint(1, SITES))]), (1, 8)


def fill_disk(fleet, draw):
    node = leader(fleet, draw)
    node.disk.fill()
    return node.disk.free, (1, 4)


def clock_jump(fleet, draw):
    node = draw.choice(fleet.coordinators + fleet.agents)
    node.set_clock(draw.choice([-86400, -3600, -30, 30, 3600, 86400]))
    return lambda: node.set_clock(0), (2, 6)


FAULTS = [kill_leader, kill_leader_with_its_disk, kill_standby, pause_leader, kill_database, freeze_leaders_door,
          kill_agent, pause_agent, cut_site, cut_leader_from_sites, fill_disk, clock_jump]
NET_FAULTS = {cut_site, cut_leader_from_sites}
TAKEOVERS = {kill_leader, kill_leader_with_its_disk, pause_leader}


def possible(fleet):
    """The faults that can be done here; says which cannot, and why."""
    left_out = {}
    if not fleet.net.is_real:
        left_out |= {fault: f"no network namespaces: {fleet.net.why_not}" for fault in NET_FAULTS}
    if fleet.coordinators[0].disk.why_not:
        left_out[fill_disk] = f"no small file system: {fleet.coordinators[0].disk.why_not}"
    for fault, why in left_out.items():
        print(f"left out: {fault.__name__} ({why})")
    print("on namespaces joined by a bridge" if fleet.net.is_real else "on the loopback interface")
    return [fault for fault in FAULTS if fault not in left_out]


def afflict(fleet, draw, faults, number):
    """One fault or two, while a campaign runs; mended before the next."""
    fleet.go_on_training()
    time.sleep(draw.uniform(0, 1.5))
    chosen = draw.sample(faults, 2 if draw.random() < 0.25 else 1)
    until("an active coordinator", fleet.active)
    began = time.monotonic()
    mends = []
    for fault in chosen:
        mend, (least, most) = fault(fleet, draw)
        mends.append((began + draw.uniform(least, most), mend))
    print(f"{number:4} {' and '.join(f.__name__ for f in chosen)}", end="", flush=True)
    if chosen[0] in TAKEOVERS and len(chosen) == 1:
        until("a takeover", lambda: fleet.active() is not None, 30)
        fleet.takeovers.append(time.monotonic() - began)
        print(f", taken over after {fleet.takeovers[-1]:.1f} s", end="", flush=True)
    for when, mend in sorted(mends, key=lambda m: m[0]):
        time.sleep(max(0, when - time.monotonic()))
        mend()
    for node in fleet.coordinators + fleet.agents:
        if not node.is_up():
            node.start()  # what ended by itself is started again, as a service is
    until("an active coordinator", fleet.is_healthy, 60)
    print(f", well after {time.monotonic() - began:.1f} s", flush=True)


def settle(fleet):
    until("an active coordinator", fleet.active)
    until("probes to tell it from the others", fleet.is_told_apart)
    until("the last rounds to end", fleet.is_idle, 180)
    until(f"all sites to run the production version, not {fleet.versions()}", fleet.is_converged, 120)
    verified = fleet.ask("journal", "--verify") or ""
    check.need("intact" in verified, f"the journal does not verify: {verified}{fleet.last_answer}")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--bin", required=True)
    options.add_argument("--faults", type=int, default=20)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options.add_argument("--keep", action="store_true")
    options = options.parse_args()
    print(f"seed {options.seed}, {options.faults} faults")
    fleet = Fleet(os.path.abspath(options.bin))
    draw = random.Random(options.seed)
    try:
        fleet.raise_up()
        faults = possible(fleet)
        for number in range(1, options.faults + 1):
            afflict(fleet, draw, faults, number)
        settle(fleet)
        figures = check.everything(fleet)
    except CannotRun as why:
        fleet.tear_down(keep=False)
        print(why)
        return 77
    except (check.Broken, RuntimeError) as failure:
        print(f"\nFAILED, seed {options.seed}: {failure}\n{fleet.last_answer}")
        fleet.tear_down(keep=True)
        return 1
    except BaseException:
        fleet.tear_down(keep=options.keep)
        raise
    for name, value in figures.items():
        print(f"{name}: {value}")
    if fleet.takeovers:
        ordered = sorted(fleet.takeovers)
        print(f"taken over: median {ordered[len(ordered) // 2]:.1f} s, longest {ordered[-1]:.1f} s")
    fleet.tear_down(options.keep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
