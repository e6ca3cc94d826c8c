#!/usr/bin/env bash
# Two lines share one source, each with its own pool, version and alarms.  A site that is killed again and again tells the
# same alarms of both, each once, as one that is not.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

known=3000
faults=60000
sites=(plant-a plant-b)
at_end() { [ "$(lines_at "$1")" = "$2 $2" ]; }
lines_at() { "$agent" status --json --data "$work/$1" | sed -n 's/.*"row": \([0-9]*\).*/\1/p' | xargs; }

events=
for ((at = 4000; at < known + faults; at += 2000)); do
    events+="${events:+, }{name: cavitation, start: $at, length: 300, size: 3}"
done

start_coordinator "${coordinator_flags[@]}"
for site in "${sites[@]}"; do
    rows=$((known + 50)) speed=0 write_site "$site" 1 "$events"
    cat >>"$work/$site.yaml" <<END
  - name: line-2
    model: pump
    window: 4
    stream: line-1
    known_normal_rows: 3000
    wait_for_version: true
    failure_modes: declared
    personalise: {scale: site}
policy: {allow.trusted: yes, min_cohort: 2}
sinks:
  - {name: file, type: file, path: $work/$site.jsonl, from: begin}
END
    enrol_site "$site"
    start_site "$site"
done
create_model min_cohort=2 privacy=trusted train.rounds=3
known_read() { lines_at "$1" | grep -x "$known $known" >/dev/null; }
for site in "${sites[@]}"; do
    until_true 30 known_read "$site" || die "$site does not read its known rows: $(lines_at "$site")"
    until_true 20 site_is "$site" connected true || die "$site does not connect"
done
api campaign start pump >/dev/null || die "no campaign"
for site in "${sites[@]}"; do
    until_true 90 at_end "$site" $((known + 50)) || die "$site has not read what there was: $(lines_at "$site")"
    kill -TERM "${site_pid[$site]}" && wait "${site_pid[$site]}"
    unset "site_pid[$site]"
done

sed -i "s/rows: $((known + 50))/rows: $((known + 50 + faults))/; s/speed: 0/speed: 8000/" "$work/plant-a.yaml" "$work/plant-b.yaml"
for site in "${sites[@]}"; do
    start_site "$site"
done
kills=0
for row in 10000 20000 30000 40000 50000; do
    until_true 60 site_has_rows plant-a $row || die "plant-a does not read"
    kill9_site plant-a
    kills=$((kills + 1))
    start_site plant-a
done
for site in "${sites[@]}"; do
    until_true 120 at_end "$site" $((known + 50 + faults)) || die "$site is at rows $(lines_at "$site")"
done

told() # site, line: alarm, when
{
    sed -nE "s/.*\"kind\":\"(raised|cleared)\".*\"line\":\"$2\".*\"alarm\":([0-9]+),.*\"time_ms\":([0-9]+),.*/\1 \2 \3/p" "$work/$1.jsonl"
}
for line in line-1 line-2; do
    wanted() { told plant-b $line >"$work/b.told" && told plant-a $line >"$work/a.told" && cmp -s "$work/a.told" "$work/b.told"; }
    until_true 20 wanted || die "$line of the site that was killed has other alarms: $(diff "$work/a.told" "$work/b.told")"
    raised=$(grep -c raised "$work/a.told")
    [ "$raised" -ge 20 ] || die "$line: $raised alarms of 30 faults"
    say "$line: $raised alarms, the same after $kills kills"
done
say passed
