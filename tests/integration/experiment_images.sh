#!/bin/sh
# Experiments on images run on any folder with a table of images, by a file alone: other sizes, classes and names of sites.  Faults
# are told from what is right, told apart and placed by all arms; the trivial answers stand beside; threads change nothing.
#
#     tests/integration/experiment_images.sh [BIN]
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the program is not built.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/experiment.sh

refuses()
{
    "$lab" experiment "$work/bad.yaml" --data "$work/parts" >/dev/null 2>"$work/err" && fail "$1: not refused"
    grep -q "$2" "$work/err" || fail "no reason \"$2\": $(cat "$work/err")"
}

# 96 parts of 3 lines, each with its light: good ones, ones with a dark hole, ones with a bright scratch; 22 x 18 pixels.
mkdir -p "$work/parts/pictures"
awk -v dir="$work/parts" 'BEGIN {
    srand(5); w = 22; h = 18; table = dir "/list.csv"
    print "picture_no,image,mask,class,site,tile_group,split" > table
    for (i = 0; i < 96; i++) {
        group = int(i / 3); line = i % 3
        kind = group % 4 == 1 ? "hole" : group % 4 == 3 ? "scratch" : "good"
        cx = 3 + int(rand() * (w - 6)); cy = 3 + int(rand() * (h - 6))
        name = "pictures/" i ".pgm"; mask = kind == "good" ? "" : "pictures/" i ".mask.pgm"
        image = "P2 " w " " h " 255\n"; marks = image
        for (y = 0; y < h; y++) for (x = 0; x < w; x++) {
            v = 70 + 25 * line + 2 * x + 10 * rand(); hit = 0
            if (kind == "hole" && (x - cx) ^ 2 + (y - cy) ^ 2 < 7) { v -= 60; hit = 1 }
            if (kind == "scratch" && y == cy) { v += 60; hit = 1 }
            image = image int(v) " "; marks = marks (hit ? 255 : 0) " "
        }
        print image > (dir "/" name); close(dir "/" name)
        if (mask != "") { print marks > (dir "/" mask); close(dir "/" mask) }
        printf "%d,%s,%s,%s,line-%d,%d,%s\n", i, name, mask, kind, line + 1, group, group < 20 ? "train" : "test" > table
    }
}'

cat >"$work/kinds.yaml" <<'EOF'
experiment: kinds
task: classify
model: |
  model: kinds
  input: {height: 18, width: 22, channels: 1}
  layers:
    - conv2d: {filters: 8, size: 3, padding: same}
    - relu
    - conv2d: {filters: 8, size: 3, padding: same}
    - relu
    - global_max_pool
    - dense: {units: 3}
  loss: cross_entropy
  target: labels
  augment: [flip, brightness]
data: {layout: images, index: list.csv, height: 18, width: 22, even: 1}
target: {normal: good, classes: all}
prep: {window: 18, scale: fleet}
train: {rounds: 15, epochs: 2, batch: 8, lr: 0.01}
personal: {epochs: 1, lr: 0.001}
figures: pooled
EOF
# The same parts in half the height, by masks that are coarser than the images: each kind its own.
sed -e 's/^experiment: .*/experiment: masks/' -e 's/height: 18/height: 10/' -e 's/window: 18/window: 10/' \
    -e 's/    - global_max_pool/    - avg_pool2d: {size: 2}/' -e 's/    - dense: {units: 3}/    - conv2d: {filters: 2, size: 1}/' \
    -e 's/cross_entropy/{bce: {even: 0.5}}/' -e 's/classes: all/classes: all, learn: masks, coarse: 2, top: 0.02/' \
    "$work/kinds.yaml" >"$work/masks.yaml"
sed -e 's/^experiment: .*/experiment: places/' -e 's/^task: .*/task: segment/' -e '/global_max_pool/d' \
    -e 's/    - dense: {units: 3}/    - conv2d: {filters: 1, size: 1}/' -e 's/cross_entropy/bce/' \
    -e 's/^target: {.*/target: {normal: good}/' -e 's/\[flip, brightness\]/[flip, cutpaste: {share: 0.1}]/' \
    "$work/kinds.yaml" >"$work/places.yaml"

