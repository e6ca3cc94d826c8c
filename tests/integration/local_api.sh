#!/usr/bin/env bash
# The local API of a running agent, by curl: over its socket and over a port with a token; what people do there is in the log
# of alarms with their names; a browser logs in by the token and gets the site's page; clients that dawdle cost no row;
# without configuration there is none.
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
open_alarm() { ask /v1/alarms | grep '"alarm":1,' >/dev/null; }
until_true 20 open_alarm || die "no alarm: $(ask /v1/alarms)"
ask /v1/status | grep '"site": *"plant-a"' >/dev/null || die "status: $(ask /v1/status | head -c 300)"
ask /v1/alarms/line-1/1 | grep '"reason":' >/dev/null || die "one alarm: $(ask /v1/alarms/line-1/1)"
ask /v1/figures | grep '"alarms":1' >/dev/null || die "figures: $(ask /v1/figures)"

# ---- what people do
post /v1/alarms/line-1/1/ack '{"by":"anna","comment":"seen"}' | grep '"by":"anna"' >/dev/null || die "ack"
logged() { ask "/v1/log?kind=$1" | grep "$2" >/dev/null; }
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

# ---- a browser: the token once, then a cookie and what another page cannot know
cookie=$(curl -sS --max-time 10 -i "http://127.0.0.1:$port/v1/session" -d "{\"token\":\"$(cat "$work/token")\"}" | tr -d '\r' | tee "$work/session" |
    sed -n 's/^Set-Cookie: \([^;]*\).*/\1/p')
csrf=$(sed -n 's/.*"csrf":"\([^"]*\)".*/\1/p' "$work/session")
[ -n "$cookie" ] && [ -n "$csrf" ] || die "no log-in: $(cat "$work/session")"
[ "$(tcp /v1/board -H "Cookie: $cookie")" = 200 ] || die "no board: $(cat "$work/tcp.out")"
grep -q '"line":"line-1".*"state":"waiting".*"aside":1' "$work/tcp.out" || die "the board does not say that its alarm is shelved: $(cat "$work/tcp.out")"
[ "$(tcp /v1/ledger -H "Cookie: $cookie")" = 200 ] && grep -q '"words":' "$work/tcp.out" || die "ledger: $(cat "$work/tcp.out")"
comment=(/v1/alarms/line-1/1/comment -X POST -d '{"comment":"by hand","by":"carla"}' -H "Cookie: $cookie")
[ "$(tcp "${comment[@]}")" = 403 ] || die "a change by cookie alone"
[ "$(tcp "${comment[@]}" -H "X-Andon-CSRF: $csrf")" = 202 ] || die "comment: $(cat "$work/tcp.out")"
[ "$(tcp /v1/board -H "Cookie: $cookie" -H 'Host: evil.example')" = 403 ] || die "it answers by a name that is not its own"
[ "$(tcp / -H 'Host: evil.example' -H 'Accept: text/html')" = 403 ] || die "its page is there by a name that is not its own"
page=$(tcp / -H 'Accept: text/html' --compressed)
if [ "$page" = 200 ]; then # built with AN_CONSOLE
    grep -q '<div id="app">' "$work/tcp.out" || die "the page: $(head -c 300 "$work/tcp.out")"
    script=$(grep -o '/assets/[^"]*\.js' "$work/tcp.out" | head -n 1)
    [ "$(tcp "$script" --compressed)" = 200 ] || die "$script of the page is missing"
else
    [ "$page" = 401 ] || die "neither page nor refusal: $page"
fi

# ---- a line goes on whatever clients do: some never end their request, some never read, some ask without a pause
speed=200 rows=100000
write_site plant-b 2
sed -i "s/known_normal_rows: .*/known_normal_rows: 100000/; s|^save:|api: {socket: $work/b.sock}\n&|" "$work/plant-b.yaml"
enrol_site plant-b
start_site plant-b
until_true 20 site_has_rows plant-b 200 || die "the second agent did not start"
python3 - "$work/b.sock" <<'END' &
import socket, sys, time
def client(text):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    try:
        s.connect(sys.argv[1])
        s.sendall(text)
    except OSError:
        pass
    return s
idle = [client(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n") for _ in range(6)]
deaf = [client(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n" * 200) for _ in range(4)]
until = time.time() + 60
while time.time() < until:
    s = client(b"GET /v1/board HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    try:
        while s.recv(65536):
            pass
    except OSError:
        pass
    s.close()
END
clients=$!
from=$(site_status plant-b row) t0=$(now_ms)
until_true 30 site_has_rows plant-b $((from + 1000)) || die "the line stands still beside slow clients"
took=$(($(now_ms) - t0))
kill "$clients"
wait "$clients" 2>/dev/null
[ "$took" -le 10000 ] || die "1000 rows took $took ms beside slow clients, 5000 are usual"
awk -F, 'NR > 2 && $1 != last + 1 { exit 1 } { last = $1 }' "$work/plant-b.csv" || die "rows are missing"
say "local API: socket and port, a browser; 1000 rows of 200 a second in $took ms beside slow clients"
