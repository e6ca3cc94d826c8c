#!/usr/bin/env bash
# Three days of a line by its own time, without a coordinator and without the receiver of its alarms; the agent is killed
# in between.  A second site reads the same rows and is not killed: both logs hold the same alarms.  When the others are
# back, everything arrives, in order, and in the journal once.  The second site's log has a quota that is too
# small: it says how much it has dropped, and the sink how much of that it never had.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
for tool in openssl python3; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not here"; exit 77; }
done
. tests/support/federation.sh

hook_pid=()
end() { for pid in "${hook_pid[@]}"; do kill -9 "$pid" 2>/dev/null; done; cleanup; }
trap end EXIT

known=3000
days=$((3 * 24 * 3600))
sites=(plant-a plant-b)

start_hook() # site, port
{
    rm -f "$work/hook-$1/hook.port"
    python3 tests/support/hook.py "$work/hook-$1" "$2" "$work/hook.pem" 2>>"$work/hook-$1.log" &
    hook_pid+=($!)
    until_true 15 test -s "$work/hook-$1/hook.port" || die "the receiver did not start"
}
kill_hooks()
{
    local pid
    for pid in "${hook_pid[@]}"; do
        kill -9 "$pid" && wait "$pid" 2>/dev/null
    done
    hook_pid=()
}
sink_json() { "$agent" status --json --data "$work/$1" 2>/dev/null | sed -n "/\"name\": \"$2\"/,/}/p"; }
sink_is() { [ "$(sink_json "$1" "$2" | json "$3")" = "$4" ]; }

at_end() { "$agent" status --json --data "$work/$1" 2>/dev/null | grep '"state": "ended"' >/dev/null; }

# A fault an hour, ten minutes long.
events=
for ((at = 4000; at < known + 50 + days && $(grep -o start <<<"$events" | wc -l) < 64; at += 4050)); do
    events+="${events:+, }{name: cavitation, start: $at, length: 600, size: 3}"
done

# ---- one model, learned of both sites
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$work/key.pem" -out "$work/hook.pem" >"$work/openssl.log" 2>&1 || die "no certificate"
cat "$work/key.pem" >>"$work/hook.pem"
start_coordinator "${coordinator_flags[@]}"
for site in "${sites[@]}"; do
    mkdir "$work/hook-$site"
    head -c 32 /dev/urandom | base64 >"$work/hook-$site/hook.secret"
    chmod 600 "$work/hook-$site/hook.secret"
    start_hook "$site" 0
    rows=$((known + 50)) speed=0 write_site "$site" 1 "$events" # the same line, the same rows
    cat >>"$work/$site.yaml" <<END
policy: {allow.trusted: yes, min_cohort: 2}
sinks:
  - {name: file, type: file, path: $work/$site.jsonl, from: begin}
  - {name: hook, type: webhook, url: "https://127.0.0.1:$(cat "$work/hook-$site/hook.port")/in", retry_min: 0.05,
     retry_max: 0.2, secret_file: $work/hook-$site/hook.secret, ca_file: $work/hook.pem, from: begin}
END
    enrol_site "$site"
    start_site "$site"
done
create_model min_cohort=2 privacy=trusted train.rounds=3
for site in "${sites[@]}"; do
    until_true 30 site_has_rows "$site" $known || die "$site does not read its known rows"
    until_true 20 site_is "$site" connected true || die "$site does not connect"
done
api campaign start pump >/dev/null || die "no campaign"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 60 promoted || die "no version was promoted: $(api campaign list; api round list)"
for site in "${sites[@]}"; do
    until_true 20 site_is "$site" version "$(production)" || die "$site does not run it"
    until_true 20 at_end "$site" || die "$site has not read what there was"
    kill -TERM "${site_pid[$site]}" && wait "${site_pid[$site]}"
    unset "site_pid[$site]"
done

# ---- three days alone
kill9_coordinator
kill_hooks
sed -i "s/rows: $((known + 50))/rows: $((known + 50 + days))/; s/speed: 0/speed: 15000/" "$work/plant-a.yaml" "$work/plant-b.yaml"
echo 'alarms_quota: 65536' >>"$work/plant-b.yaml"
for site in "${sites[@]}"; do
    start_site "$site"
