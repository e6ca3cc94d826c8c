#!/usr/bin/env bash
# Alarms of rules at a site, from rows that the test writes: raised, acknowledged, shelved, taken out of service, over
# restarts of an agent that is killed; the log has each event once and in order, and what people did with their names.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

row=0
rows() # how many, temperature, running; a row a second by the clock of the data, as agents see it only whole
{
    local i
    for ((i = 0; i < $1; i++)); do
        printf '%s,%s.%d,%s\n' "$(date -u -d "@$((1767225600 + row))" +%FT%TZ)" "$2" $((row % 7)) "$3"
        row=$((row + 1))
    done >>"$work/rows.csv"
}

start_coordinator "${coordinator_flags[@]}"
cat >"$work/plant-a.yaml" <<END
site: plant-a
data: $work/plant-a
lines:
  - name: line-1
    model: oven
    window: 4
    rate_hz: 1
    source: {type: csv, path: $work/rows.csv, poll_ms: 20}
    rules:
      - name: hot
        severity: critical
        for: 3s
        clear_for: 2s
        message: The oven is too hot.
        when: {all: [{sensor: temperature, above: 80, hysteresis: 5}, {sensor: running, above: 0.5}]}
      - {name: rising, severity: low, when: {sensor: temperature, rate_above: 4, over: 8s}}
  - name: line-2
    model: pump
    window: 4
    source: {type: sim, line: pump, seed: 1, site: 1, speed: 100}
    rules:
      - {name: beside, severity: low, when: {alarm: open, line: line-1}}
END
printf 'time,temperature,running\n' >"$work/rows.csv"
rows 20 60 1
sed 's/sensor: running/sensor: runing/' "$work/plant-a.yaml" >"$work/typo.yaml"
enrol_site plant-a
"$agent" run --check --config "$work/plant-a.yaml" >/dev/null || die "the configuration is refused"
typo=$("$agent" run --config "$work/typo.yaml" 2>&1) && die "a rule on a sensor that is not there is taken"
grep -q 'typo.yaml:[0-9:]* no sensor "runing".*the nearest is "running"' <<<"$typo" || die "it says: $typo"
start_site plant-a

alarms() { "$agent" alarms --data "$work/plant-a" "$@"; }
of_line_1() { alarms --log | grep '  line-1  '; }
listed() { alarms --all | grep -E "${2:-line-1} +$1" >/dev/null; }
become() { until_true 10 listed "$@" || die "no \"$1\": $(alarms --all; alarms --log)"; }
do_it() { "$agent" "$@" --data "$work/plant-a" >"$work/deed" 2>&1 || die "$*: $(cat "$work/deed")"; }
refused() { "$agent" "$@" --data "$work/plant-a" >"$work/deed" 2>&1 && die "taken: $*"; }

# ---- raised and acknowledged
until_true 20 site_has_rows plant-a 20 || die "no rows are read"
rows 10 90 1
become '1 +returned +over +low +rule:rising'
become '2 +unacknowledged active +critical +rule:hot .*temperature'
refused ack line-1 7 --by anna
do_it ack line-1 2 --by anna --comment seen
become '2 +acknowledged +active .*, acknowledged by anna'
refused ack line-1 2 --by anna
do_it comment line-1 2 'bearing is ordered' --by otto
become '1 +unacknowledged active +low +rule:beside' line-2
say "an alarm of a rule is raised and acknowledged, and another line sees it"

# ---- over a kill: it is still open and acknowledged, and its end is seen
kill9_site plant-a
rows 10 60 1
start_site plant-a
become '2 +normal +over'
become '1 +returned +over'
do_it ack line-1 1 --by anna
become '1 +normal +over'

# ---- shelved: raised, and shown to nobody until the end
do_it shelve line-1 --for 2h --reason 'the probe is changed' --by anna
logged() { alarms --log | grep -E "$1" >/dev/null; } # to the end: a reader that leaves early fails the pipe
until_true 10 logged 'shelved by anna: the probe is changed, until 20' || die "the line is not shelved: $(alarms --log)"
kill9_site plant-a
start_site plant-a
rows 10 90 1
become '4 +shelved +active +critical'
refused ack line-1 4 --by anna
do_it unshelve line-1 --by otto
become '4 +unacknowledged active'
do_it shelve line-1/4 --for 1s --reason 'a moment' --by otto
until_true 10 logged 'alarm 4 unshelved, unacknowledged .* by expiry' || die "a shelf does not end: $(alarms --log)"
do_it out-of-service line-1 --reason overhaul --by anna
become '4 +out of service +active'
rows 10 60 1
become '4 +normal +over'
do_it in-service line-1 --by anna
until_true 10 logged 'restored to service by anna' || die "the line is not in service"
say "shelved and out of service, over a restart"

