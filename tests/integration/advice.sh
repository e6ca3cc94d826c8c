#!/usr/bin/env bash
# Advice at a line of a running agent: from versions that were learnt on a generated bowl whose lowest point is known, when a
# rule's alarm opens and when the prediction is past its limit; kept with the alarm and shown by status, alarms, report
# and the local API; a line whose advice cannot be had goes on; nothing of it is in the log of alarms, whose readers are
# the sinks and the write-back, nor at the coordinator.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
for tool in curl python3; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not here"; exit 77; }
done
. tests/support/federation.sh
lab="$bin/andon-lab"

# loss = (x - 1)^2 + (y - 1)^2, smoke = x + y, over -2..2; z is nobody's, and raises the alarm.
python3 - "$work" <<'END'
import random, sys
random.seed(1)
known = [tuple(random.uniform(-2, 2) for _ in range(3)) for _ in range(4000)]
with open(f"{sys.argv[1]}/known.csv", "w") as f:
    f.write("x,y,z,loss,smoke\n")
    for x, y, z in known:
        f.write(f"{x:.5f},{y:.5f},{z:.5f},{(x - 1) ** 2 + (y - 1) ** 2:.5f},{x + y:.5f}\n")
def line(name, rows, at):
    with open(f"{sys.argv[1]}/{name}", "w") as f:
        f.write("time,x,y,z\n" if at == 0 else "")
        for i, (x, y, z) in enumerate(rows, at):
            f.write(f"2026-03-09T10:{i // 60:02}:{i % 60:02}Z,{x:.5f},{y:.5f},{z:.5f}\n")
good = [(0.8 + random.uniform(-.1, .1), 0.1 + random.uniform(-.1, .1), random.uniform(-1, 1)) for _ in range(200)]
bad = [(-1 + random.uniform(-.01, .01), random.uniform(-.01, .01), 1.9) for _ in range(20)]
line("line.csv", good + bad, 0)
line("more.csv", bad, 220)
END
for goal in loss smoke; do
    other=smoke
    [ "$goal" = smoke ] && other=loss
    "$lab" train models/zoo/mlp-regression.yaml "$work/known.csv" --label "$goal" --ignore "$other" --epochs 30 --lr 0.003 \
        --seed 1 --out "$work/$goal.andon" >"$work/train.log" 2>&1 || die "$goal was not learnt"
done
cat >"$work/plant-a.yaml" <<END
site: plant-a
data: $work/plant-a
save: 1s
api: {socket: $work/api.sock}
lines:
  - name: line-1
    model: pump
    known_normal_rows: 100000
    source: {type: csv, path: $work/line.csv}
    rules: [{name: high, severity: high, when: {sensor: z, above: 1.5}}]
    advice:
      version: $work/loss.andon
      known: $work/known.csv
      reach: below
      limit: 2
      every: 1s
      inputs:
        x: {low: -2, high: 2, step: 3}
        y: {low: -2, high: 2, step: 3}
      caps:
        - {version: $work/smoke.andon, most: 1}
END

# ---- what is wrong is said with its place, before anything is opened
wrong() # sed expression, words of the error
{
    sed "$1" "$work/plant-a.yaml" >"$work/wrong.yaml"
    "$agent" run --config "$work/wrong.yaml" >"$work/wrong.out" 2>&1 && die "taken: $1"
    grep -E "wrong.yaml:[0-9]+:[0-9]+: " "$work/wrong.out" | grep "$2" >/dev/null || die "$1: $(cat "$work/wrong.out")"
}
wrong 's/reach: below/reach: best/' 'reach'
wrong '/limit: 2/d' 'limit: is missing'
wrong 's/reach: below/reach: less/' 'limit: belongs to'
wrong '/version: .*loss/d' '"version" is missing'
wrong '/known: .*known.csv/d' '"known" is missing'
wrong 's/every: 1s/every: 10ms/' 'every'
wrong 's/x: {low: -2, high: 2, step: 3}/x: {low: 2, high: -2, step: 3}/' 'high'
wrong 's/x: {low: -2, high: 2, step: 3}/x: {low: -2, high: 2, step: 0}/' 'above 0'
wrong 's/, most: 1//' 'most'
wrong 's/      inputs:/      write: yes\n&/' 'write'

