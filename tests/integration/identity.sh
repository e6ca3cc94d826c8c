#!/usr/bin/env bash
# A site's keys with real processes: rotated while both ends are killed in between, stolen keys that were
# rotated away, a site revoked over its open connection, a site that lost its disk.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
site_field() { api site list --json | tr '{' '\n' | grep "\"name\":\"$1\"" | sed -n 's/.*"'"$2"'":"\([^"]*\)".*/\1/p'; }
connected() { site_status "$1" connected | grep true >/dev/null; }
not() { ! "$@"; }
speaks_with() { [ "$(site_field "$1" fingerprint)" = "$2" ]; } # site, fingerprint
offers() { [ -n "$(site_field "$1" next_fingerprint)" ]; }
shows() { "$agent" status --data "$work/$1" | grep "^$2" >/dev/null; } # site, the beginning of a line
updates() { api round list | awk '$4 == "COMMITTED" { print $5 }' | sort -u; }
campaign() { api campaign start pump >"$work/started" 2>&1; }

make_release_key
start_coordinator "${coordinator_flags[@]}" "${release_root[@]}"
for s in "${sites[@]}"; do enrol_site "$s"; done
api site roster --key "$release_key" </dev/null >"$work/out" 2>&1 && die "signed before anybody has compared"
grep -q '^plant-a .* new site' "$work/out" || die "what would be signed is not shown: $(cat "$work/out")"
sign_roster
rows=200000 speed=400
for i in "${!sites[@]}"; do write_site "${sites[i]}" "$((i + 1))"; start_site "${sites[i]}"; done
create_model train.rounds=1 train.epochs=1 gate.loss=10 gate.alarms=1 gate.challenge=1
for s in "${sites[@]}"; do until_true 60 site_has_rows "$s" 3000 || die "$s does not read"; done
for s in "${sites[@]}"; do until_true 30 connected "$s" || die "$s is not connected"; done

# ---- where the secrets are ----
for pid in "$coordinator_pid" "${site_pid[plant-a]}"; do
    grep -q '^VmLck:[[:space:]]*[1-9]' "/proc/$pid/status" || die "no memory of process $pid is locked"
    grep -q '^Max core file size *0 *0 ' "/proc/$pid/limits" || die "process $pid would leave a core file"
done
say 'ok: secrets are in locked memory, and a crash leaves no core file'

# ---- rotation ----
cp -a "$work/plant-a/identity" "$work/stolen.identity"
former=$(site_field plant-a fingerprint)
"$agent" rotate --data "$work/plant-a" >/dev/null || die "no rotation"
until_true 15 offers plant-a || die "the coordinator has no next keys: $("$agent" status --data "$work/plant-a")"
next=$(site_field plant-a next_fingerprint)
[ "$former" != "$next" ] || die "the next keys are the former ones"
[ "$(stat -c %a "$work/plant-a/identity.next")" = 600 ] || die "others may read the next keys"
until_true 15 shows plant-a 'new keys wait for a roster with them' || die "status says nothing of the rotation"
until_true 15 shows plant-a "fingerprint of the new keys: $next" || die "status shows other next keys"
kill9_coordinator
kill9_site plant-a
start_coordinator "${coordinator_flags[@]}" "${release_root[@]}"
start_site plant-a
until_true 60 connected plant-a || die "plant-a does not come back while it rotates"
speaks_with plant-a "$former" || die "the former keys went before the root has signed the next"
say 'ok: next keys are offered, both ends are killed, the former keys hold'

sign_roster
grep -q "^plant-a .*$next .*new key, signed by the former one" "$work/roster.out" || die "$(cat "$work/roster.out")"
grep -q '^plant-b .*as before' "$work/roster.out" || die "$(cat "$work/roster.out")"
until_true 30 speaks_with plant-a "$next" || die "plant-a does not go over to its next keys"
until_true 30 connected plant-a || die "plant-a is not connected with its next keys"
[ -e "$work/plant-a/identity.next" ] && die "the next keys did not take the place of the former"
until_true 15 shows plant-a "fingerprint of its keys: $next" || die "status shows other keys"
api journal --kind site. | grep 'speaks with its next keys' >/dev/null || die "the journal does not tell"
until_true 30 campaign || die "no campaign: $(cat "$work/started")"
until_true 120 release_waits || die "no secure sum with the next keys: $(api campaign list; api round list)"
[ "$(updates)" = 3 ] || die "somebody was left out: $(api round list)"
api round show 2 | grep 'protection  secure sum of 3 sites of 3 parties: .* the sum of the other 2 sites; 0 may be lost' >/dev/null ||
    die "a round does not say what it protects: $(api round show 2)"
