#!/usr/bin/env bash
# Rounds of three sites beside 140 slow clients of the coordinator's HTTP door (tests/support/slow_clients.py).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
has_production() { p=$(production) && [ -n "$p" ] && [ "$p" != null ]; }

start_coordinator "${coordinator_flags[@]}"
for i in "${!sites[@]}"; do
    enrol_site "${sites[i]}"
    write_site "${sites[i]}" "$((i + 1))"
    start_site "${sites[i]}"
done
create_model train.rounds=2 train.epochs=1 drift.rounds=10 drift.epochs=2 gate.loss=10 gate.alarms=1
for s in "${sites[@]}"; do until_true 60 site_has_rows "$s" 3000 || die "$s does not read"; done
campaign() { api campaign start pump >"$work/started" 2>&1; }
until_true 30 campaign || die "no campaign: $(cat "$work/started")"
until_true 120 has_production || die "no production: $(api status)"
python3 tests/support/slow_clients.py "$work/coordinator" pump "$coordinator_pid" ${AN_WHOLE:+--whole} >"$work/slow.log" 2>&1 || die "$(cat "$work/slow.log")"
grep site_silent "$work/coordinator.log" && die "a site was not heard"
until_true 20 api status >"$work/out" 2>&1 || die "nobody is answered after it: $(cat "$work/out")"
say "ok: $(cat "$work/slow.log")"
