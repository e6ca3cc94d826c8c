#!/usr/bin/env bash
# label: integration postgresql
# A coordinator whose store is moved from SQLite into PostgreSQL and goes on there: rounds over a kill -9 of the
# coordinator, of the server, of both, and the loss of the coordinator's files; then a backup by pg_dump is
# restored into another database, verified and gone on with.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
server=$(tests/support/postgresql.sh start $$) || { rc=$?; echo "$server"; exit "$rc"; }
. tests/support/federation.sh
trap 'cleanup; tests/support/postgresql.sh stop "$server"' EXIT

sites=(plant-a plant-b plant-c)
store="postgresql:host=$server user=andon dbname=andon"

sql() { tests/support/postgresql.sh run "$server" psql -qAt -d "${database:-andon}" -c "$1"; }

# Who could log in before can log in: what checks the password came along.
check_login() # what was done
{
    XDG_CONFIG_HOME=$work/home "$bin/andon" login --user mia --password-stdin --url "$(endpoint http)" \
        <<<'correct horse battery' >"$work/login" 2>&1 || die "$1: $(cat "$work/login")"
    XDG_CONFIG_HOME=$work/home "$bin/andon" logout --url "$(endpoint http)" >"$work/login" 2>&1 ||
        die "$1: $(cat "$work/login")"
}

# Three updates, each once, committed, and the same version again from the records.
check_round() # what was done
{
    local json site n
    over() { case $(state_of "$(round_json "$round")") in COMMITTED | ABORTED) ;; *) false ;; esac; }
    until_true 90 over || die "$1: round $round does not end: $(round_json "$round")"
    json=$(round_json "$round")
    [ "$(state_of "$json")" = COMMITTED ] || die "$1: round $round ended otherwise: $json"
    for site in "${sites[@]}"; do
        n=$(grep -o '"event":"update"[^}]*' <<<"$json" | grep -c "\"site\":\"$site\"")
        [ "$n" -eq 1 ] || die "$1: $n updates of $site in round $round"
    done
    api round replay "$round" >"$work/replay" 2>&1 || die "$1: replay of round $round: $(cat "$work/replay")"
    api journal verify >"$work/verify" 2>&1 || die "$1: $(cat "$work/verify")"
    check_login "$1"
    say "$1: round $round COMMITTED, three updates, replayed to the same version, the journal verified"
}

# ---- founded on SQLite
start_coordinator "${coordinator_flags[@]}"
for i in 0 1 2; do
    write_site "${sites[i]}" $((i + 1))
    sed -i 's/known_normal_rows: 3000/known_normal_rows: 1200/; s/rows: 6000/rows: 1200/; s/scale: site/scale: fleet/' \
        "$work/${sites[i]}.yaml"
    enrol_site "${sites[i]}"
    start_site "${sites[i]}"
done
api user add mia --role viewer --password-stdin <<<'correct horse battery' >/dev/null || die "no user"
create_model train.rounds=1 drift.rounds=1 drift.epochs=2 gate.loss=100 gate.alarms=1 gate.challenge=1 round.invite=20s
for site in "${sites[@]}"; do
    until_true 30 site_has_rows "$site" 1200 || die "$site does not read"
    until_true 30 site_is "$site" connected true || die "$site does not connect"
done
api campaign start pump >/dev/null || die "no campaign"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 90 promoted || die "no first version: $(api campaign list; api round list)"
first=$(production)
say "first version: ${first:0:12}"

# ---- moved
"$bin/andon-coordinator" migrate --from "sqlite:$work/coordinator/store" --to "$store" >"$work/moved" 2>&1 &&
    die "a store in use was moved"
kill "$coordinator_pid"
wait "$coordinator_pid" 2>/dev/null
"$bin/andon-coordinator" migrate --from "sqlite:$work/coordinator/store" --to "$store" >"$work/moved" 2>&1 ||
    die "not moved: $(cat "$work/moved")"
say "$(tail -n 1 "$work/moved")"
coordinator_flags+=(--store "$store")
start_coordinator "${coordinator_flags[@]}"
[ "$(production)" = "$first" ] || die "the version is not the same after the move"
open_round
check_round "on PostgreSQL"

# ---- kill -9
open_round
kill9_coordinator
start_coordinator "${coordinator_flags[@]}"
check_round "coordinator killed"

open_round
tests/support/postgresql.sh kill "$server"
tests/support/postgresql.sh restart "$server" || die "the server does not start again"
until_true 20 api status >/dev/null 2>&1 || die "the coordinator did not outlive its server"
check_round "server killed"

open_round
tests/support/postgresql.sh kill "$server"
kill9_coordinator
tests/support/postgresql.sh restart "$server" || die "the server does not start again"
start_coordinator "${coordinator_flags[@]}"
check_round "both killed"

# ---- its files are lost: versions come from the database
kill9_coordinator
rm -rf "$work/coordinator/store/objects" "$work/coordinator/store/spool"
start_coordinator "${coordinator_flags[@]}"
open_round
check_round "files lost"

# ---- backup and restore
seq=$(sql 'SELECT seq FROM andon.head')
tests/support/postgresql.sh run "$server" pg_dump -Fc -n andon -d andon >"$work/backup" || die "no backup"
open_round
check_round "after the backup"
kill "$coordinator_pid"
wait "$coordinator_pid" 2>/dev/null
tests/support/postgresql.sh run "$server" psql -q -U andon_admin -d postgres \
    -c 'CREATE DATABASE restored OWNER andon' || die "no second database"
tests/support/postgresql.sh run "$server" pg_restore -d restored <"$work/backup" || die "not restored"
[ "$(database=restored sql 'SELECT count(*) FROM andon.records')" -ge "$seq" ] || die "the backup lacks records"
coordinator_flags[-1]="postgresql:host=$server user=andon dbname=restored"
rm -rf "$work/coordinator/store/objects" "$work/coordinator/store/spool"
start_coordinator "${coordinator_flags[@]}"
api journal verify >"$work/verify" 2>&1 || die "restored: $(cat "$work/verify")"
[ -n "$(production)" ] || die "restored: no version"
for site in "${sites[@]}"; do
    until_true 60 site_is "$site" connected true || die "restored: $site does not come back"
done
# What sites began after the backup they begin no second time: its numbers are used up, and the campaign tries again.
open_round
first=$round
trained()
{
    for ((round = first; round < first + 8; round++)); do
        [ "$(state_of "$(round_json "$round" 2>/dev/null)")" = COMMITTED ] && return
    done
    false
}
until_true 90 trained || die "restored: no round is committed: $(api round list)"
check_round "restored from a backup"
say "postgresql: all rounds ended with every update counted once"
