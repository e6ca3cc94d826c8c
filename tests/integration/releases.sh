#!/usr/bin/env bash
# A release key that is not with the coordinator, with real processes: what the campaign has made runs nowhere
# until the key has signed it; a delegation lets the coordinator go on by itself; a revocation ends that; the
# root is replaced, and the coordinator and a site that was away find their way after it.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
says() # text, command ...
{
    local want=$1
    shift
    "$@" >"$work/out" 2>&1 || die "$*: $(cat "$work/out")"
    grep -q -- "$want" "$work/out" || die "$*: no \"$want\" in: $(cat "$work/out")"
}
refuses() # text, command ...
{
    local want=$1
    shift
    "$@" >"$work/out" 2>&1 && die "$* went well: $(cat "$work/out")"
    grep -q -- "$want" "$work/out" || die "$*: no \"$want\" in: $(cat "$work/out")"
}
has_production() { p=$(production) && [ -n "$p" ] && [ "$p" != null ] && [ "$p" != "${1:-}" ]; }
campaign() { api campaign start pump "$@" >"$work/started" 2>&1; }
over() { ! api campaign list --json | grep '"over":false' >/dev/null; }

heard_of_plant_c() { api history plant-c --at now | grep "${first:0:12}.*yes" >/dev/null; }

# ---- the key ----
make_release_key
[ "$(stat -c %a "$release_key")" = 600 ] || die "others may read the key"
refuses 'never overwritten' "$bin/andon" key new "$release_key"
says "^public ${release_root[1]}$" "$bin/andon" key show "$release_key"
says '"public":' "$bin/andon" key show "$release_key" --json
chmod 640 "$release_key"
refuses 'others may use this release key' "$bin/andon" key show "$release_key"
chmod 600 "$release_key"
"$bin/andon" key new "$work/keys/other.key" >/dev/null || die "no other key"
"$bin/andon" key new "$work/keys/next.key" >/dev/null || die "no next key"
say 'ok: a key of mode 0600, never overwritten, refused when others may read it'

# ---- nothing runs unsigned ----
start_coordinator "${coordinator_flags[@]}" "${release_root[@]}"
says "release root 0: ${release_root[1]}" api release list
api status | grep 'NOT protected' >/dev/null && die "status says that releases are not protected"
for s in "${sites[@]}"; do enrol_site "$s"; done
sign_roster
rows=200000 speed=400
for i in "${!sites[@]}"; do write_site "${sites[i]}" "$((i + 1))"; start_site "${sites[i]}"; done
create_model train.rounds=2 train.epochs=2 drift.rounds=1 gate.loss=10 gate.alarms=1 gate.challenge=1
for s in "${sites[@]}"; do until_true 60 site_has_rows "$s" 3000 || die "$s does not read"; done
until_true 30 campaign || die "no campaign: $(cat "$work/started")"
until_true 120 release_waits || die "nothing waits: $(api campaign list)"
says "waits for the release root's signature: andon release sign --key FILE 1" api campaign list
says '1 release waits for the signature' api status
has_production && die "production before the key has signed"
site_is plant-a version null || die "plant-a runs what is not signed"
refuses 'not signed by the release root' api release sign 1 --key "$work/keys/other.key"
refuses 'no release 7 waits' api release sign 7 --key "$release_key"
says 'signed, and in force' api release sign 1 --key "$release_key"
has_production || die "no production after the signature"
first=$(production)
for s in "${sites[@]}"; do until_true 60 site_is "$s" version "$first" || die "$s does not run it"; done
until_true 30 over || die "the campaign is not over: $(api campaign list)"
say 'ok: a campaign waits for the release key, and no site runs what it has not signed'

# ---- a delegation, and its end ----
refuses 'not signed by the release root' api release delegate --model pump --key "$work/keys/other.key"
says 'signed, and in force' api release delegate --model pump --count 3 --valid 10d --key "$release_key"
until_true 30 campaign --kind incremental || die "no campaign: $(cat "$work/started")"
until_true 120 has_production "$first" || die "not promoted under the delegation: $(api campaign list) $(api release list)"
second=$(production)
for s in "${sites[@]}"; do until_true 60 site_is "$s" version "$second" || die "$s does not run the second"; done
says 'use 1 of delegation 1' api release list
says "production of model pump is now $first" api rollback pump --reason 'a test'
for s in "${sites[@]}"; do until_true 60 site_is "$s" version "$first" || die "$s does not go back"; done
kill9_site plant-c
says 'is revoked' api release revoke-delegation 1 --key "$release_key"
waits_anew() { api release list | grep 'the statement before holds no longer' >/dev/null; }
until_true 30 waits_anew || die "production is not asked for anew: $(api release list)"
says 'signed, and in force' api release sign --all --key "$release_key"
says 'waits for the signature of the release root: andon release sign --key FILE 3' api promote pump "$second" --reason 'a test'
says 'waits no more' api release drop 3 --reason 'a test'
says 'no release waits' api release list
say 'ok: the coordinator signs within a delegation, and no longer when it is revoked'

