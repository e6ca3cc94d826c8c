#!/usr/bin/env bash
# kill -9 of the coordinator in every state of a round, and of an agent while it trains and while it
# uploads.  Each time, after a restart, the round ends COMMITTED with all three updates, each site's
# update is in the journal once, the ones acknowledged before the kill among them, and the round computed
# again from its spooled updates gives the same version.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)

events() { grep -o '"event":"'"$2"'"[^}]*' <<<"$1"; }

# Without a pause: states last milliseconds.
await_state() # STATE [STATE]
{
    local until=$(($(now_ms) + 30000)) state
    while :; do
        state=$(state_of "$(round_json "$round")")
        [ "$state" = "$1" ] || [ "$state" = "${2:-none}" ] && return
        [ "$(now_ms)" -lt "$until" ] || die "round $round is $state, never $1"
    done
}

await_updates() # how many
{
    enough() { [ "$(events "$(round_json "$round")" update | wc -l)" -ge "$1" ]; }
    until_true 30 enough "$1" || die "round $round has not $1 updates"
}

restart_coordinator()
{
    kill9_coordinator
    start_coordinator "${coordinator_flags[@]}"
}

stop() { kill -STOP "${site_pid[$1]}"; }
go_on() { kill -CONT "${site_pid[$1]}"; }

# $acknowledged: the updates that were in the journal before the kill.
check_round() # what was done
{
    local json site n update
    over() { case $(state_of "$(round_json "$round")") in COMMITTED | ABORTED) ;; *) false ;; esac; }
    until_true 60 over || die "$1: round $round does not end: $(round_json "$round")"
    json=$(round_json "$round")
    [ "$(state_of "$json")" = COMMITTED ] || die "$1: round $round ended otherwise: $json"
    for site in "${sites[@]}"; do
        n=$(events "$json" update | grep -c "\"site\":\"$site\"")
        [ "$n" -eq 1 ] || die "$1: $n updates of $site in round $round"
    done
    grep -q '"updates":3' <<<"$json" || die "$1: round $round does not count three updates: $json"
    while read -r update; do
        [ -z "$update" ] || grep -qF "$update" <<<"$json" || die "$1: an acknowledged update is lost: $update"
    done <<<"$acknowledged"
    api round replay "$round" >"$work/replay" 2>&1 || die "$1: replay of round $round: $(cat "$work/replay")"
    say "$1: round $round COMMITTED, three updates, replayed to the same version"
    acknowledged=
}

acknowledge() { acknowledged=$(events "$(round_json "$round")" update | sed 's/.*"hash"/"hash"/'); }

# ---- a federation with a model of half a million parameters, so that files take their time
acknowledged=
start_coordinator "${coordinator_flags[@]}"
for i in 0 1 2; do
    write_site "${sites[i]}" $((i + 1))
    sed -i 's/known_normal_rows: 3000/known_normal_rows: 1200/; s/rows: 6000/rows: 1200/; s/scale: site/scale: fleet/' \
        "$work/${sites[i]}.yaml"
    enrol_site "${sites[i]}"
    start_site "${sites[i]}"
done
units=5000
create_model train.rounds=1 drift.rounds=1 drift.epochs=2 gate.loss=100 gate.alarms=1 gate.challenge=1 round.invite=20s
for site in "${sites[@]}"; do
    until_true 20 site_has_rows "$site" 1200 || die "$site does not read"
    until_true 20 site_is "$site" connected true || die "$site does not connect"
done
api campaign start pump >/dev/null || die "no campaign"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 60 promoted || die "no first version: $(api campaign list; api round list)"
say "first version: $(production | cut -c 1-12)"

# ---- the coordinator
for site in "${sites[@]}"; do stop "$site"; done
open_round
await_state INVITING
kill9_coordinator
for site in "${sites[@]}"; do go_on "$site"; done
start_coordinator "${coordinator_flags[@]}"
check_round "coordinator killed in INVITING"

open_round
await_state COLLECTING
restart_coordinator
check_round "coordinator killed in COLLECTING"

open_round
await_state COLLECTING
stop plant-c
await_updates 2
acknowledge
restart_coordinator
go_on plant-c
check_round "coordinator killed with two updates acknowledged"

for try in 1 2; do
    open_round
    await_state SUMMING COMMITTED
    kill9_coordinator
    start_coordinator "${coordinator_flags[@]}"
    check_round "coordinator killed in SUMMING ($try)"
done

open_round
await_state COMMITTED
restart_coordinator
check_round "coordinator killed right after COMMITTED"

# ---- an agent
for try in 1 2; do
    open_round
    await_state COLLECTING
    [ -e "$work/plant-b/uploads/round-$round.update" ] && say "plant-b was faster than the test"
    kill9_site plant-b
    start_site plant-b
    check_round "agent killed while training ($try)"
done

# An upload takes milliseconds: watched without a pause, in another round if it was faster.
catch_upload()
{
    local tries until
    for tries in 1 2 3 4 5 6 7 8 9 10; do
        open_round
        until=$(($(now_ms) + 10000))
        while [ "$(now_ms)" -lt "$until" ]; do
            for _ in {1..20000}; do
                [ -e "$work/plant-b/uploads/round-$round.update" ] && return
            done
            case $(state_of "$(round_json "$round")") in COMMITTED | ABORTED) break ;; esac
        done
    done
    die "plant-b makes no upload"
}

for try in 1 2; do
    catch_upload
    kill9_site plant-b
    start_site plant-b
    check_round "agent killed while uploading ($try)"
done

# ---- both, at moments that nobody chose
for delay in 0.03 0.2 0.5; do
    open_round
    sleep "$delay"
    acknowledge
    kill9_site plant-a
    kill9_coordinator
    start_coordinator "${coordinator_flags[@]}"
    start_site plant-a
    check_round "both killed after $delay s"
done
api journal --verify >/dev/null || die "the journal's chain of hashes is broken"
say "passed"
