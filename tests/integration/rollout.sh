#!/usr/bin/env bash
# A version on its way to real sites: a canary, whose coordinator is killed meanwhile, then the others; a version
# that the canary leaves goes back everywhere by itself; a site that is away holds nothing up and gets it later.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
has_production() { p=$(production) && [ -n "$p" ] && [ "$p" != null ] && [ "$p" != "${1:-}" ]; }
campaign() { api campaign start pump "$@" >"$work/started" 2>&1; }
promote() { api promote pump "$1" --reason 'a test' >"$work/out" 2>&1; }
shows() { api rollout list | sed -n 1,2p | grep "$1" >/dev/null; } # of the last rollout
runs() { site_is "$1" version "$2"; }
n_running() # version
{
    local s n=0
    for s in "${sites[@]}"; do runs "$s" "$1" && n=$((n + 1)); done
    echo "$n"
}
has_canary() { [ "$(n_running "$1")" -eq 1 ]; }
all_run() { [ "$(n_running "$1")" -eq "${#sites[@]}" ]; }
canary_of() { local s; for s in "${sites[@]}"; do runs "$s" "$1" && echo "$s"; done; }
is() # what, seconds, condition ...
{
    local what=$1 seconds=$2
    shift 2
    until_true "$seconds" "$@" || die "$what: $(api rollout list) $(api fleet)"
}

start_coordinator "${coordinator_flags[@]}"
rows=1000000 speed=400
for i in "${!sites[@]}"; do
    enrol_site "${sites[i]}"
    write_site "${sites[i]}" "$((i + 1))"
    start_site "${sites[i]}"
done
create_model train.rounds=2 train.epochs=2 drift.rounds=1 drift.automatic=false gate.loss=10 \
    gate.alarms=1 gate.challenge=1
for s in "${sites[@]}"; do is "$s does not read" 60 site_has_rows "$s" 3000; done
until_true 30 campaign || die "no campaign: $(cat "$work/started")"
is 'no first version' 120 has_production
first=$(production)
is 'the first version is not everywhere' 60 all_run "$first"
api model policy pump rollout.stages='1, all' rollout.soak=20s rollout.deadline=1m >"$work/out" ||
    die "$(cat "$work/out")"

# ---- a canary, then the others ----
until_true 30 campaign --kind incremental || die "no campaign: $(cat "$work/started")"
is 'no canary' 120 shows 'RUNNING *1 of 2'
second=$(api version list --json | tr '{' '\n' | sed -n 's/.*"hash":"\([0-9a-f]*\)".*/\1/p' | head -n 1)
is 'the canary does not run it' 60 has_canary "$second"
[ "$(production)" = "$first" ] || die "production moved with the canary"
kill9_coordinator
start_coordinator "${coordinator_flags[@]}"
has_canary "$second" || die "others have it, too, before the soak is over"
is 'it does not come to all' 120 all_run "$second"
is 'it does not end' 60 shows DONE
[ "$(production)" = "$second" ] || die "production is $(production)"
say 'ok: a canary first, then the others, over a kill of the coordinator'

# ---- one that the canary leaves ----
api model policy pump rollout.soak=5s >"$work/out" || die "$(cat "$work/out")"
promote "$first" || die "$(cat "$work/out")"
is 'no canary' 60 has_canary "$first"
canary=$(canary_of "$first")
"$agent" rollback --data "$work/$canary" line-1 'the score has worsened' >"$work/out" 2>&1 || die "$(cat "$work/out")"
is 'it is not taken back' 60 shows ROLLED_BACK
shows 'the score has worsened' || die "the reason is missing: $(api rollout list)"
is 'not all are back' 60 all_run "$second"
[ "$(production)" = "$second" ] || die "production is $(production)"
api rollout show "$(api rollout list --json | grep -o '"id":[0-9]*' | head -n 1 | cut -d: -f2)" >"$work/out"
grep -q "^$canary .*FAILED .*runs ${second:0:12} " "$work/out" && grep -q 'AT ITS END' "$work/out" ||
    die "what became of a rollout that is over is not said: $(cat "$work/out")"
api history "$canary/line-1" | grep 'the score has worsened' >/dev/null || die "$(api history "$canary/line-1")"
api journal --kind rollout.event --limit 20 >"$work/out"
grep -q 'site .* fails, RUNNING before, now ROLLED_BACK' "$work/out" ||
    die "the journal does not say what was before: $(cat "$work/out")"
say 'ok: one that its canary leaves goes back by itself'

# ---- a site that is away ----
api model policy pump rollout.stages='50%, all' rollout.soak=1s rollout.deadline=12s rollout.reporting=50% \
    rollout.approve=first >"$work/out" || die "$(cat "$work/out")"
until_true 60 campaign --kind incremental || die "no campaign: $(cat "$work/started")"
is 'it waits for nobody' 120 shows 'WAITING *1 of 2'
kill9_site plant-c
id=$(api rollout list --json | grep -o '"id":[0-9]*' | head -n 1 | cut -d: -f2)
api rollout approve "$id" --reason "the canary was quiet" >"$work/out" || die "$(cat "$work/out")"
api journal --limit 100 | grep "the canary was quiet" >/dev/null || die "the journal does not say why a stage was approved"
is 'it does not end without plant-c' 120 shows DONE
third=$(production)
[ "$third" != "$second" ] || die 'production did not move'
[ "$(n_running "$third")" -eq 2 ] || die "$(api fleet)"
start_site plant-c
is 'who was away does not follow' 60 all_run "$third"
api journal verify >"$work/out" || die "$(cat "$work/out")"
say 'ok: a site that is away holds nothing up, and follows when it comes back'
