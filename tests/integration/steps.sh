#!/usr/bin/env bash
# A model whose rows go through steps, with real processes: what a schema says comes with the version to every site,
# is scored with there, and a site that stores windows too short for it says so.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
prep='prep:
  steps:
    - range: {sensors: [oil_temperature], below: -20, above: 200}
    - convert: {sensors: [oil_temperature], from: degC, to: degF}
    - interpolate: {limit: 2}
    - median: {sensors: [flow], rows: 3}
    - lag: {sensors: [flow, speed], rows: [2]}
    - regime: {sensor: speed, edges: [100, 2000], names: [stopped, slow, fast], ignore: [stopped]}
'
history=12 # a window of 4 behind lags of 2, a median of 3 and gaps of 2

start_coordinator "${coordinator_flags[@]}"
rows=6000
pool_window=14
for i in 0 1 2; do
    write_site "${sites[i]}" $((i + 1)) '{name: cavitation, start: 5000, length: 300, size: 3}'
done
pool_window=4
write_site plant-d 4 ''
for site in "${sites[@]}" plant-d; do
    enrol_site "$site"
    start_site "$site"
done
create_model train.rounds=3
for site in "${sites[@]}" plant-d; do
    until_true 20 site_has_rows "$site" 3000 || die "$site does not read its known rows"
    until_true 20 site_is "$site" connected true || die "$site does not connect"
done
api campaign start pump >/dev/null || die "no campaign"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 60 promoted || die "no version was promoted: $(api campaign list; api round list)"
version=$(production)
for site in "${sites[@]}"; do
    until_true 20 site_is "$site" version "$version" || die "$site does not run $version"
    until_true 30 site_has_rows "$site" "$rows" || die "$site does not read on"
done
say "three sites run $version"

# ---- and no site's sums were seen, those of its regimes neither
for r in $(seq "$(last_round)"); do
    round_json "$r" | grep '"state":"COMMITTED"' >/dev/null || continue
    round_json "$r" | grep '"protection":"secure sum of ' >/dev/null || die "round $r is in the clear: $(round_json "$r")"
done

# ---- the version brings the steps along
"$bin/andon-lab" inspect "$work/plant-a/versions/$version.bundle" --json >"$work/inspected" || die "the version cannot be read"
grep -q "\"history_rows\": $history,\$" "$work/inspected" || die "another history: $(grep rows "$work/inspected")"
grep -q 'interpolate: {limit: 2}.*median: {sensors: \[\\"flow\\"\], rows: 3}' "$work/inspected" || die "other steps"
grep -q '"features": 13,' "$work/inspected" || die "other features"

# ---- and is scored with to the last row; alarms name sensors, not lags
for site in "${sites[@]}"; do
    scored=$(awk -F, 'NR > 1 && $1 >= 3000 && $3 != ""' "$work/$site.csv" | wc -l)
    [ "$scored" -eq $((rows - 3000)) ] || die "$site scored $scored of $((rows - 3000)) rows"
    "$agent" alarms --data "$work/$site" --log --json | grep '"kind":"raised"' >/dev/null || die "$site raised no alarm"
done
say "every row is scored"

# ---- a pool that is too short
short() { grep -q "samples have 4 rows, the version needs $history: pool.window" "$work/plant-d.log"; }
until_true 10 short || die "plant-d does not say that its windows are too short"
site_is plant-d version "$version" && die "plant-d runs a version that it cannot make an overlay of"
say "a site with too short windows says so"
say "passed"
