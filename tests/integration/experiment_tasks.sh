#!/bin/sh
# Experiments that learn from labels run on generated data by a file alone: other widths, names and numbers of sites;
# threads change nothing; every figure is there, the trivial answers beside.
#
#     tests/integration/experiment_tasks.sh [BIN]
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the program is not built.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/experiment.sh

# NAME DATA: with one thread and with three, which give the same.
experiment()
{
    for threads in 1 3; do
        "$lab" experiment "$work/$1.yaml" --data "$work/$2" --json --threads "$threads" \
            >"$work/$1.$threads" 2>"$work/err" || fail "$1: $(cat "$work/err")"
    done
    cmp -s "$work/$1.1" "$work/$1.3" || fail "$1: figures or hashes depend on the number of threads"
    mv "$work/$1.1" "$work/$1.json"
    for arm in local pooled federated personalised; do
        for key in "$3" model_hash; do
            [ -n "$(get "$1" "$arm" "$key")" ] || fail "$1: $arm lacks $key"
        done
    done
}

# A quality that follows from five columns, with an offset of each plant: a folder for each.
quality()
{
    awk -v n="$1" -v rows="$2" -v seed="$3" 'BEGIN {
        srand(seed); print "speed,heat,grade,gap,strength,flow"
        for (i = 0; i < rows; i++) {
            a = rand(); b = rand(); c = rand(); d = rand(); e = rand()
            printf "%.5f,%.5f,%.5f,%.5f,%.5f,%.5f\n", a, b, c, d, 50 + 20 * a - 10 * b * c + n + rand() - 0.5, e
        }
    }'
}
for n in 1 2 3; do
    mkdir -p "$work/quality/plant-$n"
    quality "$n" 400 "$n" >"$work/quality/plant-$n/train.csv"
    quality "$n" 100 "1$n" >"$work/quality/plant-$n/hold.csv"
    quality "$n" 100 "2$n" >"$work/quality/plant-$n/test.csv"
done
cat >"$work/quality.yaml" <<'EOF'
experiment: quality
task: regress
model: |
  model: quality
  input: {features: input, window: 1}
  layers:
    - dense: {units: 16}
    - relu
    - dense: {units: 1}
  loss: mse
  target: labels
data: {layout: folders}
target: {column: strength, range: [30, 80]}
prep: {window: 1, scale: fleet}
train: {rounds: 6, epochs: 4, batch: 16, lr: 0.005}
personal: {epochs: 5, lr: 0.001}
seeds: [1, 2]
EOF
experiment quality quality rmse
bar "$(get quality federated rmse) < $(get quality mean rmse) / 2" 'the federation learns'
bar "$(get quality personalised rmse) < $(get quality federated rmse)" 'a plant learns its offset'
bar "$(get quality random rmse) > $(get quality mean rmse)" 'an answer by lot is worse than the mean'
bar "$(get quality ridge rmse) < $(get quality mean rmse)" 'ridge learns'
bar "$(get quality spread rmse) > 0" 'two seeds differ'
bar "$(get quality validation rmse) > 0" 'what is held back is judged'

# What a seed answered is kept: a run behind an interrupted one ends with the same bytes, and takes what is there.
kept() # NAME DATA ...
{
    name=$1 data=$2
    shift 2
    "$lab" experiment "$work/$name.yaml" --data "$work/$data" --json --keep "$work/kept" "$@" >"$work/kept.json" 2>"$work/err"
}
same()
{
    kept "$@" || fail "--keep: $(cat "$work/err")"
    cmp -s "$work/kept.json" "$work/$1.json" || fail "--keep: what was kept of $1 says something else"
}
kept quality quality --seed 2 || fail "--keep: $(cat "$work/err")"
[ "$(find "$work/kept" -type f | wc -l)" -eq 1 ] || fail '--keep: one seed is one file'
same quality quality
echo '# a comment' >>"$work/quality.yaml"
same quality quality
[ "$(find "$work/kept" -type f | wc -l)" -eq 2 ] || fail '--keep: a comment makes another experiment'
for one in "$work"/kept/seed-2-*; do printf x >>"$one"; done
kept quality quality && fail '--keep: a damaged file is believed, or not read'

# Wear: units that run to failure in two kinds, blanks between columns, no header.
wear()
{
    awk -v units="$1" -v seed="$2" -v cut="$3" -v life="$4" 'BEGIN {
        srand(seed)
        for (u = 1; u <= units; u++) {
            n = 40 + int(rand() * 30); left = cut ? int(rand() * 30) : 0
            for (i = 1; i <= n - left; i++)
                printf "%d %d %.4f %.4f %.4f \n", u, i, exp(-(n - i) / 15) + rand() / 20, 5 + rand(), i / n + rand() / 10
            print left > life
        }
    }'
}
mkdir -p "$work/wear"
for kind in A1 B7; do
    wear 12 "${kind#?}" 0 /dev/null >"$work/wear/run_$kind.txt"
    wear 8 "3${kind#?}" 1 "$work/wear/left_$kind.txt" >"$work/wear/stop_$kind.txt"
done
cat >"$work/wear.yaml" <<'EOF'
experiment: wear
task: regress
model: |
  model: wear
  input: {features: input, window: 8}
  layers:
    - conv1d: {filters: 6, size: 3, padding: same}
    - relu
    - flatten
    - dense: {units: 1}
  loss: mse
  target: labels