done
until_true 120 site_has_rows plant-a 40000 || die "plant-a does not read"
kill9_site plant-a
row=$(site_status plant-a row)
[ "$row" -lt $((known + 50 + days)) ] || die "plant-a was at its end before it could be killed"
start_site plant-a
ended() { [ "$(site_status "$1" row)" = $((known + 50 + days)) ] && sink_is "$1" file behind 0; }
for site in "${sites[@]}"; do
    until_true 240 ended "$site" || die "$site is at row $(site_status "$site" row)"
done

# What was raised and cleared, by the line's time: the file sink has each record once, and nothing of it was dropped.
told() # site: alarm, what, when
{
    sed -nE 's/.*"kind":"(raised|cleared)".*"alarm":([0-9]+),.*"time_ms":([0-9]+),.*/\2 \1 \3/p' "$work/$1.jsonl"
}
for site in "${sites[@]}"; do
    told "$site" >"$work/$site.told"
    [ -z "$(sort "$work/$site.told" | uniq -d)" ] || die "$site told an alarm twice"
    sort -s -n -k 3 "$work/$site.told" | cmp -s - "$work/$site.told" || die "$site told alarms out of order"
done
cmp "$work/plant-a.told" "$work/plant-b.told" || die "the site that was killed has other alarms"
raised=$(grep -c raised "$work/plant-a.told")
[ "$raised" -ge 50 ] || die "$raised alarms of 64 faults"
say "three days: $raised alarms, killed at row $row, the same as of the site that was not killed"

# ---- the others are back
for site in "${sites[@]}"; do
    start_hook "$site" "$(grep -o '127.0.0.1:[0-9]*/in' "$work/$site.yaml" | grep -o ':[0-9]*' | cut -c2-)"
done
start_coordinator "${coordinator_flags[@]}"
sent() { sink_is "$1" hook behind 0 && [ "$(site_status "$1" facts_waiting)" = 0 ] && site_is "$1" connected true; }
for site in "${sites[@]}"; do
    until_true 60 sent "$site" || die "$site does not send what it kept: $(sink_json "$site" hook)"
    summaries=$(api journal --kind alarm.summary --subject "$site" --limit 500 --json |
        grep -o '"line":"line-1","alarm":[0-9]*,"version":"[0-9a-f]*","raised_ms":[0-9]*,"cleared_ms":[0-9]*')
    [ -z "$(sort <<<"$summaries" | uniq -d)" ] || die "alarms of $site came twice"
    times=$(sed 's/.*"raised_ms":\([0-9]*\),.*/\1/' <<<"$summaries")
    [ "$times" = "$(sort -n <<<"$times")" ] || die "alarms of $site came out of order"
    [ "$(sort -u <<<"$times" | wc -l)" = "$raised" ] || die "$(sort -u <<<"$times" | wc -l) of $raised alarms of $site came"
done
seq 1 "$(uniq "$work/hook-plant-a/hook.ids" | wc -l)" | sed 's/^/plant-a:/' >"$work/ids"
uniq "$work/hook-plant-a/hook.ids" | cmp - "$work/ids" || die "the receiver has not all events in order"
[ "$(wc -l <"$work/ids")" = "$(wc -l <"$work/plant-a.jsonl")" ] || die "the receiver and the file differ"

# ---- the quota that was too small
status=$("$agent" status --json --data "$work/plant-b")
unread=$(json dropped_unread <<<"$status")
lost=$(sink_json plant-b hook | json lost)
have=$(uniq "$work/hook-plant-b/hook.ids" | wc -l)
all=$(wc -l <"$work/plant-b.jsonl")
[ "$unread" -gt 0 ] || die "nothing was dropped at the quota"
# What was under way to the receiver when it was dropped counts as unread, and arrived.
[ "$lost" -le "$unread" ] && [ "$unread" -le $((lost + 64)) ] && [ $((have + lost)) = "$all" ] ||
    die "dropped unread $unread, the sink says $lost, the receiver has $have of $all"
[ "$(json bytes < <(sed -n '/"alarm_log"/,/}/p' <<<"$status"))" -le 65536 ] || die "the log is larger than its quota"
say "quota: $lost of $all records were dropped before the receiver had them, the oldest first, and are counted so"
say passed