start_coordinator "${coordinator_flags[@]}"
enrol_site plant-a
start_site plant-a

# ---- kept with the alarm, and shown
data=$work/plant-a
of_alarm() { "$agent" alarms show line-1 1 --data "$data" --json 2>/dev/null; }
has_advice() { of_alarm | grep '"advice":{' >/dev/null; }
until_true 30 has_advice || die "no advice: $(of_alarm) $("$agent" status --data "$data")"
of_alarm >"$work/alarm.json"
python3 - "$work/alarm.json" <<'END' || die "the advice: $(cat "$work/alarm.json")"
import json, sys
a = json.load(open(sys.argv[1]))["advice"]
assert a["outcome"] == "moves" and a["alarm"] == 1 and a["line"] == "line-1" and a["model"] == "loss" and a["limit"] == 2, a
assert a["now"] > 4 and 1.5 < a["then"] <= 2, a
assert [m["sensor"] for m in a["moves"]] == ["x", "y"], a
for m in a["moves"]:
    assert -2 <= m["to"] <= 2 and abs(m["to"] - m["from"]) <= 3, m
x, y = (m["to"] for m in a["moves"])
assert (x - 1) ** 2 + (y - 1) ** 2 < 2.3, (x, y)
assert a["caps"][0]["model"] == "smoke" and a["caps"][0]["then"] <= 1 and a["distance_then"] <= a["usual"], a
assert "nothing is written by itself" in a["note"] and "x from" in a["said"], a
END
shows() { "$agent" "$@" --data "$data" | grep 'nothing is written by itself' >/dev/null; }
shows alarms || die "alarms: $("$agent" alarms --data "$data")"
shows alarms show line-1 1 || die "alarm: $("$agent" alarms show line-1 1 --data "$data")"
"$agent" alarms --json --data "$data" | grep '"advice":{' >/dev/null || die "alarms --json"
until_true 10 shows status || die "status: $("$agent" status --data "$data")"
"$agent" status --json --data "$data" | python3 -c '
import json, sys
assert json.load(sys.stdin)["lines"][0]["advice"]["outcome"] == "moves"' || die "status --json"
curl -sS --max-time 10 --unix-socket "$work/api.sock" http://localhost/v1/alarms/line-1/1 | grep '"advice":{"line":"line-1"' >/dev/null ||
    die "the local API"
day=$("$agent" alarms --json --data "$data" | python3 -c '
import json, sys, time
print(time.strftime("%Y-%m-%d", time.localtime(json.load(sys.stdin)[0]["since_ms"] / 1000)))')
"$agent" report --day "$day" --data "$data" >"$work/report.html" 2>"$work/report.err" || die "report: $(cat "$work/report.err")"
grep -F 'Advice: ' "$work/report.html" >/dev/null || die "the report says nothing of it"

# ---- what readers of the log get is without it, and the coordinator hears nothing
"$agent" alarms --log --json --data "$data" >"$work/log.jsonl"
grep 'advice' "$work/log.jsonl" >/dev/null && die "it is in the log of alarms: $(cat "$work/log.jsonl")"
"$agent" ledger --data "$data" | grep -i advice >/dev/null && die "it has left the site"
api alarms --json 2>/dev/null | grep -i advice >/dev/null && die "the coordinator has it"
kill9_site plant-a
start_site plant-a
until_true 20 has_advice || die "a restart has lost it"

# ---- a line whose advice cannot be had goes on, and says so
kill9_site plant-a
mv "$work/known.csv" "$work/away.csv"
rm -rf "$work/api.sock"
cat "$work/more.csv" >>"$work/line.csv"
start_site plant-a
refused() { "$agent" status --data "$data" | grep 'No advice: .*known.csv' >/dev/null; }
until_true 20 refused || die "it does not say why: $("$agent" status --data "$data")"
until_true 20 site_has_rows plant-a 240 || die "the line stands"
say "ok"
