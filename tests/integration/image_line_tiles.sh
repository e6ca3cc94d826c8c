#!/usr/bin/env bash
# long
# A camera's line with real images: an agent learns magnetic tiles without a fault, by a network and by what is usual at each place, then
# sees the test part of the data. Each image is scored once, alarms of good parts come about as often as was asked, and figures say
# what was found (RESULTS).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
data=${ANDON_DATA:-../shared/data}/magnetic_tile
[ -f "$data/split.csv" ] || { echo "skipped: $data is not there" && exit 77; }
. tests/support/federation.sh

side=64
# As the camera would: under another name first.  Leaves how many.
copy() # folder, train or test, classes (a pattern), first letter of the parts
{
    local image class split
    n=0
    while IFS=, read -r image _ class _ _ split; do
        [ "${split%$'\r'}" = "$2" ] && [[ $class =~ $3 ]] || continue
        cp "$data/$image" "$work/part" || die "$image"
        mv "$work/part" "$1/$(printf '%s%04d-%s_1.jpg' "$4" "$n" "$class")"
        n=$((n + 1))
    done <"$data/split.csv"
}

write_camera() # site
{
    cat >"$work/$1.yaml" <<END
site: $1
data: $work/$1
lines:
  - name: cam-1
    model: $1
    known_normal_rows: $((good * side))
    scores_out: $work/$1.csv
    source: {type: images, path: $work/cam-$1, part: "{part}_{n}.jpg", width: $side, height: $side, colour: grey, settle: false, poll_ms: 20}
policy: {min_cohort: 1, allow.trusted: yes}
END
}

count_alarms() # site
{
    local raised class all some
    raised=$("$agent" alarms --data "$work/$1" --log --json | grep '"kind":"raised"' | grep -o '"part":"B[0-9]*-[a-z]*')
    [ "$(sort <<<"$raised" | uniq -d)" = '' ] || die "a part raised two alarms: $raised"
    for class in free blowhole break crack fray uneven; do
        all=$(find "$work/cam-$1" -name "B*-${class}_1.jpg" | wc -l)
        some=$(grep -c -- "-$class\$" <<<"$raised")
        say "$1: $class: $some of $all raised an alarm"
        [ $class != free ] || [ $((some * 100)) -le $((all * 10)) ] || die "more than twice as many as asked"
    done
}

see() # site and model, options of the model ...
{
    local site=$1
    shift
    model=$site
    mkdir "$work/cam-$site"
    copy "$work/cam-$site" train '^free$' A
    good=$n
    write_camera "$site"
    "$agent" probe <(sed -n 's/^    source: //p' "$work/$site.yaml") --rows 1 >"$work/probe" 2>&1 ||
        { say "skipped: the images cannot be read: $(tail -n 1 "$work/probe")" && exit 77; }
    api model create "$site" --schema "$work/schema.yaml" --policy promote.automatic=true --policy min_cohort=1 \
        --policy privacy=trusted "$@" >/dev/null || die "the model cannot be created"
    enrol_site "$site"
    start_site "$site"
    until_true 120 site_has_rows "$site" $((good * side)) || die "the good images are not read"
    api campaign start "$site" >/dev/null || die "no campaign"
    promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
    until_true 300 promoted || die "no version was promoted: $(api campaign list; api round list)"
    until_true 20 site_is "$site" version "$(production)" || die "the version does not run"
    copy "$work/cam-$site" test . B
    until_true 120 site_has_rows "$site" $(((good + n) * side)) || die "not all $n images are read"
    kill -TERM "${site_pid[$site]}"
    wait "${site_pid[$site]}" || die "the agent ended with $?"
    [ "$(awk -F, 'NR > 1 && $3 != ""' "$work/$site.csv" | wc -l)" = "$n" ] || die "not one score for each of $n images"
    count_alarms "$site"
}

start_coordinator "${coordinator_flags[@]}"
{
    echo 'sensors:'
    seq -f '  - {name: x%g}' 0 $((side - 1))
    printf 'window: %d\nthreshold: target_far:0.05\n' $side
} >"$work/schema.yaml"
sed 's/^model: .*/model: network/' models/zoo/conv2d-ae.yaml >"$work/arch.yaml"
see network --arch "$work/arch.yaml" --policy train.rounds=2 --policy train.epochs=15 --policy train.lr=0.003 --policy train.batch=16
see places --detector padim
say "passed"