# Squares, seen from eight sides in use, as they are learnt from; 0 of an answer is where held-back images say.
sed -e 's/^experiment: .*/experiment: sides/' -e 's/width: 22/width: 18/' -e 's/augment: \[flip,/augment: [flip, quarter,/' \
    -e 's/normal: good}/normal: good, views: 8, level: held}/' "$work/places.yaml" >"$work/sides.yaml"
sed -i -e 's/learn: masks,/learn: masks, views: 4, level: held,/' "$work/masks.yaml"

for name in kinds masks places sides; do
    for threads in 1 3; do
        "$lab" experiment "$work/$name.yaml" --data "$work/parts" --json --threads "$threads" \
            >"$work/$name.$threads" 2>"$work/err" || fail "$name: $(cat "$work/err")"
    done
    cmp -s "$work/$name.1" "$work/$name.3" || fail "$name: figures or hashes depend on the number of threads"
    mv "$work/$name.1" "$work/$name.json"
done
for name in kinds masks; do
    for arm in local pooled federated personalised; do
        for key in auroc macro_f1 best_f1 far mar model_hash; do
            [ -n "$(get $name $arm $key)" ] || fail "$name: $arm lacks $key"
        done
    done
    bar "$(get $name federated auroc) > 0.9" "$name: faults are told from what is right"
    bar "$(get $name federated macro_f1) > 0.8" "$name: kinds are told apart"
    bar "$(get $name federated macro_f1) > $(get $name majority macro_f1) + 0.3" "$name: better than the usual answer"
    bar "$(get $name random auroc) < 0.8 && $(get $name always_on auroc) == 0.5" "$name: what is trivial is no better"
    bar "$(get $name validation macro_f1) > 0.5" "$name: what is held back is judged"
done
bar "$(get places federated dice) > 0.6" 'faults are placed'
bar "$(get sides federated dice) > 0.6" 'what is said of each side is turned back'
bar "$(get places federated dice) > $(get places always_on dice) + 0.2" 'better than marking everything'
bar "$(get places federated pixel_auroc) > 0.9 && $(get places contrast pixel_auroc) > 0.5" 'pixels are ranked'
bar "$(get places federated aupro) > 0.7 && $(get places random aupro) < 0.3" 'regions are found, whatever their size'
bar "$(get places padim pixel_auroc) > 0.7" 'one-class maps from sums point at faults'
bar "$(get places memory pixel_auroc) > 0.7 && $(get kinds memory auroc) > 0.6" 'what a site remembers points at faults'

# What does not fit is refused with a reason.
sed -e 's/height: 18, width: 22, even/height: 16, width: 22, even/' "$work/kinds.yaml" >"$work/bad.yaml"
refuses 'another height' 'an image is a window of 16 rows'
sed -e 's/normal: good/normal: fine/' "$work/kinds.yaml" >"$work/bad.yaml"
refuses 'a class that is not there' 'no image is of the class "fine"'
sed -e 's/^task: .*/task: segment/' -e 's/classes: all/learn: class/' "$work/kinds.yaml" >"$work/bad.yaml"
refuses 'classes where pixels are asked for' 'learn: mask or masks'
sed -e 's/classes: all}/classes: all, views: 8}/' "$work/kinds.yaml" >"$work/bad.yaml"
refuses 'quarter turns of what is no square' 'no squares'
sed -e 's/even: 1}/even: 1, hold: 0}/' -e 's/classes: all}/classes: all, level: held}/' "$work/kinds.yaml" >"$work/bad.yaml"
refuses 'a level of nothing' 'holds nothing back'
cp "$work/kinds.yaml" "$work/bad.yaml"
echo '9,../secret.pgm,,good,line-1,1,train' >>"$work/parts/list.csv"
refuses 'a name that leads out' 'leads out of the folder'
echo 'classes and masks from a table of images: all arms have their figures'