# ---- another root ----
refuses 'not the key of the present root' api release rotate-root --old "$work/keys/other.key" --new "$work/keys/next.key"
refuses 'give --old FILE' api release rotate-root --new "$work/keys/next.key"
says 'release root 1 is in force' api release rotate-root --old "$release_key" --new "$work/keys/next.key"
says 'no release waits' api release list
kill9_coordinator
start_coordinator "${coordinator_flags[@]}" "${release_root[@]}" # the configuration names the first root still
start_site plant-c
says 'release root 1:' api release list
api promote pump "$second" --reason 'a test' >/dev/null || die "no promotion"
refuses 'not signed by the release root' api release sign --all --key "$release_key"
says 'signed, and in force' api release sign --all --key "$work/keys/next.key"
for s in "${sites[@]}"; do until_true 60 site_is "$s" version "$second" || die "$s does not follow the new root"; done
enrol_site plant-d
says 'root.rotated' api journal --kind root.rotated --limit 5 --json
says 'countersigned by their sites' api journal verify
says 'records written to' api journal export "$work/journal.jsonl"
says 'signed: [0-9]* releases, .*, 1 rotation of the root$' api journal verify --file "$work/journal.jsonl"
sed 's/"state.":."running/"state\\":\\"refused/' "$work/journal.jsonl" >"$work/other.jsonl"
refuses 'NOT INTACT' api journal verify --file "$work/other.jsonl"
says 'layout, against its parent' api version show "$second"
says 'release root\|under a delegation' api version card "$second"
api version card "$second" --out "$work/card.md" >/dev/null || die "no card"
grep -q '^# Model card: pump' "$work/card.md" || die "the card says: $(cat "$work/card.md")"
says 'both come from' api version compare "$second" "$(api version list --json | sed 's/.*"hash": *"\([0-9a-f]*\)".*/\1/')"
says 'pump-1\|line' api history plant-a
says 'yes' api history plant-a
says 'production' api history pump
says 'production' api history pump --at now
refuses 'give a day' api history pump --at yesterday
refuses 'give a day' api history pump --at 2026-02-30
refuses 'no site and no model' api history nothing
refuses 'no line line-9 is known at site plant-a; its lines: line-1' api history plant-a/line-9
says 'production of model pump moved' api journal --actor user/admin --since 1h --until now --subject pump
api journal --until 1970-01-02 | grep . >/dev/null && die "there are records of 1970"
say 'ok: the root was replaced; the site that was away followed, a new one enrolled'

# ---- a site without a link ----
until_true 60 site_is plant-c version "$second" || die "plant-c does not run the second"
kill9_site plant-c
says 'waits for the signature' api promote pump "$first" --reason 'a test'
says 'signed, and in force' api release sign --all --key "$work/keys/next.key"
says 'is in' api version export pump "$work/pump.parcel"
kill9_coordinator
start_site plant-c
until_true 60 site_is plant-c version "$second" || die "plant-c does not resume"
head -c 2000 "$work/pump.parcel" >"$work/cut.parcel"
{ cat "$work/pump.parcel"; printf x; } >"$work/long.parcel"
refuses 'parcel' "$agent" import --data "$work/plant-c" "$work/cut.parcel"
refuses 'longer than it says' "$agent" import --data "$work/plant-c" "$work/long.parcel"
says 'is followed' "$agent" import --data "$work/plant-c" "$work/pump.parcel"
until_true 60 site_is plant-c version "$first" || die "plant-c does not follow the file"
start_coordinator "${coordinator_flags[@]}" "${release_root[@]}"
until_true 60 heard_of_plant_c || die "what plant-c runs was not reported: $(api history plant-c)"
says 'here already' "$agent" import --data "$work/plant-c" "$work/pump.parcel"
say 'ok: a site without a link follows a release that came as a file'

# ---- without a root ----
kill9_coordinator
mv "$work/coordinator" "$work/kept"
unset control bulk enrol
start_coordinator "${coordinator_flags[@]}"
says 'NOT protected' api status
grep -q releases_not_protected "$work/coordinator.log" || die "the coordinator does not say that it is its own root"
says 'release root 1 is in force' api release rotate-root --new "$work/keys/next.key"
api status | grep 'NOT protected' >/dev/null && die "still not protected"
say 'ok: a coordinator without a root says so, and gets one'
