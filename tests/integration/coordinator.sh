#!/bin/sh
# The coordinator as a process and `andon` as its client: what was told it is there after kill -9.
#
#     tests/integration/coordinator.sh [BIN]     BIN: folder of the programs, else $ANDON_BIN or build/dev/bin
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the programs are not built.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=${1:-${ANDON_BIN:-build/dev/bin}}
[ -x "$bin/andon-coordinator" ] && [ -x "$bin/andon" ] || {
    echo "skipped: $bin/andon-coordinator and $bin/andon are not built"
    exit 77
}
work=$(mktemp -d) || exit 1
pid=
cleanup()
{
    [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail()
{
    echo "coordinator.sh: $*" >&2
    sed 's/^/    /' "$work/log" >&2
    exit 1
}

# It prints its endpoints when all of them are open; reading the pipe waits for just that.
start()
{
    rm -f "$work/ready"
    mkfifo "$work/ready" || exit 1
    "$bin/andon-coordinator" --data "$work/data" --http.port 0 --listen.control 'tcp://127.0.0.1:*' \
        --listen.bulk 'tcp://127.0.0.1:*' --listen.enrol 'tcp://127.0.0.1:*' >"$work/ready" 2>>"$work/log" &
    pid=$!
    read -r first <"$work/ready" || fail "the coordinator did not start"
    case $first in
    'http http://127.0.0.1:'*) ;;
    *) fail "the first line is: $first" ;;
    esac
    tries=0
    until [ -s "$work/data/endpoints.json" ] && a status >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "the API does not answer"
    done
}

a()
{
    "$bin/andon" "$@" --data "$work/data"
}

expect() # text, command ...
{
    want=$1
    shift
    a "$@" >"$work/out" 2>&1
    code=$?
    [ "$code" -eq 0 ] || fail "andon $*: exit $code: $(cat "$work/out")"
    grep -q -- "$want" "$work/out" || fail "andon $*: no \"$want\" in: $(cat "$work/out")"
}

exits() # code, command ...
{
    want=$1
    shift
    a "$@" >"$work/out" 2>&1
    code=$?
    [ "$code" -eq "$want" ] || fail "andon $*: exit $code, not $want: $(cat "$work/out")"
}

start
[ "$(ls -l "$work/data/admin.token" | cut -c1-10)" = "-rw-------" ] || fail "others can read the token"
expect 'enrolment is closed' status
expect '^andon1-' token --valid 10m
expect 'enrolment is open' status
expect 'none' site list
expect 'model pumps' model create pumps --arch models/zoo/dense-ae.yaml --sensors flow,pressure,current \
    --policy train.rounds=4 --policy min_cohort=2 --policy privacy=trusted
exits 1 model create pumps --arch models/zoo/dense-ae.yaml --sensors flow,pressure,current
exits 2 model create other --arch models/zoo/dense-ae.yaml
cat >"$work/stepped.yaml" <<'END'
sensors: [flow, {name: "oil, \"rear\"", unit: degC}]
prep:
  missing: skip
  steps:
    - range: {sensors: ["oil, \"rear\""], below: -20.5, above: 2e2}
    - convert:
        sensors: ["oil, \"rear\""]
        from: degC
        to: K
    - lag: {rows: [1]}
END
expect 'model stepped' model create stepped --arch models/zoo/dense-ae.yaml --schema "$work/stepped.yaml"
sed 's/rear\\""]/front\\""]/' "$work/stepped.yaml" >"$work/wrong.yaml"
exits 1 model create wrong --arch models/zoo/dense-ae.yaml --schema "$work/wrong.yaml"
exits 4 model show nothing
exits 2 nonsense
expect 'train.rounds *7 ' model policy pumps train.rounds=7
[ "$(grep -c . "$work/out")" -eq 3 ] && grep -q 'all [0-9]* options: andon model policy pumps' "$work/out" ||
    fail "a change shows more than itself: $(cat "$work/out")"
