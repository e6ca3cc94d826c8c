#!/usr/bin/env python3
"""Sections of docs/RESULTS.md that come from the output of an experiment.

    tests/experiments/results.py run NAME DATA [BIN]     carries tests/experiments/NAME.yaml out and writes its section
    tests/experiments/results.py write JSON DATA COMMIT  the same from what `andon-lab experiment --out JSON` wrote before
    tests/experiments/results.py check                   every such section has the form that this file gives it

A section stands between two lines, <!-- experiment: NAME --> and <!-- end: NAME -->; text outside of them is left
alone.  A new one goes to the end of the part "Experiments by task".  DATA is the folder, told in the command as DATA/its name.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(TOP, "docs", "RESULTS.md")
HEAD = "## Experiments by task\n"
COUNTED = {"delay", "rmse", "mae"}  # no shares
SKIPPED = {"seed"}


def number(name, v, spread=None):
    if v is None:
        return ""
    text = "%.2f" % v if name in COUNTED else re.sub(r"^(-?)0\.", r"\1.", "%.3f" % v)
    if spread is not None:
        text += " ± " + number(name, spread)
    return text


def figures(o):
    return [k for k, v in o.items() if isinstance(v, (int, float)) and not isinstance(v, bool) and k not in SKIPPED]


def row(cells):
    return "| " + " | ".join(cells) + " |"


def arms_table(o):
    names = figures(o["arms"]["federated"])
    hashes = any("model_hash" in a for a in o["arms"].values())
    lines = [row(["arm"] + names + (["model hash"] if hashes else [])), "|" + "---|" * (len(names) + 1 + hashes)]
    for name, arm in o["arms"].items():
        spread = arm.get("spread", {})
        cells = [name] + [number(n, arm[n], spread.get(n)) for n in names]
        lines.append(row(cells + ["`%s`" % arm["model_hash"][:12]] * hashes))
    for name, arm in o["arms"].items():
        if "ensemble" in arm:
            e = arm["ensemble"]
            lines.append(row([name + ", " + e["about"]] + [number(n, e[n]) for n in names] + [""] * hashes))
    for name, b in o["baselines"].items():
        lines.append(row(["%s: %s" % (name, b["about"])] + [number(n, b.get(n)) for n in names] + [""] * hashes))
    for b in o.get("leaderboard", []):
        who = "published: " + b["name"] + (" on " + b["part"] if "part" in b else "")
        lines.append(row([who] + [number(n, b.get(n)) for n in names] + [""] * hashes))
    return lines


def parts_table(o):
    arms = [(n, a) for n, a in o["arms"].items() if "parts" in a]
    if not arms:
        return []
    main = figures(o["arms"]["federated"])[0]
    for n, a in list(arms):
        if "ensemble" in a:
            arms.append((n + ", all seeds", a["ensemble"]))
    arms += [(n, b) for n, b in o["baselines"].items() if "parts" in b]
    lines = ["", "Each part, %s:" % main, "", row(["part"] + [n for n, _ in arms]), "|" + "---|" * (len(arms) + 1)]
    for part in o["arms"]["federated"]["parts"]:
        lines.append(row([part] + [number(main, a["parts"].get(part, {}).get(main)) for _, a in arms]))
    return lines


def validation_line(o):
    main = figures(o["arms"]["federated"])[0]
    said = ["%s %s" % (n, number(main, a["validation"][main])) for n, a in o["arms"].items() if "validation" in a]
    return ["", "Held back to choose settings by, %s: %s." % (main, ", ".join(said))] if said else []


def tradeoff_table(o):
    arms = list(o["arms"])
    lines = ["", "What false alarms buy, F1 / FAR / MAR by the policy of the threshold:", "",
             row(["threshold"] + arms), "|" + "---|" * (len(arms) + 1)]
    for t in o.get("tradeoff", []):
        cells = [" / ".join(number(n, t["arms"][a][n]) for n in ("f1", "far", "mar")) for a in arms]
        lines.append(row(["`%s`" % t["threshold"]] + cells))
    return lines if "tradeoff" in o else []


def stream_table(o):
    rows = [(f["seed"], s) for f in o["federations"] for s in f.get("stream", [])]
    if not rows:
        return []
    lines = ["", "What each part cost, in bytes of updates, versions and messages of all sites:", "",
             row(["part", "seed", "incremental", "rounds", "promoted", "retrained", "rounds"]), "|" + "---|" * 7]
    for seed, s in rows:
        lines.append(row([s["part"], str(seed), str(s["bytes"]), str(s["rounds"]), "yes" if s["promoted"] else "no",
                          str(s["retrain_bytes"]), str(s["retrain_rounds"])]))
    return lines


def section(o, data, commit):
    name = o["experiment"]
    seeds = [str(s["seed"]) for s in o["arms"]["federated"]["seeds"]]
    lines = ["<!-- experiment: %s -->" % name, "### " + name, "",
             "    andon-lab experiment tests/experiments/%s.yaml --data DATA/%s --json" % (
                 name, os.path.basename(os.path.normpath(data))), "",
             "Commit %s, seed%s %s; %d sites; task %s; figures %s%s. %s" % (
                 commit, "" if len(seeds) == 1 else "s", ", ".join(seeds), len(o["data"]["sites"]), o["task"],
                 o["figures"], ", mean over the seeds ± standard deviation" if len(seeds) > 1 else "",
                 " ".join(o["about"].split())), ""]
    lines += arms_table(o) + parts_table(o) + validation_line(o) + tradeoff_table(o) + stream_table(o)
    lines += ["<!-- end: %s -->" % name]
    return "\n".join(lines) + "\n"


def head():
    return subprocess.run(["git", "-C", TOP, "log", "-1", "--format=%h"], check=True, capture_output=True,
                          text=True).stdout.strip()


def put(o, data, commit):
    text = section(o, data, commit)
    page = open(PAGE).read()
    name = re.escape(o["experiment"])
    old = re.compile("<!-- experiment: %s -->\n.*?<!-- end: %s -->\n" % (name, name), re.S)
    if old.search(page):
        page = old.sub(lambda _: text, page)
    else:
        at = page.index(HEAD)
        end = page.find("\n## ", at + len(HEAD))
        end = len(page) if end < 0 else end + 1
        page = page[:end].rstrip("\n") + "\n\n" + text + "\n" + page[end:]
    open(PAGE, "w").write(page)


def run(name, data, folder):
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "out.json")
        subprocess.run([os.path.join(folder, "andon-lab"), "experiment",
                        os.path.join(TOP, "tests", "experiments", name + ".yaml"), "--data", data, "--out", out],
                       check=True)
        put(json.load(open(out)), data, head())


def check():
    page = open(PAGE).read()
    wrong = [] if HEAD in page else ["%s: there is no part %r" % (PAGE, HEAD.strip())]
    found = re.findall(r"<!-- experiment: (\S+) -->\n(.*?)<!-- end: (\S+) -->", page, re.S)
    for name, body, end in found:
        def want(ok, what):
            if not ok:
                wrong.append("%s: %s" % (name, what))

        want(name == end, "it ends as %s" % end)
        want(os.path.exists(os.path.join(TOP, "tests", "experiments", name + ".yaml")), "no such experiment")
        want("    andon-lab experiment tests/experiments/%s.yaml --data DATA/" % name in body, "no command")
        want(re.search(r"^Commit [0-9a-f]{7,}, seeds? [0-9, ]+; \d+ sites; task \w+;", body, re.M), "no commit and seeds")
        want(re.search(r"^\| federated \| .*\d", body, re.M), "no figures of the federated arm")
        tables = re.findall(r"(?:^\|.*\n)+", body, re.M)
        for t in tables:
            widths = {len(line.split("|")) for line in t.splitlines()}
            want(len(widths) == 1, "a table whose rows are not of one width")
    marks = len(re.findall(r"<!-- (?:experiment|end): ", page))
    if marks != 2 * len(found):
        wrong.append("%d marks for %d sections" % (marks, len(found)))
    for line in wrong:
        print("results.py: " + line, file=sys.stderr)
    return 1 if wrong else 0


def main(argv):
    if argv[1:2] == ["run"] and len(argv) in (4, 5):
        run(argv[2], argv[3], argv[4] if len(argv) == 5 else os.path.join(TOP, "build", "release", "bin"))
    elif argv[1:2] == ["write"] and len(argv) == 5:
        put(json.load(open(argv[2])), argv[3], argv[4])
    elif argv[1:] == ["check"]:
        return check()
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
