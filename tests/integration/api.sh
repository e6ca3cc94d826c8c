#!/usr/bin/env bash
# The coordinator held to docs/openapi.json: each operation and refusal of one that has a federation behind it, then ten
# thousand requests, good and broken, against one with AddressSanitizer where it is built.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
campaign() { api campaign start pump >"$work/started" 2>&1; }
has_production() { p=$(production) && [ -n "$p" ] && [ "$p" != null ]; }

start_coordinator "${coordinator_flags[@]}"
rows=8000
for i in "${!sites[@]}"; do
    enrol_site "${sites[i]}"
    write_site "${sites[i]}" "$((i + 1))"
    start_site "${sites[i]}"
done
create_model train.rounds=2 train.epochs=1 gate.loss=10 gate.alarms=1
for s in "${sites[@]}"; do until_true 60 site_has_rows "$s" 3000 || die "$s does not read"; done
until_true 30 campaign || die "no campaign: $(cat "$work/started")"
until_true 120 has_production || die "no production: $(api status)"
api group set early plant-a >"$work/out" || die "$(cat "$work/out")"
python3 tests/support/api_conform.py "$work/coordinator" >"$work/conform.log" 2>&1 || die "$(cat "$work/conform.log")"
say "ok: $(cat "$work/conform.log")"

for s in "${sites[@]}"; do kill9_site "$s"; done
kill9_coordinator
[ -x build/dev/bin/andon-coordinator ] && bin=build/dev/bin
start_coordinator "${coordinator_flags[@]}"
bin=$ANDON_BIN
seed=${AN_SEED:-1}
python3 tests/support/api_fuzz.py "$work/coordinator" "$seed" "${AN_REQUESTS:-10000}" >"$work/fuzz.log" 2>&1 ||
    die "seed $seed: $(cat "$work/fuzz.log")"
kill -TERM "$coordinator_pid"
wait "$coordinator_pid"
code=$?
coordinator_pid=
[ "$code" -eq 0 ] || die "the coordinator ended with $code"
say "ok: $(cat "$work/fuzz.log")"