# ---- missing values are an event of the data and raise nothing; killed at moments that nobody chose, each alarm is there once
for i in 1 2 3 4 5 6; do
    printf '%s,,1\n' "$(date -u -d "@$((1767225600 + row))" +%FT%TZ)" >>"$work/rows.csv"
    row=$((row + 1))
done
rows 8 61 1
until_true 10 logged 'line-1 +missing of temperature begins' || die "a sensor without values is not logged: $(alarms --log)"
until_true 10 logged 'line-1 +missing of temperature ends' || die "nor that it is back: $(alarms --log)"
for i in 1 2 3 4 5 6; do
    rows 12 91 1
    [ $((i % 2)) = 1 ] || { kill9_site plant-a && start_site plant-a; }
    rows 12 61 1
    kill9_site plant-a
    start_site plant-a
done
become '16 +returned +over +critical'
n=$(of_line_1 | grep -cE 'alarm [0-9]+ raised')
[ "$n" = 16 ] || die "$n alarms were raised: $(alarms --log)"
[ "$(of_line_1 | grep -cE 'alarm [0-9]+ cleared')" = 16 ] || die "not each ended once: $(alarms --log)"
seqs=$(alarms --log --json | grep -o '^{"seq":[0-9]*' | grep -o '[0-9]*$')
[ "$seqs" = "$(seq 1 "$(wc -l <<<"$seqs")")" ] || die "numbers with gaps: $seqs"
alarms --quality --json | grep '"critical":[89]' >/dev/null || die "figures: $(alarms --quality)"
[ "$(alarms --log --json | grep '"alarm":2,' | grep -c '"reason":"The oven is too hot."')" -ge 2 ] ||
    die "the message of the rule is not in the log"
say "six kills: 16 alarms, each raised and cleared once, in order"

# ---- a rule that is gone takes its alarm along, and numbers go on
rows 10 92 1
become '18 +unacknowledged active +critical'
kill -TERM "${site_pid[plant-a]}"
wait "${site_pid[plant-a]}" || die "the agent ended with $?"
sed -i 's/name: hot/name: very-hot/' "$work/plant-a.yaml"
start_site plant-a
become '18 +returned +over'
rows 5 93 1
become '19 +unacknowledged active +critical +rule:very-hot'
until_true 10 logged 'alarm 18 cleared, returned .*: The configuration has this rule no more' || die "$(alarms --log)"

# ---- other settings of the alarm: its state begins anew, the line goes on where it was
kill -TERM "${site_pid[plant-a]}"
wait "${site_pid[plant-a]}" || die "the agent ended with $?"
before=$(alarms --log --json | wc -l)
sed -i 's/^    rate_hz: 1/    rate_hz: 1\n    alarm: {n: 9}/' "$work/plant-a.yaml"
start_site plant-a
become '19 +returned +over'
rows 5 94 1
become '20 +unacknowledged active +critical +rule:very-hot'
grep -q 'event=alarm_state_not_taken_up' "$work/plant-a.log" || die "nothing is said of the state"
grep -q 'event=position_not_found' "$work/plant-a.log" && die "the line reads its data again"
[ $(($(alarms --log --json | wc -l) - before)) -le 4 ] || die "old alarms were raised anew: $(alarms --log)"

# ---- a line that has lost its place, and one that is gone
kill -TERM "${site_pid[plant-a]}"
wait "${site_pid[plant-a]}" || die "the agent ended with $?"
sed -i '/- name: line-2/,$d' "$work/plant-a.yaml"
rm "$work/rows.csv"
printf 'time,temperature,running\n' >"$work/rows.csv"
rows 3 60 1
rows 12 95 1
start_site plant-a
become '20 +returned +over'
become '22 +unacknowledged active +critical +rule:very-hot'
until_true 10 logged 'alarm 20 cleared, .*: The state of the line was not found' || die "$(alarms --log)"
alarms | grep -E 'line-2 .* active ' >/dev/null && die "an alarm of a line that is gone is still active: $(alarms)"
do_it ack line-2 1 --by anna
become '1 +normal +over' line-2
refused shelve line-2 --for 1h --reason gone --by anna

# ---- a damaged log keeps no line from running
kill -TERM "${site_pid[plant-a]}"
wait "${site_pid[plant-a]}" || die "the agent ended with $?"
yes 'this is not a database' | head -c 20000 >"$work/plant-a/alarms.db"
rm -f "$work/plant-a/alarms.db-wal" "$work/plant-a/alarms.db-shm"
rows 10 60 1
rows 10 95 1
start_site plant-a
become '24 +unacknowledged active +critical +rule:very-hot'
[ -s "$work/plant-a/alarms.db.damaged" ] || die "the damaged log is not kept"
grep -q 'event=alarm_log_set_aside' "$work/plant-a.log" || die "nothing is said of the damaged log"
alarms --log --json | sed -n 1p | grep '^{"seq":1[0-9]\{12\},' >/dev/null || die "numbers of the new log are those of the old one"
say "passed"