expect 'drift.automatic' model policy pumps
exits 1 model policy pumps train.rounds=0
expect 'waiting for sites: 0 of at least 2 are connected' campaign start pumps
exits 1 campaign start pumps
expect 'intact' journal --verify
expect 'countersigned by their sites' journal verify
expect '"records"' journal --json
completes() { "$bin/andon" --complete "$@" --data "$work/data" "" 2>&1; }
[ "$(completes model show | tr '\n' ' ')" = 'pumps stepped ' ] || fail "names of models: $(completes model show)"
[ "$("$bin/andon" --complete campaign list --data "$work/data" --model s 2>/dev/null)" = 'pumps
stepped' ] || fail "names for --model"
completes campaign show | grep -q "^1$(printf '\t')pumps$" || fail "ids of campaigns: $(completes campaign show)"
for how in '' --json; do
    expect 'campaign.opened\|campaign 1 (training)' journal --limit 1 $how
    grep -q 'coordinator started\|coordinator.started' "$work/out" && fail "--limit 1 $how shows the first, not the last"
done
a journal --limit 3 --json | grep -o '"seq":[0-9]*' | sort -t: -nk2 -c || fail "journal --json is not in order"
expect 'coordinator.started' journal --after 0 --limit 1 --json
for program in andon andon-coordinator andon-agent andon-lab; do
    [ -x "$bin/$program" ] || continue
    "$bin/$program" --version | grep -Eq "^$program [0-9]+\.[0-9]+\.[0-9]+\$" || fail "$program --version: $("$bin/$program" --version 2>&1)"
done
expect '' drift show pumps
head -n 1 "$work/out" | grep -q '^answer: nothing: ' || fail "the answer is not its headline: $(cat "$work/out")"
exits 4 round show 99

# ---- again and again, and in a narrow terminal
watching=
"$bin/andon" model list --watch --data "$work/data" >"$work/seen" 2>&1 & # not by a(): its number is that of a shell around it
watching=$!
seen() # words: within some seconds
{
    tries=0
    until grep -q "$1" "$work/seen"; do
        kill -0 "$watching" 2>/dev/null || fail "--watch has ended: $(cat "$work/seen")"
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || fail "--watch does not show $1: $(cat "$work/seen")"
        a status >/dev/null
    done
}
seen '^stepped'
expect 'model later' model create later --arch models/zoo/dense-ae.yaml --sensors flow,pressure
seen '^later'
[ "$(grep -c '^stepped' "$work/seen")" -eq 1 ] || fail "--watch says again what is as it was: $(cat "$work/seen")"
kill "$watching"
wait "$watching" 2>/dev/null
exits 2 token --watch
if command -v script >/dev/null; then
    script -qec "stty cols 48; '$bin/andon' model list --data '$work/data'" /dev/null </dev/null | tr -d '\r' >"$work/narrow"
    [ "$(wc -L <"$work/narrow")" -le 48 ] && grep -q '^MODEL.*\.\.\.' "$work/narrow" || fail "a table is too wide: $(cat "$work/narrow")"
    [ "$(a model list | wc -L)" -gt 48 ] || fail "a table into a file is cut"
fi
expect 'VERSION  *FROM' model lineage pumps
expect none alarm counts
expect none verdict list
expect 'SITE  *KIND\|none' ledger
exits 4 site show nobody
exits 4 site approve nobody
exits 4 promote pumps 0000
expect 'none' rollout list
exits 4 rollout show 99
exits 1 model policy pumps 'rollout.stages=all, 2'
exits 4 model policy pumps 'rollout.stages=@early, all'
expect 'trigger.every  *36h' model policy pumps trigger.every=36h
exits 4 group set early nobody
expect 'none' group list
expect 'none' fleet
exits 2 rollback pumps

before=$(a model list; a model policy pumps; a campaign list --json)
kill -9 "$pid"
wait "$pid" 2>/dev/null
exits 3 status
exits 3 status --url http://127.0.0.1:1,http://127.0.0.1:2
grep -q 'http://127.0.0.1:1,http://127.0.0.1:2' "$work/out" || fail "it does not say whom it asked: $(cat "$work/out")"
start
after=$(a model list; a model policy pumps; a campaign list --json)
[ "$before" = "$after" ] || fail "after kill -9 it says: $after
before: $before"
expect 'intact' journal --verify
expect 'waiting for sites' campaign list
expect 'stopped' campaign stop 1 --reason 'stopped by the test'

kill -TERM "$pid"
wait "$pid" || fail "SIGTERM: exit $?"
pid=
start
expect 'stopped by the test' campaign list
expect '"train_rounds":2' campaign start pumps --rounds 2 --json
kill -TERM "$pid"
wait "$pid" || fail "SIGTERM: exit $?"
pid=
echo "coordinator.sh: all held"
