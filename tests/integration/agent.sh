#!/usr/bin/env bash
# A whole federation of processes: three agents enrol at a coordinator, train a model to promotion, and
# score their lines with it.  Who is not admitted stays outside; who is killed comes back.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)

# ---- enrolment
start_coordinator "${coordinator_flags[@]}"
speed=1000 rows=10000 fault=9000
for i in 0 1 2; do
    write_site "${sites[i]}" $((i + 1)) '{name: cavitation, start: '$fault', length: 300, size: 3}'
    "$agent" run --check --config "$work/${sites[i]}.yaml" >/dev/null || die "the configuration is refused"
done
# A threshold that moves with the line.
sed -i 's/^    window: 4$/&\n    threshold: "adaptive:0.01,0.2"/' "$work/plant-b.yaml"
# Two lines of one model: both train it, each makes its own overlay.
sed -n '/- name: line-1/,$p' "$work/plant-c.yaml" | sed 's/line-1/line-2/; s/plant-c.csv/plant-c-2.csv/; s/seed: 3/seed: 9/' \
    >"$work/line-2"
# A rule of the second one vetoes all that its model says.
echo '    rules: [{name: never, effect: veto, when: {sensor: speed, above: -400}}]' >>"$work/line-2"
cat "$work/line-2" >>"$work/plant-c.yaml"
good=$(api token | grep -o 'andon1-[a-z0-9]*' | head -n 1)
"$agent" enrol "${good%?????}aaaaa" --site plant-x --data "$work/x1" --timeout 2s >"$work/x.out" 2>&1 &&
    die "a damaged token was taken"
"$agent" run --config "$work/plant-a.yaml" >"$work/x.out" 2>&1 && die "an agent ran without enrolment"
grep -q 'not enrolled' "$work/x.out" || die "an agent that is not enrolled does not say so"
for site in "${sites[@]}"; do
    enrol_site "$site"
done
# A used token admits nobody else, and another fingerprint is not approved.
api site approve plant-a --fingerprint 0000-0000 >/dev/null 2>&1 && die "a wrong fingerprint was approved"
say "enrolled: ${sites[*]}"

# ---- a key that nobody approved
mkdir -p "$work/plant-z"
sed 's/"site": "plant-a"/"site": "plant-z"/' "$work/plant-a/coordinator.json" >"$work/plant-z/coordinator.json"
sed "s/^site: .*/site: plant-z/; s|^data: .*|data: $work/plant-z|; s|scores_out: .*|scores_out: $work/z.csv|" \
    "$work/plant-a.yaml" >"$work/plant-z.yaml"
start_site plant-z

# ---- training
for site in "${sites[@]}"; do
    start_site "$site"
done
create_model train.rounds=3
for site in "${sites[@]}"; do
    until_true 20 site_has_rows "$site" 3000 || die "$site does not read its known rows"
    until_true 20 site_is "$site" connected true || die "$site does not connect"
done
start=$(now_ms)
api campaign start pump >/dev/null || die "no campaign"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 60 promoted || die "no version was promoted: $(api campaign list; api round list)"
version=$(production)
say "promoted after $(($(now_ms) - start)) ms: $version"

# ---- the coordinator is gone while faults happen; the lines do not care
for site in "${sites[@]}"; do
    until_true 20 site_is "$site" version "$version" || die "$site does not run $version"
done
kill9_coordinator
for site in "${sites[@]}"; do
    before=$(site_status "$site" row)
    until_true 30 site_has_rows "$site" "$rows" || die "$site stopped without the coordinator"
    # On a machine that is too busy the fault comes before the kill.
    [ "$before" -gt $((fault - 2000)) ] || [ "$(site_status "$site" facts_waiting)" -ge 2 ] ||
        die "$site has no alarms waiting"
done
kill9_site plant-c
start_site plant-c
start_coordinator "${coordinator_flags[@]}"
told() { [ "$(site_status "$1" facts_waiting)" = 0 ] && site_is "$1" connected true; }
for site in "${sites[@]}"; do
    until_true 30 told "$site" || die "$site does not tell what it kept"
    alarms=$(api journal --kind alarm.summary --subject "$site" --limit 500 --json | grep -o '"line":"line-1","alarm":[0-9]*,"version":"[0-9a-f]*","raised_ms":[0-9]*,"cleared_ms":[0-9]*')
    [ "$(wc -l <<<"$alarms")" -ge 2 ] || die "no alarms of $site arrived"
    [ -z "$(sort <<<"$alarms" | uniq -d)" ] || die "alarms of $site arrived twice: $alarms"
    times=$(sed 's/.*"raised_ms":\([0-9]*\).*/\1/' <<<"$alarms")
    [ "$times" = "$(sort -n <<<"$times")" ] || die "alarms of $site arrived out of order: $alarms"
done
say "alarms waited for the coordinator, and arrived once and in order"

