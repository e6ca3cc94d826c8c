#!/usr/bin/env bash
# Cameras at three sites learn together what is usual at each place of a surface, without a network and without training: sums under
# encryption, once.  A defective part then raises one alarm at its site that says where; good parts raise none, anywhere.
# shellcheck disable=SC2046 # names of parts are words
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

side=48 good=60
sites=(plant-a plant-b plant-c)
draw() { python3 tests/support/shapes.py "$work/cam-$1" "${@:2}" || die "no images were drawn"; } # site, seed, kind, part ...
numbered() { seq -f 'P%04g_1' "$1" "$2"; }
alarms() { "$agent" alarms --data "$work/$1" "${@:2}"; }
seen() { until_true 30 site_has_rows "$1" $(($2 * side)) || die "$1 has not read $2 images"; }

start_coordinator "${coordinator_flags[@]}"
{
    echo 'sensors:'
    seq -f '  - {name: x%g}' 0 $((side - 1))
    printf 'window: %d\nthreshold: quantile:0.99*2\n' $side
} >"$work/schema.yaml"
model=surface
api model create surface --detector padim --schema "$work/schema.yaml" --policy promote.automatic=true --policy min_cohort=3 \
    >/dev/null || die "the model cannot be created"
for i in 0 1 2; do
    site=${sites[i]}
    draw "$site" $((i + 1)) normal $(numbered 1 $good)
    cat >"$work/$site.yaml" <<END
site: $site
data: $work/$site
keep: images
lines:
  - name: cam-1
    model: surface
    known_normal_rows: $((good * side))
    scores_out: $work/$site.csv
    source: {type: images, path: $work/cam-$site, part: "{part}_{n}.png", width: $side, height: $side, colour: grey, settle: false, poll_ms: 20}
END
    enrol_site "$site"
    start_site "$site"
done
for site in "${sites[@]}"; do
    seen "$site" $good
done
api campaign start surface >/dev/null || die "no campaign"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 90 promoted || die "no version was promoted: $(api campaign list; api round list)"
for site in "${sites[@]}"; do
    until_true 20 site_is "$site" version "$(production)" || die "the version does not run at $site"
done
kinds=$(api round list --json | grep -o '"kind": *"[a-z]*"' | sort -u | tr -dc 'a-z \n' | sed 's/kind//' | xargs)
[ "$kinds" = 'evaluate fit histogram mean variance' ] || die "rounds: $kinds"
say "three sites made it in one FIT round"

for i in 0 1 2; do
    draw "${sites[i]}" $((11 + i)) normal $(numbered 201 220)
done
draw plant-b 21 hole P0221_1
seen plant-a $((good + 20))
seen plant-c $((good + 20))
seen plant-b $((good + 21))
raised() { alarms "$1" --log --json | grep -c '"kind":"raised"'; }
shown() { [ "$(raised plant-b)" = 1 ]; }
until_true 15 shown || die "plant-b: $(alarms plant-b --log)"
for site in plant-a plant-c; do
    [ "$(raised $site)" = 0 ] || die "$site: $(alarms $site --log)"
done
# The hole is 16 x 8 px at 44, 6 of an image of 64 x 64.
alarms plant-b --log --json | grep '"kind":"raised".*"part":"P0221".*"boxes":\[{"x":[34][0-9],"y":[0-9],.*"reason":"[^"]* at upper right, ' >/dev/null ||
    die "the alarm does not say where: $(alarms plant-b --log --json)"
[ "$(cd "$work/plant-b/pictures" && echo *)" = 'cam-1-1.map.png cam-1-1.png' ] || die "kept: $(ls "$work/plant-b/pictures")"
say "passed"
