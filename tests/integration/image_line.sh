#!/usr/bin/env bash
# A camera's line with real processes: an agent learns a surface from images of good parts and scores each image once. A
# defective part raises one alarm that carries its id and says where; good ones and pictures that say nothing of their
# part raise none; a kill in the middle of an image loses nothing.
# shellcheck disable=SC2046 # names of parts are words
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

side=48 good=100
cam=$work/cam
draw() { python3 tests/support/shapes.py "$cam" "$@" || die "no images were drawn"; } # seed, kind, part ...
numbered() { seq -f 'P%04g_1' "$1" "$2"; }

draw 1 normal $(numbered 1 $good)
start_coordinator "${coordinator_flags[@]}"
cat >"$work/plant-a.yaml" <<END
site: plant-a
data: $work/plant-a
save: 1s
keep: images
lines:
  - name: cam-1
    model: surface
    known_normal_rows: $((good * side))
    scores_out: $work/scores.csv
    source:
      type: images
      path: $cam
      part: "{part}_{n}.png"
      width: $side
      height: $side
      colour: grey
      settle: false
      poll_ms: 20
      focus_min: 0.003
      clipped_max: 0.5
sinks: [{name: archive, type: file, path: $work/archive.jsonl, from: begin}]
policy: {min_cohort: 1, allow.trusted: yes}
END
cat >"$work/arch.yaml" <<END
model: surface
input: {height: $side, width: $side, channels: 1}
layers:
  - conv2d: {filters: 16, size: 3, stride: 2, padding: same}
  - relu
  - conv2d: {filters: 4, size: 1, name: code}
  - conv_transpose2d: {filters: 16, size: 4, stride: 2, padding: same}
  - relu
  - conv2d: {filters: 1, size: 1, name: out}
loss: mse
target: input
END
{
    echo 'sensors:'
    seq -f '  - {name: x%g}' 0 $((side - 1))
    printf 'window: %d\nthreshold: quantile:0.99*1.3\n' $side
} >"$work/schema.yaml"
model=surface
api model create surface --arch "$work/arch.yaml" --schema "$work/schema.yaml" --policy promote.automatic=true \
    --policy min_cohort=1 --policy privacy=trusted --policy train.rounds=3 --policy train.epochs=8 \
    --policy train.lr=0.003 --policy train.batch=16 >/dev/null || die "the model cannot be created"
enrol_site plant-a
sed 's/^    model:/    window: 16\n&/' "$work/plant-a.yaml" >"$work/wrong.yaml"
"$agent" run --config "$work/wrong.yaml" >"$work/wrong.out" 2>&1 && die "a window that is no image is taken"
grep -q 'an image has 48 rows, and its window is 16' "$work/wrong.out" || die "it says: $(cat "$work/wrong.out")"
start_site plant-a
until_true 20 site_has_rows plant-a $((good * side)) || die "the good images are not read"
api campaign start surface >/dev/null || die "no campaign"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 60 promoted || die "no version was promoted: $(api campaign list; api round list)"
until_true 20 site_is plant-a version "$(production)" || die "the version does not run"
say "learned from $good images"

alarms() { "$agent" alarms --data "$work/plant-a" "$@"; }
listed() { alarms --all | grep -E "cam-1 +$1" >/dev/null; }
become() { until_true 15 listed "$@" || die "no \"$1\": $(alarms --all; alarms --log)"; }
seen() { until_true 15 site_has_rows plant-a $(($1 * side)) || die "not $1 images are read"; }
record() { alarms --log --json | grep "\"kind\":\"$1\".*\"part\":\"$2\""; }

