#!/usr/bin/env bash
# `andon doctor` and `andon-agent doctor`: silent about what is in order but for a line, and each fault is named with what
# mends it; 0 if there is none.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

finds() # level, words, command ...: it says so
{
    local level=$1 words=$2
    shift 2
    "$@" >"$work/found" 2>"$work/found.err"
    code=$?
    grep -Eq "^$level +$words" "$work/found" || return 1
}
expects() # exit code, level, words, command ...
{
    local want=$1
    shift
    finds "$@" || die "no \"$1 $2\" in: $(cat "$work/found" "$work/found.err")"
    [ "$code" -eq "$want" ] || die "exit $code, not $want: $(cat "$work/found")"
}
site() { "$agent" doctor --config "$work/$1.yaml" "${@:2}"; }

start_coordinator "${coordinator_flags[@]}"
for i in a b c; do
    write_site "plant-$i" 1
    enrol_site "plant-$i"
    start_site "plant-$i"
done
sed -i 's/model: pump/model: press/' "$work/plant-c.yaml"
kill9_site plant-c
start_site plant-c
create_model
for i in a b c; do
    until_true 20 site_is "plant-$i" connected true || die "plant-$i does not connect"
done

# ---- of the coordinator
until_true 20 finds mend 'site plant-c: line line-1 runs press, a model that is not known here -> andon model create' api doctor ||
    die "the unknown model: $(cat "$work/found")"
grep -q '^mend .*plant-[ab]' "$work/found" && die "what is in order is mended: $(cat "$work/found")"
for words in 'API: http://127' 'clock: ' 'endpoint control: tcp://127' 'endpoint bulk: ' 'admin.token: mode 600' 'disk space: ' \
    'sites: 3 of 3 are connected' 'roster: nothing waits' 'store: the journal can be read, ' 'version: coordinator'; do
    grep -Eq "^ok +$words" "$work/found" || grep -Eq "^look +disk" "$work/found" || die "no \"$words\" in: $(cat "$work/found")"
done
expects 1 look "release root: is the coordinator's own key" api doctor
expects 1 look 'model pump: no version is in production yet, 2 connected sites -> andon campaign start pump' api doctor
api doctor --json >"$work/found"
grep -q '"level":"mend","what":"site plant-c"' "$work/found" || die "--json: $(cat "$work/found")"
api site show plant-c >"$work/shown" || die "site show"
grep -Eq '^line-1 +press +model not known ' "$work/shown" || die "site show: $(cat "$work/shown")"
api site show plant-a | grep -E '^line-1 +pump +yes ' >/dev/null || die "site show plant-a"
api ledger | grep -E '^plant-a +site\.requested ' >/dev/null || die "ledger: $(api ledger)"
expects 1 mend 'line line-1: takes no part in rounds: the coordinator knows no model press -> ask ' site plant-c
say "what is wrong is named, what is in order is not"

sed -i 's/model: press/model: pump/' "$work/plant-c.yaml"
kill9_site plant-c
start_site plant-c
fine() { finds ok 'sites: 3 of 3' api doctor && [ "$code" -eq 0 ]; }
until_true 20 fine || die "exit $code, though all is in order: $(cat "$work/found")"
chmod 644 "$work/coordinator/admin.token"
expects 1 mend 'admin.token: everybody .* -> chmod o-rwx .*admin.token' api doctor
chmod 600 "$work/coordinator/admin.token"

# ---- of a site
fine() { finds ok 'agent: runs, and is connected' site plant-b && [ "$code" -eq 0 ]; }
until_true 20 fine || die "exit $code, though plant-b is in order: $(cat "$work/found")"
grep -Eq '^ok +coordinator: tcp://127.* is reached' "$work/found" || die "the coordinator's door: $(cat "$work/found")"
chmod 644 "$work/plant-b/identity"
expects 1 mend 'identity: everybody' site plant-b
chmod 600 "$work/plant-b/identity"
kill9_site plant-b
silent() { finds mend 'site plant-b: is silent, last heard: .* -> andon-agent doctor, at the site' api doctor && [ "$code" -eq 1 ]; }
until_true 30 silent || die "plant-b is not missed: $(cat "$work/found")"
stopped() { finds mend 'agent: has said nothing for [0-9]* s: it does not run -> systemctl start' site plant-b; }
until_true 20 stopped || die "it does not see that no agent runs: $(cat "$work/found")"
mkdir "$work/empty"
expects 1 mend 'enrolment: this site is not enrolled -> andon token' "$agent" doctor --data "$work/empty"
expects 1 mend 'data folder: .*nowhere: No such file' "$agent" doctor --data "$work/nowhere" --config "$work/plant-b.yaml"
sed 's/^policy:/api: {port: 7799, token_file: \/nowhere\/token}\n&/; s/^site:/api: {port: 7799, token_file: \/nowhere\/token}\n&/' \
    "$work/plant-b.yaml" >"$work/wrong.yaml"
expects 1 mend 'configuration: .*nowhere/token' "$agent" doctor --config "$work/wrong.yaml"
say "a site that does not run, is not enrolled or names no secret is told so"

# ---- nobody is there
kill9_coordinator
expects 1 mend 'API: .* -> is the coordinator running' api doctor
gone() { finds mend 'coordinator: tcp://127.*refused' site plant-a; }
until_true 10 gone || die "the site does not see that nobody listens: $(cat "$work/found")"
say passed