# ---- every line runs it and scores to the end of its data
for site in "${sites[@]}"; do
    scored=$(awk -F, 'NR > 1 && $1 >= 3000 && $3 != ""' "$work/$site.csv" | wc -l)
    [ "$scored" -ge $((rows - 3010)) ] || die "$site scored $scored of $((rows - 3000)) rows"
    twice=$(awk -F, 'NR > 1 {print $1}' "$work/$site.csv" | sort | uniq -d | wc -l)
    [ "$twice" -eq 0 ] || die "$site read $twice rows twice"
    "$agent" ledger --data "$work/$site" | grep 'round' >/dev/null || die "the ledger of $site is empty"
    "$agent" alarms --data "$work/$site" --log --json |
        grep -E '"reason":"[^"]* suggest [^"]*, since [^"]* UTC [^"]*nearest normal window' >/dev/null ||
        die "no alarm of $site has a reason: $("$agent" alarms --data "$work/$site" --log)"
done
[ "$(site_status plant-z connected)" = false ] || die "a stranger is connected"
api site list | grep plant-z >/dev/null && die "a stranger is listed"
[ "$("$agent" status --data "$work/plant-c" | grep -c "line-[12] .*${version:0:12}")" -eq 2 ] ||
    die "not both lines of plant-c run the version"
second_scored() { [ "$(awk -F, 'NR > 1 && $1 >= 3000 && $3 != ""' "$work/plant-c-2.csv" | wc -l)" -ge 6990 ]; }
until_true 20 second_scored || die "line-2 did not score"
say "every line runs the version"

vetoed() { "$agent" alarms --log --json --data "$work/plant-c" | grep '"line":"line-2"' | grep "\"kind\":\"$1\""; }
vetoed raised | grep '"source":"model","since' | grep '"shown":false,"ever_shown":false,"suppressed":true' | grep '"rules":\["never"\]' >/dev/null ||
    die "no alarm of line-2 was suppressed: $(vetoed raised)"
[ -z "$(api journal --kind alarm.summary --subject plant-c --limit 500 --json | grep '"line":"line-2"')" ] ||
    die "the coordinator was told of alarms that a rule suppresses"
"$agent" alarms --data "$work/plant-c" | grep 'line-2' | grep -v suppressed >/dev/null && die "suppressed alarms are shown as others"
say "what a rule vetoes is logged, and told to nobody"

# ---- killed and started again
moved=$(site_status plant-b threshold)
[ "$(site_status plant-b threshold_moves)" -ge 3 ] && [ "$moved" != "$(site_status plant-b threshold_calibrated)" ] ||
    die "the threshold of plant-b has not moved: $moved"
[ "$(site_status plant-a threshold_moves)" = 0 ] || die "the threshold of plant-a has moved"
kill9_site plant-b
start_site plant-b
until_true 20 site_is plant-b connected true || die "plant-b does not come back"
until_true 10 site_is plant-b version "$version" || die "plant-b forgot its version"
until_true 10 site_is plant-b threshold "$moved" || die "plant-b forgot its threshold $moved: $(site_status plant-b threshold)"
second=$(timeout 20 "$agent" --config "$work/plant-b.yaml" 2>&1) && die "a second agent runs on plant-b's folder"
grep -q 'another agent holds this folder, process' <<<"$second" || die "a second agent says: $second"
grep -q 'no alarm 999999' <<<"$("$agent" verdict line-1 999999 true --data "$work/plant-b" 2>&1)" ||
    die "a verdict on an alarm that never was is left"
mkdir -p "$work/plant-b/inbox"
echo '{"line":"line-1","alarm":999999,"verdict":"true"}' >"$work/plant-b/inbox/by-hand.json"
refused() { "$agent" status --data "$work/plant-b" --json | grep 'no alarm 999999' >/dev/null; }
until_true 10 refused || die "a verdict on an alarm that never was is taken"
grep -q 'no version before' <<<"$("$agent" rollback line-1 'a test' --data "$work/plant-b" 2>&1)" ||
    die "plant-b would go back to a version it never ran"
"$agent" verdict line-1 1 unsure --data "$work/plant-b" >/dev/null || die "no verdict can be left"
taken() { [ -z "$(ls "$work/plant-b/inbox")" ]; }
until_true 10 taken || die "the verdict is not taken"
"$agent" missed line-1 'seal burst' --data "$work/plant-b" >/dev/null || die "a missed fault cannot be told"
counts=(journal --kind site.counts --subject plant-b --limit 500 --json)
counted() { api "${counts[@]}" | grep '"unsure":1,"missed":1' >/dev/null; }
until_true 20 counted || die "the verdict and the missed fault are not counted: $(api "${counts[@]}")"

# ---- an orderly end
kill -TERM "${site_pid[plant-a]}"
wait "${site_pid[plant-a]}" || die "plant-a ended with $?"
unset 'site_pid[plant-a]'
say "passed"
