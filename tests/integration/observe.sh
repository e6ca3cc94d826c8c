#!/usr/bin/env bash
# What coordinator and agents tell whoever looks on: pages that promtool takes, probes, logs as JSON in which one round
# is followed through both ends, and what systemd is told.  Without promtool the rest is tested all the same.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)

# ---- systemd's end: a datagram socket for each program, the second of the abstract kind; a line a datagram
listen() { python3 tests/support/notify_listener.py "$1" "$2" "$work/$3.notify" & listeners+=($!); }
listeners=()
stop_listeners() { kill "${listeners[@]}" 2>/dev/null; }
trap 'stop_listeners; cleanup' EXIT
listen "$work/notify" 240 coordinator
listen "@andon-observe-$$" 240 plant-a
until_true 10 test -e "$work/coordinator.notify" -a -e "$work/plant-a.notify" || die "no socket to listen at"

export WATCHDOG_USEC=2000000
NOTIFY_SOCKET=$work/notify start_coordinator "${coordinator_flags[@]}" --log.format json
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
rows=5000 speed=0
declare -A port=()
for i in 0 1 2; do
    site=${sites[i]}
    port[$site]=$(free_port)
    write_site "$site" $((i + 1))
    cat >>"$work/$site.yaml" <<END
log.format: json
metrics: {port: ${port[$site]}}
sinks:
  - {name: out, type: file, path: $work/$site.jsonl}
END
    enrol_site "$site"
    NOTIFY_SOCKET=@andon-observe-$$ start_site "$site"
done
unset WATCHDOG_USEC
create_model train.rounds=1 train.epochs=1 gate.loss=100 gate.alarms=1 gate.challenge=1

# ---- probes
url=$(endpoint http)
code() { curl -s -o "$work/said" -w '%{http_code}' "$@"; }
[ "$(code "$url/healthz") $(cat "$work/said")" = "200 ok" ] || die "healthz says $(cat "$work/said")"
[ "$(code "$url/readyz") $(cat "$work/said")" = "200 ok" ] || die "readyz says $(cat "$work/said")"
[ "$(code "$url/metrics")" = 401 ] || die "metrics without a token: $(cat "$work/said")"
for site in "${sites[@]}"; do
    until_true 30 site_has_rows "$site" 3000 || die "$site does not read its known rows"
    until_true 20 site_is "$site" connected true || die "$site does not connect"
    [ "$(code "http://127.0.0.1:${port[$site]}/readyz") $(cat "$work/said")" = "200 ok" ] || die "$site: $(cat "$work/said")"
    [ "$(code "http://127.0.0.1:${port[$site]}/v1/status")" = 404 ] || die "$site gives more than figures"
    [ "$(code -H 'Host: evil.example' "http://127.0.0.1:${port[$site]}/metrics")" = 403 ] || die "$site answers to any name"
done

# ---- a campaign: statistics, a round of training, evaluation
api campaign start pump >"$work/start" || die "no campaign: $(cat "$work/start")"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 90 promoted || die "no version was promoted: $(api campaign list; api round list)"
runs() { [ "$(site_status "$1" scored)" -gt 1000 ] 2>/dev/null; }
for site in "${sites[@]}"; do
    until_true 60 runs "$site" || die "$site does not score: $("$agent" status --data "$work/$site" --json)"
done

# ---- the pages
page() { curl -s -H "Authorization: Bearer $(cat "$work/coordinator/admin.token")" "$url/metrics" >"$work/coordinator.prom"; }
says() { grep -qxE "$2" "$work/$1.prom" || die "$1 does not tell $2: $(grep "^${2%%[^a-z_]*}" "$work/$1.prom")"; }
page
says coordinator 'andon_active 1'
says coordinator 'andon_sites\{state="approved"\} 3'
says coordinator 'andon_site_up\{site="plant-b"\} 1'
says coordinator 'andon_rounds_total\{model="pump",kind="train",end="committed"\} 1'
says coordinator 'andon_round_duration_seconds_count\{kind="train"\} 1'
says coordinator 'andon_round_updates_total\{model="pump"\} [1-9][0-9]*'
says coordinator 'andon_updates_total\{result="accepted"\} [1-9][0-9]*'
says coordinator 'andon_link_bytes_total\{direction="in",channel="control"\} [1-9][0-9]*'
says coordinator 'andon_link_bytes_total\{direction="out",channel="bulk"\} [1-9][0-9]*'
says coordinator 'andon_http_requests_total\{method="POST",route="/models",class="2xx"\} 1'
says coordinator 'andon_login_failures_total 1'
says coordinator 'andon_series_left_out 0'
for site in "${sites[@]}"; do
    scored() {
        curl -s "http://127.0.0.1:${port[$site]}/metrics" >"$work/$site.prom"
        grep -qxE 'andon_line_scored_rows_total\{line="line-1"\} [1-9][0-9]{3}' "$work/$site.prom"
    }
    until_true 10 scored || die "$site: $(grep scored "$work/$site.prom")"
    says "$site" 'andon_link_up 1'
    says "$site" 'andon_source_up\{line="line-1"\} 1'
    says "$site" 'andon_line_version_info\{line="line-1",model="pump",version="[0-9a-f]{12}"\} 1'
    says "$site" 'andon_updates_acknowledged_total [1-9]'
    says "$site" 'andon_sink_failing\{sink="out"\} 0'
    says "$site" 'andon_line_decision_seconds_count\{line="line-1"\} [1-9][0-9]*'
done

# ---- one round through all logs
python3 tests/support/follow_round.py train "$work/coordinator.log" "${sites[@]/#/$work/}" || die "the round cannot be followed"

# ---- what systemd was told
grep -qx 'READY=1' "$work/coordinator.notify" || die "the coordinator is not ready: $(cat "$work/coordinator.notify")"
until_true 10 grep -qx 'STATUS=active: 3 of 3 sites connected, 0 rounds open' "$work/coordinator.notify" ||
    die "no status: $(cat "$work/coordinator.notify")"
until_true 10 grep -qx 'WATCHDOG=1' "$work/coordinator.notify" || die "no sign of life: $(cat "$work/coordinator.notify")"
grep -q '^READY=1|STATUS=.*lines read' "$work/plant-a.notify" || die "no agent is ready: $(cat "$work/plant-a.notify")"
grep -qx 'WATCHDOG=1' "$work/plant-a.notify" || die "no sign of life of an agent"
grep -q '^STATUS=.*coordinator connected' "$work/plant-a.notify" || die "no status: $(cat "$work/plant-a.notify")"
kill "$coordinator_pid" "${site_pid[plant-a]}"
until_true 20 grep -q '^STOPPING=1' "$work/coordinator.notify" || die "the coordinator does not say that it stops"
until_true 20 grep -q '^STOPPING=1' "$work/plant-a.notify" || die "the agent does not say that it stops"

# ---- promtool
command -v promtool >/dev/null || {
    say "skipped: promtool is not installed (Debian package prometheus); all but its checks held"
    exit 77
}
for of in coordinator "${sites[@]}"; do
    promtool check metrics <"$work/$of.prom" >"$work/promtool" 2>&1 || die "$of: $(cat "$work/promtool")"
    [ ! -s "$work/promtool" ] || die "$of: $(cat "$work/promtool")"
done
say "$(grep -vc '^#' "$work/coordinator.prom") series of the coordinator, $(grep -vc '^#' "$work/plant-a.prom") of an agent"
