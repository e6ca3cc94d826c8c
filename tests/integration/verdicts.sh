#!/usr/bin/env bash
# Verdicts of an MES at a site, from rows and parts that the test writes: a table is taken whole or not at all, says the same
# when it is taken again, outlives an agent that is killed, and what it says is in log, figures and pool.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

row=0
parts() # how many, temperature; a part a second by the clock of the data
{
    local i
    for ((i = 0; i < $1; i++)); do
        printf '%s,P-%d,%s.%d\n' "$(date -u -d "@$((1767225600 + row))" +%FT%TZ)" "$row" "$2" $((row % 7))
        row=$((row + 1))
    done >>"$work/rows.csv"
}

start_coordinator "${coordinator_flags[@]}"
cat >"$work/plant-a.yaml" <<END
site: plant-a
data: $work/plant-a
save: 1s
lines:
  - name: press
    model: press
    rate_hz: 1
    source: {type: csv, path: $work/rows.csv, poll_ms: 20, part: part}
    rules:
      - {name: hot, severity: high, when: {sensor: temperature, above: 80}}
END
printf 'time,part,temperature\n' >"$work/rows.csv"
parts 40 60 # P-0 to P-39
parts 3 90  # P-40 to P-42: alarm 1
parts 20 60
parts 2 95  # P-63, P-64: alarm 2
parts 20 60
enrol_site plant-a
start_site plant-a

agent_says() { "$agent" "$@" --data "$work/plant-a" >"$work/said" 2>&1; }
do_it() { agent_says "$@" || die "$*: $(cat "$work/said")"; }
refused() { agent_says "$@" && die "taken: $*"; }
said() { grep -q "$1" "$work/said" || die "it does not say \"$1\": $(cat "$work/said")"; }
alarms() { "$agent" alarms --data "$work/plant-a" "$@"; }
logged() { alarms --log | grep -E "$1" >/dev/null; }
records() { alarms --log --json | wc -l; }

until_true 20 site_has_rows plant-a 85 || die "no rows are read"
until_true 10 logged 'alarm 2 cleared' || die "no alarms: $(alarms --log)"

# ---- a table with rows that cannot be taken: all are named, and nothing is taken
printf 'SerialNo;Result;Kind\nP-41;NOK;crack\nP-99;NOK;\nP-3;perhaps;\nP-42;missed;\nP-5;NOK;dent\n' >"$work/bad.csv"
mes=(--line press --columns part=SerialNo,verdict=Result,class=Kind --words NOK=true,IO=false)
before=$(records)
refused verdicts import "$work/bad.csv" "${mes[@]}"
said 'bad.csv:3: no part "P-99" was seen at line press'
said 'bad.csv:4: the verdict is not'
said 'bad.csv:5: an alarm was raised then'
[ ! -e "$work/plant-a/verdicts" ] || die "something was left"
do_it verdicts import "$work/bad.csv" "${mes[@]}" --skip --dry-run
said '2 rows, 2 new.*verdicts on 1 alarm, 1 missed defect'
[ "$(records)" = "$before" ] || die "a dry run has changed the log"

# ---- taken whole; again, and one that overlaps: only what is new
printf 'SerialNo;Result;Kind\nP-41;NOK;crack\nP-5;NOK;dent\n' >"$work/monday.csv"
for ((i = 6; i < 36; i++)); do printf 'P-%d;IO;\n' "$i"; done >>"$work/monday.csv"
do_it verdicts import "$work/monday.csv" "${mes[@]}"
said '32 rows, 32 new'
until_true 10 logged 'alarm 1 verdict, .* by mes, verdict true' || die "no verdict: $(alarms --log)"
logged 'missed by mes' || die "no missed defect: $(alarms --log)"
alarms --log --json | grep '"kind":"missed"' | grep '"part":"P-5"' | grep '"class":"dent"' >/dev/null || die "$(alarms --log --json)"
after=$(records)
[ $((after - before)) = 2 ] || die "$((after - before)) records for two: $(alarms --log)"
do_it verdicts import "$work/monday.csv" "${mes[@]}"
said '0 new, 0 changed, 32 known; verdicts on 0 alarms, 0 missed'
say "a table of an MES is taken once, whole or not at all"

# ---- while the agent is away, and over a kill: it is taken at the next start, once
kill9_site plant-a
printf 'SerialNo;Result;Kind\nP-5;NOK;dent\nP-63;IO;\nP-64;IO;\n' >"$work/tuesday.csv"
do_it verdicts import "$work/tuesday.csv" "${mes[@]}"
said '2 new, 0 changed, 1 known; verdicts on 1 alarm'
ls "$work"/plant-a/verdicts/*.csv >/dev/null || die "nothing is left for the agent"
cp "$work"/plant-a/verdicts/*.csv "$work/again.csv"
start_site plant-a
until_true 20 logged 'alarm 2 verdict, .* verdict false' || die "not taken after the start: $(alarms --log)"
gone() { ! ls "$work"/plant-a/verdicts/*.csv >/dev/null 2>&1; }
until_true 10 gone || die "the table is still there"
after=$(records)
cp "$work/again.csv" "$work/plant-a/verdicts/again.csv" # as if it had been killed before it was removed
until_true 10 gone || die "the table is still there"
[ "$(records)" = "$after" ] || die "a table that was judged before has changed the log: $(alarms --log)"

# ---- people beside it
do_it verdict press 2 true --by anna --class seal --comment 'looked myself'
until_true 10 logged 'alarm 2 verdict, .* by anna: looked myself, verdict true' || die "$(alarms --log)"
do_it missed press 'oil on the floor' --by otto --class leak
until_true 10 logged 'missed by otto: oil on the floor' || die "$(alarms --log)"
# ---- and what the pool made of it
labelled() { "$agent" samples press --label "$1" --json --data "$work/plant-a" | grep '"windows"' >/dev/null; }
until_true 10 labelled normal || die "no window is labelled: $("$agent" samples press --data "$work/plant-a")"
until_true 10 labelled dent || die "the missed part is not in the pool: $("$agent" samples press --data "$work/plant-a")"
until_true 10 labelled crack || die "the alarm's part is not in the pool: $("$agent" samples press --data "$work/plant-a")"
"$agent" samples press --part train --label dent --data "$work/plant-a" | grep dent >/dev/null && die "a defect is trained on"
figures=$("$agent" verdicts --by day --json --data "$work/plant-a")
grep -q '"missed":1,"good":30,' <<<"$figures" || die "the first day's figures: $figures" # alarms of rules are not the model's
printf 'line,alarm,verdict\npress,7,true\n' >"$work/none.csv"
refused verdicts import "$work/none.csv"
said 'none.csv:2: line press has no alarm 7'
say "passed"
