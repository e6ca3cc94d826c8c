#!/usr/bin/env bash
# long
# A camera's line with real images: an agent learns magnetic tiles without a fault, then sees the test part of the data. Each
# image is scored once, alarms of good parts come about as often as was asked, and figures say what was found (RESULTS).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
data=${ANDON_DATA:-../shared/data}/magnetic_tile
[ -f "$data/split.csv" ] || { echo "skipped: $data is not there" && exit 77; }
. tests/support/federation.sh

side=64 cam=$work/cam
mkdir "$cam"
# As the camera would: under another name first.  Leaves how many.
copy() # train or test, classes (a pattern), first letter of the parts
{
    local image class split
    n=0
    while IFS=, read -r image _ class _ _ split; do
        [ "${split%$'\r'}" = "$1" ] && [[ $class =~ $2 ]] || continue
        cp "$data/$image" "$work/part" || die "$image"
        mv "$work/part" "$cam/$(printf '%s%04d-%s_1.jpg' "$3" "$n" "$class")"
        n=$((n + 1))
    done <"$data/split.csv"
}
copy train '^free$' A
good=$n

start_coordinator "${coordinator_flags[@]}"
cat >"$work/plant-a.yaml" <<END
site: plant-a
data: $work/plant-a
lines:
  - name: cam-1
    model: tiles
    known_normal_rows: $((good * side))
    scores_out: $work/scores.csv
    source: {type: images, path: $cam, part: "{part}_{n}.jpg", width: $side, height: $side, colour: grey, settle: false, poll_ms: 20}
policy: {min_cohort: 1, allow.trusted: yes}
END
"$agent" probe <(sed -n 's/^    source: //p' "$work/plant-a.yaml") --rows 1 >"$work/probe" 2>&1 ||
    { echo "skipped: the images cannot be read: $(tail -n 1 "$work/probe")" && exit 77; }
sed 's/^model: .*/model: tiles/' models/zoo/conv2d-ae.yaml >"$work/arch.yaml"
{
    echo 'sensors:'
    seq -f '  - {name: x%g}' 0 $((side - 1))
    printf 'window: %d\nthreshold: target_far:0.05\n' $side
} >"$work/schema.yaml"
model=tiles
api model create tiles --arch "$work/arch.yaml" --schema "$work/schema.yaml" --policy promote.automatic=true \
    --policy min_cohort=1 --policy privacy=trusted --policy train.rounds=2 --policy train.epochs=15 \
    --policy train.lr=0.003 --policy train.batch=16 >/dev/null || die "the model cannot be created"
enrol_site plant-a
start_site plant-a
until_true 120 site_has_rows plant-a $((good * side)) || die "the good images are not read"
api campaign start tiles >/dev/null || die "no campaign"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 300 promoted || die "no version was promoted: $(api campaign list; api round list)"
until_true 20 site_is plant-a version "$(production)" || die "the version does not run"

copy test . B
until_true 120 site_has_rows plant-a $(((good + n) * side)) || die "not all $n images are read"
kill -TERM "${site_pid[plant-a]}"
wait "${site_pid[plant-a]}" || die "the agent ended with $?"
[ "$(awk -F, 'NR > 1 && $3 != ""' "$work/scores.csv" | wc -l)" = "$n" ] || die "not one score for each of $n images"
raised=$("$agent" alarms --data "$work/plant-a" --log --json | grep '"kind":"raised"' | grep -o '"part":"B[0-9]*-[a-z]*')
[ "$(sort <<<"$raised" | uniq -d)" = '' ] || die "a part raised two alarms: $raised"
for class in free blowhole break crack fray uneven; do
    all=$(find "$cam" -name "B*-${class}_1.jpg" | wc -l)
    some=$(grep -c -- "-$class\$" <<<"$raised")
    say "$class: $some of $all raised an alarm"
    [ $class != free ] || [ $((some * 100)) -le $((all * 10)) ] || die "more than twice as many as asked"
done
say "passed"