say 'ok: the roster names the next keys, the site goes over to them, and a secure sum has them in it'

# ---- the former keys ----
mkdir "$work/thief" && cp "$work/plant-a/coordinator.json" "$work/thief/" && cp -a "$work/stolen.identity" "$work/thief/identity"
sed "s|$work/plant-a|$work/thief|g" "$work/plant-a.yaml" >"$work/thief.yaml"
start_site thief
until_true 30 site_has_rows thief 1000 || die "the thief's agent does not run"
"$agent" status --data "$work/thief" | grep 'not connected' >/dev/null || die "keys that were rotated away are admitted"
kill9_site thief
connected plant-a || die "the thief has cost plant-a its session"
say 'ok: keys that were rotated away are not admitted'

# ---- revoked, over the open connection ----
connected plant-b || die "plant-b is not connected"
api site revoke plant-b --reason 'a test' >/dev/null || die "not revoked"
until_true 30 not connected plant-b || die "a revoked site goes on"
sign_roster
grep -q '^plant-b .*leaves' "$work/roster.out" || die "$(cat "$work/roster.out")"
say 'ok: a revoked site is heard no longer'

# ---- the disk is lost ----
kill9_site plant-b
rm -rf "$work/plant-b"
token=$(api site replace plant-b --reason 'disk lost' --valid 10m | grep -o 'andon1-[a-z0-9]*')
[ -n "$token" ] || die "no token"
"$agent" enrol "$token" --site plant-x --data "$work/plant-x" --timeout 5s >"$work/out" 2>&1 &&
    die "a token for plant-b admits plant-x"
"$agent" enrol "$token" --site plant-b --data "$work/plant-b" --timeout 30s >"$work/plant-b.enrol" 2>&1 &
pid=$!
requested() { [ "$(site_field plant-b status)" = requested ]; }
until_true 20 requested || die "plant-b does not ask: $(cat "$work/plant-b.enrol")"
fingerprint=$(sed -n 's/^fingerprint of this site: //p' "$work/plant-b.enrol")
api site approve plant-b --fingerprint "$fingerprint" >/dev/null || die "not approved"
wait "$pid" || die "enrolment: $(cat "$work/plant-b.enrol")"
api site roster --yes --key "$release_key" >"$work/out" 2>&1 && die "a key that nobody vouches for was signed"
grep -q "NEW KEY, not signed by the former one" "$work/out" || die "$(cat "$work/out")"
# It was named in no roster any more: what was signed here before is known here.
grep -q -- "--replaced plant-b=FINGERPRINT" "$work/out" || die "$(cat "$work/out")"
for wrong in plant-b "plant-b=$next" "plant-c=$fingerprint" 'plant-b=?'; do
    api site roster --yes --key "$release_key" --replaced "$wrong" >"$work/out" 2>&1 && die "signed with --replaced $wrong"
done
cp "$release_key.sites" "$work/kept.sites"
printf 'site' >>"$release_key.sites"
api site roster --yes --key "$release_key" --replaced "plant-b=$fingerprint" >"$work/out" 2>&1 && die "signed without knowing what was signed"
grep -q 'is damaged' "$work/out" || die "$(cat "$work/out")"
cp "$work/kept.sites" "$release_key.sites"
api site roster --yes --key "$release_key" --replaced "plant-x=$next,plant-b=$fingerprint" >"$work/out" 2>&1 || die "$(cat "$work/out")"
grep -q "^plant-b .*$fingerprint .*confirmed by you" "$work/out" || die "$(cat "$work/out")"
printf 'no keys' >"$work/plant-b/identity.next"
start_site plant-b
until_true 60 connected plant-b || die "plant-b does not come back"
grep -q next_keys_not_read "$work/plant-b.log" || die "nothing is said of next keys that are damaged"
say 'ok: a site that lost its disk comes back under its name, with a new key that a person has confirmed'
