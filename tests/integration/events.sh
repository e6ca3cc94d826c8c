#!/usr/bin/env bash
# The live events of a coordinator beside a federation that trains: fifty listeners that come and go, and a kill of the
# coordinator; each hears every record once and in order.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
campaign() { api campaign start pump >"$work/started" 2>&1; }
has_production() { p=$(production) && [ -n "$p" ] && [ "$p" != null ]; }
n_records() { api status --json | sed -n 's/.*"journal_seq":\([0-9]*\).*/\1/p'; }
has_round() { api round list --json | grep '"id":' >/dev/null; }

coordinator_flags+=(--http.heartbeat 1s)
start_coordinator "${coordinator_flags[@]}"
python3 tests/support/events.py "$work/coordinator" 50 "$work/stop" >"$work/listeners.log" 2>&1 &
listeners=$!
for i in "${!sites[@]}"; do
    enrol_site "${sites[i]}"
    write_site "${sites[i]}" "$((i + 1))"
    start_site "${sites[i]}"
done
create_model train.rounds=4 train.epochs=1 gate.loss=10 gate.alarms=1
for s in "${sites[@]}"; do until_true 60 site_has_rows "$s" 3000 || die "$s does not read"; done
until_true 30 campaign || die "no campaign: $(cat "$work/started")"
until_true 60 has_round || die "no round"
kill9_coordinator
start_coordinator "${coordinator_flags[@]}"
until_true 120 has_production || die "no production: $(api status)"
for s in "${sites[@]}"; do kill9_site "$s"; done
n_records >"$work/stop.new" && [ -s "$work/stop.new" ] && mv "$work/stop.new" "$work/stop" || die "no last record"
api token --valid 1m >"$work/out" || die "no token: $(cat "$work/out")" # who has all is waked once more
wait "$listeners" || die "$(tail -n 3 "$work/listeners.log")"
[ "$(cat "$work/stop")" -gt 50 ] || die "only $(cat "$work/stop") records"
say "ok: $(cat "$work/listeners.log"), $(cat "$work/stop") records"
