#!/usr/bin/env bash
# Asynchronous rounds with real sites: one that stands still in the middle of its training is not waited for, and what it
# delivers when it goes on counts once, in a later round of the campaign.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
start_coordinator "${coordinator_flags[@]}"
for i in "${!sites[@]}"; do
    enrol_site "${sites[i]}"
    write_site "${sites[i]}" "$((i + 1))"
    echo 'policy: {allow.trusted: yes, min_cohort: 2}' >>"$work/${sites[i]}.yaml"
    start_site "${sites[i]}"
done
units=128
create_model privacy=trusted min_cohort=2 round.invite=3s async.staleness=50 async.buffer=2 train.rounds=10 \
    train.epochs=300 gate.loss=10 gate.alarms=1 gate.challenge=1
for s in "${sites[@]}"; do until_true 60 site_has_rows "$s" 3000 || die "$s does not read"; done
began() { api campaign start pump >"$work/started" 2>&1; }
until_true 30 began || die "no campaign: $(cat "$work/started")"

# ---- it has taken the plan, and stands still ----
trains()
{
    round=$(last_round) && [ -n "$round" ] && one=$(round_json "$round") &&
        grep -q '"kind":"train"' <<<"$one" && grep -q '"event":"accept"[^}]*"site":"plant-c"' <<<"$one" &&
        ! grep -q '"event":"update"[^}]*"site":"plant-c"' <<<"$one"
}
is_over() { [ "$(state_of "$(round_json "$1")")" = COMMITTED ]; }
owes() { round_json "$1" | grep '"owing":\["plant-c"\]' >/dev/null; }
stop_in_its_training() # it may just have been ready: then in a later round
{
    for _ in 1 2 3 4; do
        until_true 60 trains || die "plant-c does not train: $(round_json "$(last_round)")"
        kill -STOP "${site_pid[plant-c]}"
        until_true 60 is_over "$round" || die "round $round waits for plant-c: $(round_json "$round")"
        owes "$round" && return
        kill -CONT "${site_pid[plant-c]}"
    done
    die "nobody says that plant-c owes its update: $(round_json "$round")"
}
stop_in_its_training
later() { [ "$(last_round)" -gt "$((round + 1))" ]; }
until_true 60 later || die 'the campaign does not go on'
say "ok: round $round ends without a site that stands still, and the campaign goes on"

# ---- it goes on ----
kill -CONT "${site_pid[plant-c]}"
late() { api journal --kind round.event --limit 1000 | grep "site plant-c has sent its update, trained in round $round and"; }
until_true 60 late >"$work/late" || die "its update does not count: $(api journal --kind round.event --limit 40)"
ended() { [ "$(api campaign list --json | grep -o '"state":"[A-Z]*"' | head -n 1)" = '"state":"PROMOTED"' ]; }
until_true 120 ended || die "the campaign does not end: $(api campaign list)"
[ "$(late | wc -l)" -eq 1 ] || die "it counts more than once: $(late)"
takes=$(late | grep -o 'round/[0-9]*' | head -n 1 | cut -d/ -f2)
[ "$takes" -gt "$round" ] || die "it counts in round $takes"
api round show "$takes" | grep "trained in round $round" >/dev/null || die "$(api round show "$takes")"
api round replay "$takes" >"$work/out" || die "round $takes is not the same again: $(cat "$work/out")"
api journal verify >"$work/out" || die "$(cat "$work/out")"
say "ok: its update of round $round counts once, in round $takes, which replays to the same bits"