# ---- good parts, and a defective one
draw 2 normal $(numbered 201 210)
draw 3 hole P0211_1
seen $((good + 11))
become '1 +unacknowledged active'
draw 4 normal $(numbered 212 220)
become '1 +returned +over'
seen $((good + 20))
record raised P0211 | grep '"image":"P0211_1.png"' >/dev/null || die "the alarm does not name part and image: $(alarms --log --json)"
record cleared P0211 >/dev/null || die "its end is not about the part"
[ "$(alarms --log --json | wc -l)" = 2 ] || die "more was said: $(alarms --log)"
[ "$(awk -F, '$3 != ""' "$work/scores.csv" | wc -l)" = 21 ] || die "not one score for each of 20 images"
say "one alarm for one defective part"

# ---- where: the hole is 16 x 8 px at 44, 6 of an image of 64 x 64
record raised P0211 | grep '"image_width":64.*"boxes":\[{"x":[34][0-9],"y":[0-6],.*"reason":"[^"]* at upper right, ' >/dev/null ||
    die "the alarm does not say where: $(record raised P0211)"
sent() { grep -q '"part":"P0211".*"boxes":\[{"x"' "$work/archive.jsonl"; }
until_true 10 sent || die "the sink was not sent the boxes"
alarms show cam-1 1 --save "$work/saved" >"$work/shown" || die "the alarm is not shown"
grep -q '^box .* (upper right), ' "$work/shown" && [ -s "$work/saved/cam-1-1.png" ] || die "shown: $(cat "$work/shown")"
alarms show cam-1 7 >/dev/null 2>&1 && die "an alarm that is not there is shown"
[ "$(cd "$work/plant-a/pictures" && echo *)" = 'cam-1-1.map.png cam-1-1.png' ] || die "kept: $(ls "$work/plant-a/pictures")"
"$agent" report --data "$work/plant-a" --day "$(date +%F)" --out "$work/day.html" || die "no report"
grep -q '<figure><div><img alt="" src="data:image/png;base64,iVBOR.*<i style="left:' "$work/day.html" ||
    die "the report shows no picture"

# ---- two views of a part are one alarm, two parts are two
draw 5 hole P0301_1 P0301_2 P0302_1
seen $((good + 23))
become '3 +unacknowledged active'
listed '2 +returned +over' || die "two parts share an alarm: $(alarms --all)"
draw 6 normal P0303_1
become '3 +returned +over'
[ "$(record raised 'P030[12]' | wc -l)" = 2 ] || die "$(alarms --log)"

# ---- pictures that say nothing
draw 7 blurred P0401_1
draw 8 white P0402_1
draw 9 normal P0403_1
printf 'no image' >"$cam/P0404_1.png"
draw 10 normal P0405_1
seen $((good + 28))
fine() { record quality P0403 | grep '"begins":false' >/dev/null; }
until_true 15 fine || die "no end of the bad pictures: $(alarms --log --json)"
record quality P0401 | grep 'is out of focus' >/dev/null || die "nothing is said of focus: $(alarms --log)"
record quality P0402 | grep 'is clipped' >/dev/null || die "nothing is said of exposure: $(alarms --log)"
refused() { [ "$(site_status plant-a bad)" = 1 ] || "$agent" status --data "$work/plant-a" --json | grep '"images_refused": *1' >/dev/null; }
until_true 15 refused || die "the broken file is not counted"
[ "$(alarms --log --json | grep -c '"kind":"raised"')" = 3 ] || die "a picture raised an alarm: $(alarms --log)"
say "bad pictures are events of the data"

# ---- killed again and again, also in the middle of an image (a batch is a third longer): each part raises its alarm once
for i in 1 2 3 4 5; do
    kill9_site plant-a
    draw $((20 + i)) hole $(numbered $((501 + 10 * i)) $((508 + 10 * i)))
    start_site plant-a
    become "$((8 * i - 4)) +"
done
draw 60 normal P0900_1
become '43 +returned +over'
raised=$(alarms --log --json | grep '"kind":"raised"' | grep -o '"part":"P05[0-9]*' | sort)
[ "$(wc -l <<<"$raised")" = 40 ] && [ "$(uniq <<<"$raised" | wc -l)" = 40 ] || die "alarms: $raised"
say "passed"
