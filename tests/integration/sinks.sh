#!/usr/bin/env bash
# An agent with sinks: a receiver with TLS that checks signatures by itself, is away, is back, and is not to be trusted;
# a file; the agent is killed in between.  Each record arrives, in order; the file has each once.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
for tool in openssl python3; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not here"; exit 77; }
done
. tests/support/federation.sh

hook_pid=
end()
{
    local pid
    for pid in $hook_pid; do
        kill -9 "$pid" 2>/dev/null
    done
    cleanup
}
trap end EXIT

make_certificate() # file
{
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$work/key.pem" -out "$1" >"$work/openssl.log" 2>&1 || die "no certificate"
    cat "$work/key.pem" >>"$1"
}

start_hook() # port, certificate
{
    rm -f "$work/hook.port"
    python3 tests/support/hook.py "$work" "$1" "$2" 2>"$work/hook.log" &
    hook_pid=$!
    until_true 15 test -s "$work/hook.port" || die "the receiver did not start"
}

deed() { "$agent" "$@" --data "$work/plant-a" >/dev/null || die "$*"; }
sink_json() { "$agent" status --json --data "$work/plant-a" 2>/dev/null | sed -n "/\"name\": \"$1\"/,/}/p"; }
sink_is() { [ "$(sink_json "$1" | json "$2")" = "$3" ]; }
records() { "$agent" alarms --log --json --data "$work/plant-a" | wc -l; }
has_records() { [ "$(records)" -ge "$1" ]; }
all_sent() { sink_is hook behind 0 && sink_is file behind 0; }

# Shelves the line and brings it back, n times: two records each.
make_records() # n
{
    local before i
    before=$(records)
    for ((i = 1; i <= $1; i++)); do
        deed shelve line-1 --for 1h --reason "test $i" --by anna
        deed unshelve line-1 --by anna
    done
    until_true 30 has_records $((before + 2 * $1)) || die "the agent has not logged what was done"
}

# ---- one site, without a model: what people do is logged all the same
start_coordinator "${coordinator_flags[@]}"
make_certificate "$work/hook.pem"
head -c 32 /dev/urandom | base64 >"$work/hook.secret"
chmod 600 "$work/hook.secret"
start_hook 0 "$work/hook.pem"
port=$(cat "$work/hook.port")
speed=100 write_site plant-a 1
cat >>"$work/plant-a.yaml" <<END
sinks:
  - {name: file, type: file, path: $work/alarms.jsonl}
  - {name: hook, type: webhook, url: "https://127.0.0.1:$port/in", secret_file: $work/hook.secret,
     ca_file: $work/hook.pem, retry_min: 0.05, retry_max: 0.2}
END
"$agent" run --check --config "$work/plant-a.yaml" >/dev/null || die "the configuration is refused"
enrol_site plant-a
start_site plant-a
until_true 20 sink_is hook state idle || die "the agent did not start"

make_records 3
until_true 20 all_sent || die "not sent: $(sink_json hook)"
say "sent: $(wc -l <"$work/hook.ids") events"

# ---- it answers 503, the agent is killed, it is gone altogether
touch "$work/hook.down"
make_records 5
until_true 20 sink_is file behind 0 || die "the file waits for the receiver"
sink_is hook behind 0 && die "what was answered 503 counts as sent"
until_true 20 sink_is hook state failing || die "nobody says that it fails"
"$agent" status --data "$work/plant-a" | grep 'sink hook: answered 503' >/dev/null || die "status does not say why"
kill9_site plant-a
start_site plant-a
kill -9 "$hook_pid" && wait "$hook_pid" 2>/dev/null
make_records 5
until_true 20 sink_is file behind 0 || die "the file waits for a receiver that is gone"
[ "$(wc -l <"$work/hook.ids")" = 6 ] || die "events were taken while it was down"

# ---- somebody else listens there: a certificate that nobody vouches for
rm "$work/hook.down"
make_certificate "$work/false.pem"
start_hook "$port" "$work/false.pem"
retried=$(sink_json hook | json retried)
is_tried_again() { [ "$(sink_json hook | json retried)" -gt $((retried + 2)) ]; }
until_true 20 is_tried_again || die "it is not tried again"
says_certificate() { sink_json hook | grep certificate >/dev/null; }
until_true 20 says_certificate || die "the certificate is not what is wrong: $(sink_json hook)"
[ "$(wc -l <"$work/hook.ids")" = 6 ] || die "events were given to a receiver with a false certificate"
kill -9 "$hook_pid" && wait "$hook_pid" 2>/dev/null

# ---- it is back
start=$(now_ms)
start_hook "$port" "$work/hook.pem"
until_true 20 all_sent || die "not sent: $(sink_json hook)"
say "all sent $(($(now_ms) - start)) ms after the receiver was back"
n=$(records)
[ "$n" = 26 ] || die "26 records were made, the log has $n"
seq 1 "$n" | sed 's/^/plant-a:/' >"$work/ids"
uniq "$work/hook.ids" | cmp - "$work/ids" || die "events are missing or out of order"
sed 's/^{"seq":\([0-9]*\),.*/plant-a:\1/' "$work/alarms.jsonl" | cmp - "$work/ids" || die "the file has not each record once"

# ---- the report of the day, and a write-back that nobody has enabled
"$agent" report --day "$(date +%F)" --out "$work/day.html" --data "$work/plant-a" || die "no report"
grep -q '<h1>Quality report of plant-a' "$work/day.html" || die "the report is not of this site"
grep -q '<script' "$work/day.html" && die "there is a script in the report"
if "$agent" --help 2>&1 | grep writeback-enable >/dev/null; then
    printf 'one' >"$work/anna.key"
    printf 'two' >"$work/ben.key"
    chmod 600 "$work"/*.key
    cat >>"$work/plant-a.yaml" <<END
writeback:
  device: "127.0.0.1:1"
  heartbeat: 1
  sequence: 2
  people: [{name: anna, key_file: $work/anna.key}, {name: ben, key_file: $work/ben.key}]
  targets: [{name: t, line: line-1, table: holding, address: 3, max: 2, unknown: 0, good: 1, bad: 2}]
END
    "$agent" writeback --config "$work/plant-a.yaml" 2>"$work/writeback.log" &
    hook_pid="$hook_pid $!"
    until_true 10 grep -qs 'would write.*"verdict":"unknown"' "$work/plant-a/writeback.jsonl" ||
        die "the dry run says nothing"
    "$agent" writeback-enable --config "$work/plant-a.yaml" --by anna --key-file "$work/anna.key" >/dev/null || die "not left"
    until_true 10 grep -q 'a first person' "$work/plant-a/writeback.jsonl" || die "the first person is not in the journal"
    "$agent" writeback-enable --config "$work/plant-a.yaml" --by ben --key-file "$work/anna.key" >/dev/null || die "not left"
    until_true 10 grep -q 'refused.*proof of ben is not right' "$work/plant-a/writeback.jsonl" || die "a false proof was taken"
fi
say "sinks: $n records in order at the receiver, $(($(wc -l <"$work/hook.ids") - n)) of them twice; each once in the file"
