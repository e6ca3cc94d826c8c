#!/usr/bin/env bash
# Three sites learn together what a gauge says, from the sensors beside it: the gauge is a sensor of the line that the
# model does not look at.  At one of them it begins to say something else, within all that it ever said, and the alarm
# names the gauge and what it should say.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c) faulty=plant-b
model=sheet known=4000
has_production() { p=$(production) && [ -n "$p" ] && [ "$p" != null ]; }
start_training() { api campaign start "$model" >"$work/started" 2>&1; }
alarms() { "$agent" alarms --data "$work/$1" "${@:2}"; }
alarm_is_open() { alarms "$1" --json | grep '"alarm": *1,' >/dev/null; }

# Seconds of a rolling mill; thickness by an interaction of two of its causes.
rows() # site's number, first row, how many, what the gauge is off by
{
    awk -v seed="$1" -v from="$2" -v n="$3" -v off="$4" 'BEGIN {
        srand(seed * 1000 + from)
        for (i = from; i < from + n; i++) {
            force = rand(); speed = rand(); heat = 80 + 20 * force + 4 * (rand() - .5)
            thickness = 5 + 2 * force - 3 * force * speed + .05 * (rand() - .5) + off
            printf "%s,%.4f,%.4f,%.3f,%.4f\n", strftime("%FT%TZ", 1767225600 + i, 1), force, speed, heat, thickness
        } }'
}

start_coordinator "${coordinator_flags[@]}"
for i in "${!sites[@]}"; do
    s=${sites[i]}
    cat >"$work/$s.yaml" <<END
site: $s
data: $work/$s
save: 1s
lines:
  - name: mill
    model: $model
    rate_hz: 1
    known_normal_rows: $known
    wait_for_version: true
    source: {type: csv, path: $work/$s.rows, poll_ms: 20}
    alarm: {k: 4, n: 5}
END
    { echo 'time,force,speed,heat,thickness'; rows "$i" 0 "$known" 0; } >"$work/$s.rows"
    enrol_site "$s"
    start_site "$s"
done
cat >"$work/arch.yaml" <<'END'
model: sheet
input: {features: 4, window: 1}
layers:
  - omit: {column: 3}
  - dense: {units: 24}
  - tanh
  - dense: {units: 1, name: thickness}
  - insert: {column: 3, from: [input, thickness]}
loss: mse
target: input
END
cat >"$work/schema.yaml" <<'END'
sensors: [force, speed, heat, thickness]
rate_hz: 1
window: 1
threshold: quantile:0.999*1.33
END
api model create "$model" --arch "$work/arch.yaml" --schema "$work/schema.yaml" --policy promote.automatic=true \
    --policy min_cohort=3 --policy train.rounds=6 --policy train.epochs=5 --policy train.lr=0.01 \
    --policy train.batch=32 --policy drift.automatic=false >"$work/out" 2>&1 || die "no model: $(cat "$work/out")"
for s in "${sites[@]}"; do
    until_true 60 site_has_rows "$s" "$known" || die "$s does not read"
done
until_true 30 start_training || die "no campaign: $(cat "$work/started")"
until_true 60 has_production || die "no version: $(api campaign list)"
for s in "${sites[@]}"; do
    until_true 60 site_is "$s" version "$(production)" || die "$s does not run it"
done
say 'ok: three sites have learnt what the gauge says'

# ---- a gauge that is off by less than a quarter of what it moves by
for i in "${!sites[@]}"; do
    rows "$i" "$known" 600 0 >>"$work/${sites[i]}.rows"
done
for s in "${sites[@]}"; do
    until_true 30 site_has_rows "$s" $((known + 600)) || die "$s does not read on"
    ! alarm_is_open "$s" || die "an alarm at $s without a fault: $(alarms "$s")"
done
answer() { "$agent" status --data "$work/$1" --json | tr -d ' \n' | grep -o '"answers":\[{"sensor":"thickness"[^]]*' | json "$2"; }
good() { awk -v is="$(answer plant-a measured)" -v should="$(answer plant-a should)" 'BEGIN { exit !(should > 3 && is - should < .3 && should - is < .3) }'; }
until_true 10 good || die "what it should be is not said: $("$agent" status --data "$work/plant-a" --json)"
"$agent" status --data "$work/plant-a" | grep 'line mill: thickness should be [0-9.]* and is [0-9]' >/dev/null || die "$("$agent" status --data "$work/plant-a")"
say "ok: thickness is $(answer plant-a measured) and should be $(answer plant-a should)"
rows 1 $((known + 600)) 60 0.6 >>"$work/$faulty.rows"
until_true 30 alarm_is_open "$faulty" || die "no alarm: $(alarms "$faulty" --all)"
alarms "$faulty" show mill 1 --json >"$work/alarm"
first=$(grep -o '"top":\[{[^}]*}' "$work/alarm")
of() { json "$1" <<<"$first"; }
[ "$(of sensor)" = thickness ] || die "the alarm is about something else: $(cat "$work/alarm")"
awk -v is="$(of value)" -v should="$(of expected)" 'BEGIN { exit !(is - should > .5 && is - should < .7) }' ||
    die "the gauge is off by .6, and the alarm says: $(cat "$work/alarm")"
grep '"reason":"thickness .* above what the other sensors suggest' "$work/alarm" >/dev/null || die "$(cat "$work/alarm")"
for s in plant-a plant-c; do
    ! alarm_is_open "$s" || die "an alarm at $s: $(alarms "$s")"
done
say "ok: the alarm says that thickness is $(of value) and should be $(of expected)"

# ---- a gauge that says nothing is an event of quality, no alarm of the model's
rows 0 $((known + 600)) 60 0 | sed 's/[^,]*$//' >>"$work/plant-a.rows"
until_true 30 site_has_rows plant-a $((known + 660)) || die "plant-a does not read on"
until_true 10 grep 'event=sensor_bad line=mill sensor="thickness"' "$work/plant-a.log" >/dev/null || die "a gauge that is silent goes unsaid"
! alarm_is_open plant-a || die "an alarm for want of values: $(alarms plant-a)"
silent() { "$agent" status --data "$work/plant-a" | grep 'line mill: thickness should be [0-9.]* and is missing' >/dev/null; }
until_true 10 silent || die "what a silent gauge should say is not said: $("$agent" status --data "$work/plant-a" --json)"
say 'ok: a gauge without values is said to be so, and is no alarm'
