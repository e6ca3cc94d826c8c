#!/usr/bin/env bash
# A whole federation on a disk that is full while a fault happens: every site goes on scoring, and with
# room again no alarm is missing and none has come twice.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

# All of it lives in a small file system in memory that this script alone sees.
if [ -z "${AN_SMALL_DISK:-}" ]; then
    : "${ANDON_BIN:?is not set: run this through tests/run}"
    place=$(mktemp -d) || exit 1
    trap 'rmdir "$place"' EXIT
    if ! unshare --user --map-root-user --mount mount -t tmpfs none "$place" 2>/dev/null; then
        echo "no small file system can be mounted here without being root"
        exit 77
    fi
    # shellcheck disable=SC2016 # the inner shell expands them
    unshare --user --map-root-user --mount sh -c \
        'mount -t tmpfs -o size=96m none "$1" && AN_LOGS=${TMPDIR:-/tmp} TMPDIR=$1 AN_SMALL_DISK=$1 exec "$2"' sh "$place" "$PWD/tests/integration/full_disk.sh"
    exit
fi
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
# What they say is read while the disk is full, so it lies on another one.
logs=$(TMPDIR=${AN_LOGS:-/tmp} mktemp -d) || exit 1
trap 'cleanup; rm -rf "$logs"' EXIT
for name in "${sites[@]}" coordinator; do
    ln -s "$logs/$name.log" "$work/$name.log"
done
start_coordinator "${coordinator_flags[@]}"
speed=1000 rows=14000 fault=9000
for i in 0 1 2; do
    write_site "${sites[i]}" $((i + 1)) '{name: cavitation, start: '$fault', length: 300, size: 3}'
    # Its scores would stay away for want of room, too, but they are how the test sees that it goes on.
    sed -i '/scores_out/d' "$work/${sites[i]}.yaml"
    enrol_site "${sites[i]}"
    start_site "${sites[i]}"
done
create_model train.rounds=2
for site in "${sites[@]}"; do
    until_true 20 site_has_rows "$site" 3000 || die "$site does not read its known rows"
    until_true 20 site_is "$site" connected true || die "$site does not connect"
done
api campaign start pump >/dev/null || die "no campaign"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 60 promoted || die "no version was promoted"
for site in "${sites[@]}"; do
    until_true 20 site_is "$site" version "$(production)" || die "$site does not run the version"
done

# ---- full before the fault, until it is over
journal() { api journal --kind alarm.summary --subject "$1" --limit 500 --json | grep -o '"line":"line-1","alarm":[0-9]*,"version":"[0-9a-f]*","raised_ms":[0-9]*,"cleared_ms":[0-9]*'; }
logged() { grep -c "event=alarm_$2 " "$logs/$1.log"; }
[ "$(site_status plant-a row)" -lt "$fault" ] || say "the machine is too busy: the fault came before the disk was full"
declare -A known
for site in "${sites[@]}"; do
    known[$site]=$(logged "$site" cleared)
done
ballast=$AN_SMALL_DISK/ballast
cat /dev/zero >"$ballast" 2>/dev/null
over() { [ "$(logged "$1" cleared)" -gt "${known[$1]}" ]; }
for site in "${sites[@]}"; do
    until_true 40 over "$site" || die "$site does not go on without room"
    grep -q 'event=[a-z]*_not_kept' "$logs/$site.log" || die "$site does not say that the disk is full"
done
say "every site went on without room"

# ---- killed with what it could keep in memory only: it reads the same rows again
kill9_site plant-c
rm -f "$ballast"
start_site plant-c
all_told() { [ "$(site_status "$1" facts_waiting)" = 0 ] && [ "$(journal "$1" | wc -l)" -ge "$(($(logged "$1" raised) + $(logged "$1" cleared)))" ]; }
for site in plant-a plant-b; do
    until_true 40 all_told "$site" || die "$site raised $(logged "$site" raised) alarms, told $(journal "$site" | wc -l)"
done
two() { [ "$(journal plant-c | wc -l)" -ge 2 ]; }
until_true 60 two || die "plant-c forgot its alarms"
for site in "${sites[@]}"; do
    [ -z "$(journal "$site" | sort | uniq -d)" ] || die "alarms of $site arrived twice: $(journal "$site")"
done
# The site's own log: all that was raised, once, with numbers that have no gaps.
in_log() { "$agent" alarms --log --data "$work/$1" | grep -oE "alarm [0-9]+ ($2)," ; }
logged_all() { [ "$(in_log "$1" 'raised|cleared' | wc -l)" -ge "$(($(logged "$1" raised) + $(logged "$1" cleared)))" ]; }
for site in plant-a plant-b; do
    until_true 20 logged_all "$site" || die "$site raised $(logged "$site" raised) alarms, logged $(in_log "$site" raised)"
done
for site in "${sites[@]}"; do
    [ -z "$(in_log "$site" 'raised|cleared' | sort | uniq -d)" ] || die "$site logged twice: $(in_log "$site" raised)"
    [ "$(in_log "$site" raised | wc -l)" -ge 1 ] || die "$site logged no alarm"
    seqs=$("$agent" alarms --log --data "$work/$site" | awk '{print $1}')
    [ "$seqs" = "$(seq 1 "$(wc -l <<<"$seqs")")" ] || die "numbers of $site with gaps: $seqs"
done
api journal --verify >/dev/null || die "the journal is not whole"
say "passed"
