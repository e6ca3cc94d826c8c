#!/usr/bin/env bash
# Two senses of one machine, each a line with a model of its own: a fault that neither calls an alarm is one of the rule
# that fuses their scores, and the alarm names both.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c) faulty=plant-b
senses=(camera microphone)
known=3000 calm=1500 fault=900
version_of() { model=$1 production; }
has_version() { local p; p=$(version_of "$1") && [ -n "$p" ] && [ "$p" != null ]; }
start_training() { api campaign start "$1" >"$work/started" 2>&1; }
alarms() { "$agent" alarms --data "$work/$1" "${@:2}"; }
# Every line of the site has read so many rows, and runs the version of its model.
lines_have() # site, rows
{
    "$agent" status --data "$work/$1" --json 2>/dev/null | grep -o '"row": *[0-9]*' |
        awk -v least="$2" '{ n += $2 >= least } END { exit n != 2 }'
}
all_run() # site
{
    local s status
    status=$("$agent" status --data "$work/$1" --json 2>/dev/null) || return 1
    for s in "${senses[@]}"; do grep "\"version\": *\"$(version_of "$s")\"" <<<"$status" >/dev/null || return 1; done
}

# Two values of normal noise, moved by so many standard deviations.
rows() # seed, how many, moved by
{
    awk -v seed="$1" -v n="$2" -v off="$3" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) {
            r = sqrt(-2 * log(1 - rand())); a = 6.283185307 * rand()
            printf "%.4f,%.4f\n", r * cos(a) + off, r * sin(a) + off
        } }'
}

start_coordinator "${coordinator_flags[@]}"
for i in "${!sites[@]}"; do
    s=${sites[i]}
    {
        printf 'site: %s\ndata: %s\nsave: 1s\nlines:\n' "$s" "$work/$s"
        for k in "${!senses[@]}"; do
            sense=${senses[k]}
            cat <<END
  - name: $sense
    model: $sense
    rate_hz: 100
    known_normal_rows: $known
    wait_for_version: true
    source: {type: csv, path: $work/$s.$sense, poll_ms: 20, speed: 1000}
END
            { echo "${sense}_1,${sense}_2"; rows $((10 * i + k)) "$known" 0; } >"$work/$s.$sense"
        done
        # In the last line, so that the other one has a score when it is asked.
        echo '    rules: [{name: both, severity: high, when: {fused: [camera, microphone], by: fisher, far: 0.00001}}]'
    } >"$work/$s.yaml"
    enrol_site "$s"
    start_site "$s"
done
for sense in "${senses[@]}"; do
    api model create "$sense" --detector mahalanobis --sensors "${sense}_1,${sense}_2" --rate-hz 100 --window 1 \
        --threshold 'quantile:0.999*2' --policy promote.automatic=true --policy min_cohort=3 \
        --policy drift.automatic=false >"$work/out" 2>&1 || die "no model: $(cat "$work/out")"
done
for s in "${sites[@]}"; do
    until_true 60 lines_have "$s" "$known" || die "$s does not read"
done
for sense in "${senses[@]}"; do
    until_true 30 start_training "$sense" || die "no campaign: $(cat "$work/started")"
    until_true 60 has_version "$sense" || die "no version: $(api campaign list)"
done
for s in "${sites[@]}"; do
    until_true 60 all_run "$s" || die "$s does not run both: $("$agent" status --data "$work/$s")"
done

# ---- normal operation, and then a fault of which each sense sees a little
for i in "${!sites[@]}"; do
    for k in "${!senses[@]}"; do rows $((100 + 10 * i + k)) "$calm" 0 >>"$work/${sites[i]}.${senses[k]}"; done
done
for s in "${sites[@]}"; do
    until_true 60 lines_have "$s" $((known + calm)) || die "$s does not read on"
    ! alarms "$s" --all --json | grep '"seq"' >/dev/null || die "an alarm at $s without a fault: $(alarms "$s" --all)"
done
for k in "${!senses[@]}"; do rows $((200 + k)) "$fault" 1.45 >"$work/fault.$k"; done
for k in "${!senses[@]}"; do cat "$work/fault.$k" >>"$work/$faulty.${senses[k]}"; done
fused_is_said() { alarms "$faulty" --all --json | grep -o '"alarm":[0-9]*,[^{]*"source": *"rule:both"' >"$work/said"; }
until_true 30 fused_is_said || die "nobody has seen it: $(alarms "$faulty" --all)"
until_true 30 lines_have "$faulty" $((known + calm + fault)) || die "$faulty does not read on"
alarms "$faulty" show microphone "$(head -n 1 "$work/said" | grep -o '[0-9]*' | head -n 1)" --json >"$work/alarm"
for sense in "${senses[@]}"; do
    grep "\"sensor\": *\"$sense\"" "$work/alarm" >/dev/null || die "the alarm does not name $sense: $(cat "$work/alarm")"
done
! alarms "$faulty" --all --json | grep '"source": *"model"' >/dev/null || die "one sense sees it alone: $(alarms "$faulty" --all)"
say "ok: neither sense calls it an alarm, both together do, and the alarm names them"