data:
  layout: units
  train: run_*.txt
  test: stop_*.txt
  life: left_*.txt
  unit: engine
  sites: 3
  hold: 4
  delimiter: " "
  header: false
  names: [engine, cycle, vibration, heat, wear]
  ignore: [cycle]
target: {cap: 40, clip: true}
prep: {window: 8, scale: fleet}
train: {rounds: 5, epochs: 2, batch: 32, lr: 0.003}
personal: {epochs: 2, lr: 0.001}
figures: worst
leaderboard: [{name: "guess", part: A1, rmse: 9}]
EOF
experiment wear wear rmse
for part in A1 B7; do
    [ -n "$(get wear "$part" rmse)" ] || fail "no figures of part $part"
done
bar "$(get wear federated rmse) < 0.6 * $(get wear mean rmse)" 'what is left is told'
python3 - "$work/wear.json" <<'EOF' || fail 'parts, or the width'
import json, sys
o = json.load(open(sys.argv[1]))
arm = o["arms"]["federated"]
assert o["data"]["width"] == 3, "unit and cycle are no sensors"
assert arm["rmse"] == max(p["rmse"] for p in arm["parts"].values()), "the worst part counts"
assert o["leaderboard"][0]["part"] == "A1" and o["leaderboard"][0]["rmse"] == 9
assert "persistence" not in o["baselines"], "nobody knows what is left one row before"
EOF

# Hours dealt in blocks, files one after the other.
hours()
{
    awk -v seed="$1" 'BEGIN {
        srand(seed)
        for (i = 0; i < 240; i++) { a = rand(); b = rand(); printf "%.4f,%.4f,%.4f\n", a, b, 60 + 10 * a - 5 * b + rand() / 5 }
    }'
}
mkdir -p "$work/hours"
for year in 1 2 3; do
    hours "$year" >"$work/hours/y$year.csv"
done
sed -e 's/^experiment: .*/experiment: hours/' -e '/^data:/d' -e '/^target:/d' "$work/quality.yaml" >"$work/hours.yaml"
cat >>"$work/hours.yaml" <<'EOF'
data: {layout: blocks, train: [y1.csv], validate: [y2.csv], test: [y3.csv], rows: 24, sites: 4, header: false, names: [a, b, nox]}
target: {column: nox, range: [50, 80]}
EOF
experiment hours hours rmse
bar "$(get hours federated rmse) < $(get hours persistence rmse)" 'better than the hour before'
bar "$(get hours trees rmse) < 0.5 * $(get hours mean rmse)" 'trees from sums learn'
sites=$(awk -F'"' '/"site":/ && !seen[$4]++ { n++ } END { print n }' "$work/hours.json")
[ "$sites" = 4 ] || fail "$sites sites instead of 4"

# The same as a stream: what is told changes with the third file, and an incremental campaign answers it.
hours 4 | awk -F, '{ printf "%s,%s,%.4f\n", $1, $2, $3 + 8 - 6 * $1 }' >"$work/hours/y4.csv"
sed -e 's/^experiment: .*/experiment: stream/' -e '/^data:/d' "$work/hours.yaml" >"$work/stream.yaml"
cat >>"$work/stream.yaml" <<'EOF'
data:
  layout: blocks
  train: [y1.csv, y2.csv]
  validate: [y3.csv]
  test: [y4.csv]
  rows: 12
  sites: 4
  stream: 0.6
  hold: 3
  header: false
  names: [a, b, nox]
policy: {drift.rounds: 4, drift.epochs: 6, drift.lr: 0.005, drift.l2sp: 0}
EOF
experiment stream hours rmse
same stream hours
same stream hours
python3 - "$work/stream.json" <<'EOF' || fail 'the stream'
import json, sys
o = json.load(open(sys.argv[1]))
arms = o["arms"]
assert arms["federated"]["rmse"] < 0.7 * arms["frozen"]["rmse"], "an incremental campaign follows the change"
assert set(arms["federated"]["parts"]) == {"y4"} and "y3" in arms["federated"]["validation"]["parts"]
for part in o["federations"][0]["stream"]:
    assert part["promoted"] or part["part"] == "y3", part
    assert part["bytes"] < part["retrain_bytes"], part
EOF

# What does not fit is refused with a reason.
sed -e 's/column: nox/column: co/' "$work/hours.yaml" >"$work/bad.yaml"
"$lab" experiment "$work/bad.yaml" --data "$work/hours" >/dev/null 2>"$work/err" && fail 'a column that is not there'
grep -q 'no column "co"' "$work/err" || fail "no reason: $(cat "$work/err")"
sed -e 's/target: labels/target: input/' -e 's/units: 1}/units: input}/' "$work/hours.yaml" >"$work/bad.yaml"
"$lab" experiment "$work/bad.yaml" --data "$work/hours" >/dev/null 2>"$work/err" && fail 'a model without labels'
grep -q 'must learn from labels' "$work/err" || fail "no reason: $(cat "$work/err")"
"$lab" membership "$work/quality.yaml" --data "$work/quality" >/dev/null 2>"$work/err" && fail 'membership of a model with labels'
grep -q 'models that detect' "$work/err" || fail "no reason: $(cat "$work/err")"
"$lab" experiment "$work/wear.yaml" --data "$work/wear" --seed 2 --plots "$work/pictures" >/dev/null 2>&1 || fail 'pictures'
grep -q '<svg' "$work/pictures/fit.svg" || fail 'no picture of what was said'
echo 'numbers from folders, units and blocks: all arms have their figures'
