#!/usr/bin/env bash
# The local API of a running agent, by curl: over its socket and over a port with a token; what people do there is in the log
# of alarms with their names; without configuration there is none.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
for tool in curl python3; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not here"; exit 77; }
done
. tests/support/federation.sh

start_coordinator "${coordinator_flags[@]}"
speed=200
write_site plant-a 1
enrol_site plant-a
start_site plant-a
until_true 20 site_has_rows plant-a 100 || die "the agent did not start"
[ -e "$work/plant-a/api.sock" ] && die "there is an API that nobody has configured"
kill9_site plant-a

# ---- a socket
sed -i "s|^save:|api: {socket: $work/api.sock}\n&|" "$work/plant-a.yaml"
# A rule that speaks at once, and for as long as the line runs.
echo '    rules: [{name: always, severity: high, when: {sensor: speed, above: -400}}]' >>"$work/plant-a.yaml"
start_site plant-a
ask() { curl -sS --max-time 10 --unix-socket "$work/api.sock" "http://localhost$1" "${@:2}" 2>/dev/null; }
post() { ask "$1" -X POST -d "$2"; }
code() { ask "$1" -o /dev/null -w '%{http_code}' "${@:2}"; }
until_true 20 test -S "$work/api.sock" || die "there is no socket: $(tail -n 3 "$work/plant-a.log")"
[ "$(stat -c %a "$work/api.sock")" = 660 ] || die "who may open it: $(stat -c %a "$work/api.sock")"
open_alarm() { ask /v1/alarms | grep -q '"alarm":1,'; }
until_true 20 open_alarm || die "no alarm: $(ask /v1/alarms)"
ask /v1/status | grep -q '"site": *"plant-a"' || die "status: $(ask /v1/status | head -c 300)"
ask /v1/alarms/line-1/1 | grep -q '"reason":' || die "one alarm: $(ask /v1/alarms/line-1/1)"
ask /v1/figures | grep -q '"alarms":1' || die "figures: $(ask /v1/figures)"

# ---- what people do
post /v1/alarms/line-1/1/ack '{"by":"anna","comment":"seen"}' | grep -q '"by":"anna"' || die "ack"
logged() { ask "/v1/log?kind=$1" | grep -q "$2"; }
until_true 10 logged acknowledged '"by":"anna"' || die "who acknowledged is not in the log: $(ask /v1/log)"
post /v1/alarms/line-1/1/shelve '{"for":"1h","reason":"bearing is changed"}' >/dev/null
until_true 10 logged shelved "\"by\":\"$(id -un)\"" || die "who shelved is not in the log: $(ask /v1/log)"
post /v1/alarms/line-1/1/verdict '{"by":"ben","verdict":"false"}' >/dev/null
until_true 10 logged verdict '"by":"ben"' || die "the verdict is not in the log: $(ask /v1/log)"
# The same log as the verbs show, in pieces.
after=0 n=0
while :; do
    piece=$(ask "/v1/log?after=$after&limit=2")
    got=$(grep -o '"seq":' <<<"$piece" | wc -l)
    [ "$got" -le 2 ] || die "more than was asked for"
    [ "$got" = 0 ] && break
    n=$((n + got))
    after=$(grep -o '"next":[0-9]*' <<<"$piece" | cut -d: -f2)
done
[ "$n" -ge 4 ] || die "the log has $n records"
[ "$n" -le "$("$agent" alarms --log --json --data "$work/plant-a" | wc -l)" ] || die "more records than there are"
[ "$(code /v1/alarms/line-1/99/ack -X POST -d '{}')" = 404 ] || die "an alarm that was never raised"
[ "$(code /v1/alarms/line-1/1/shelve -X POST -d '{"for":"1h"}')" = 400 ] || die "shelved without a reason"
head -c 100000 /dev/zero | tr '\0' x >"$work/large"
[ "$(code /v1/alarms/line-1/1/ack -X POST --data-binary "@$work/large")" = 413 ] || die "a body of 100 kB was read"

# ---- killed, and back at the same place; then a port with a token
kill9_site plant-a
start_site plant-a
until_true 20 open_alarm || die "it does not come back after kill -9: $(tail -n 3 "$work/plant-a.log")"
kill9_site plant-a
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
(umask 077 && head -c 24 /dev/urandom | base64 >"$work/token")
sed -i "s|^api:.*|api: {port: $port}|" "$work/plant-a.yaml"
timeout 20 "$agent" run --config "$work/plant-a.yaml" >"$work/bare.out" 2>&1 && die "a port without a token"
grep -q 'api.port needs api.token_file' "$work/bare.out" || die "it does not say why: $(cat "$work/bare.out")"
sed -i "s|^api:.*|api: {port: $port, token_file: $work/token}|" "$work/plant-a.yaml"
start_site plant-a
tcp() { curl -sS --max-time 10 -o "$work/tcp.out" -w '%{http_code}' "http://127.0.0.1:$port$1" "${@:2}" 2>/dev/null; }
answers() { [ "$(tcp /v1/status -H "Authorization: Bearer $(cat "$work/token")")" = 200 ]; }
until_true 20 answers || die "the port does not answer: $(tail -n 3 "$work/plant-a.log")"
[ "$(tcp /v1/status)" = 401 ] || die "it answers without a token"
[ "$(tcp /v1/status -H 'Authorization: Bearer wrong')" = 401 ] || die "it answers to a wrong token"
[ "$(tcp /v1/alarms/line-1/1/comment -X POST -d '{"comment":"x"}' -H "Authorization: Bearer $(cat "$work/token")")" = 400 ] ||
    die "a deed of nobody"
grep -q "$(cat "$work/token")" "$work/plant-a.log" && die "the token is in the log"
say "local API: socket and port"
