#!/usr/bin/env bash
# The coordinator's API with TLS: certificate and key from files, `andon` as its client, and what it refuses to start
# with.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
for tool in openssl python3; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
. tests/support/federation.sh

(cd "$work" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.pem \
    -subj /CN=andon -days 2 -addext subjectAltName=IP:127.0.0.1 >openssl.log 2>&1) || die "no certificate"
chmod 640 "$work/tls.key"
listen=(--listen.control 'tcp://127.0.0.1:*' --listen.bulk 'tcp://127.0.0.1:*' --listen.enrol 'tcp://127.0.0.1:*')
tls=(--http.tls.certificate "$work/tls.pem" --http.tls.key "$work/tls.key")

refuses() # what its message has, flags ...
{
    local want=$1
    shift
    timeout 20 "$bin/andon-coordinator" --data "$work/refused" --http.port 0 "${listen[@]}" "$@" >"$work/out" 2>&1 &&
        die "it starts with $*"
    grep -q -- "$want" "$work/out" || die "with $* it says: $(cat "$work/out")"
}
refuses 'in clear' --http.address 0.0.0.0
refuses 'belong together' --http.tls.key "$work/tls.key"
chmod 644 "$work/tls.key"
refuses 'others can read' "${tls[@]}"
chmod 640 "$work/tls.key"
refuses 'a pair' --http.tls.certificate "$work/tls.key" --http.tls.key "$work/tls.key"
say 'ok: it does not start in clear for all, nor with a key that others can read, nor with half of a pair'

export ANDON_CA_FILE=$work/tls.pem
start_coordinator "${coordinator_flags[@]}" "${tls[@]}"
case $(endpoint http) in
https://127.0.0.1:*) ;;
*) die "it is at $(endpoint http)" ;;
esac
(unset ANDON_CA_FILE; api status) >"$work/out" 2>&1 && die "a certificate that nobody vouches for is taken"
(unset ANDON_CA_FILE; api status --ca-file "$work/tls.pem") >"$work/out" 2>&1 || die "$(cat "$work/out")"
api status >"$work/out" 2>&1 || die "$(cat "$work/out")"
python3 - "$(endpoint http)" "$work/tls.pem" >"$work/out" 2>&1 <<'END' || die "$(cat "$work/out")"
import socket
import ssl
import sys
import urllib.parse

there = urllib.parse.urlparse(sys.argv[1])
for newest, version in ((ssl.TLSVersion.TLSv1_3, "TLSv1.3"), (ssl.TLSVersion.TLSv1_2, "TLSv1.2")):
    context = ssl.create_default_context(cafile=sys.argv[2])
    context.maximum_version = newest
    with socket.create_connection((there.hostname, there.port)) as s:
        with context.wrap_socket(s, server_hostname=there.hostname) as t:
            assert t.version() == version, t.version()
context = ssl.create_default_context(cafile=sys.argv[2])
context.set_ciphers("ALL:@SECLEVEL=0")
context.minimum_version = ssl.TLSVersion.TLSv1
context.maximum_version = ssl.TLSVersion.TLSv1_1
try:
    with socket.create_connection((there.hostname, there.port)) as s:
        with context.wrap_socket(s, server_hostname=there.hostname) as t:
            sys.exit("it speaks " + t.version())
except (ssl.SSLError, OSError):
    pass
END
say 'ok: it speaks TLS 1.2 and 1.3, to who trusts its certificate'

api doctor >"$work/out" 2>&1 && die "doctor finds nothing wrong with a certificate that ends"
grep -Eq '^mend +certificate: holds for [01] days? -> renew http.tls.certificate' "$work/out" || die "$(cat "$work/out")"
say 'ok: doctor says that the certificate ends'

# Who logs in here gets a cookie that goes nowhere in clear.
api user add mia --role viewer --password-stdin <<<'correct horse battery' >/dev/null || die "no user"
XDG_CONFIG_HOME=$work/home "$bin/andon" login --user mia --password-stdin --url "$(endpoint http)" \
    <<<'correct horse battery' >"$work/out" 2>&1 || die "$(cat "$work/out")"
python3 - "$(endpoint http)" "$work/tls.pem" >"$work/out" 2>&1 <<'END' || die "$(cat "$work/out")"
import json
import ssl
import sys
import urllib.request

body = json.dumps({"user": "mia", "password": "correct horse battery"}).encode()
ask = urllib.request.Request(sys.argv[1] + "/api/v1/session", body, {"Content-Type": "application/json"})
with urllib.request.urlopen(ask, context=ssl.create_default_context(cafile=sys.argv[2])) as answer:
    cookie = answer.headers["Set-Cookie"]
assert cookie.endswith("; HttpOnly; SameSite=Strict; Path=/; Secure"), cookie
END
say 'ok: a session over TLS has a cookie for TLS alone'

cat >"$work/listen.py" <<'END'
import http.client
import ssl
import sys
import urllib.parse

there, token = urllib.parse.urlparse(sys.argv[1]), open(sys.argv[3]).read().strip()
context = ssl.create_default_context(cafile=sys.argv[2])
connection = http.client.HTTPSConnection(there.hostname, there.port, timeout=30, context=context)
connection.request("GET", "/api/v1/events?after=0", headers={"Authorization": "Bearer " + token})
response = connection.getresponse()
for n, line in enumerate(response):
    if n == 0:
        print(line.decode().strip(), flush=True)
print("ended", flush=True)
END
python3 "$work/listen.py" "$(endpoint http)" "$work/tls.pem" "$work/coordinator/admin.token" >"$work/heard.log" 2>&1 &
listener=$!
until_true 20 grep -q '^id: 1$' "$work/heard.log" || die "no events over TLS: $(cat "$work/heard.log")"
kill -TERM "$coordinator_pid"
wait "$coordinator_pid"
code=$?
coordinator_pid=
wait "$listener"
[ "$code" -eq 0 ] || die "with a listener it ends with $code"
grep -q '^ended$' "$work/heard.log" || die "the stream broke: $(cat "$work/heard.log")"
say 'ok: events come over TLS as well, and a listener does not keep it from ending'
