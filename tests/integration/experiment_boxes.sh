#!/bin/sh
# A detector of one stage learns boxes made from masks, on any folder with a table of images, by a file alone: faults of two kinds,
# none to three in an image, are found and named by the federation; what is trivial finds next to none; threads change nothing.
#
#     tests/integration/experiment_boxes.sh [BIN]
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the program is not built.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/experiment.sh

# 150 parts of 3 lines, each with its light; 32 x 24 pixels; dark spots and bright bars, one in each third of the part or none.
mkdir -p "$work/parts"
awk -v dir="$work/parts" 'BEGIN {
    srand(7); w = 32; h = 24; table = dir "/list.csv"
    print "image,mask,class,site,tile_group,split" > table
    for (i = 0; i < 150; i++) {
        group = int(i / 3); line = i % 3; kind = group % 5 == 0 ? "good" : group % 2 ? "spot" : "bar"
        for (p = 0; p < 3; p++) {
            there[p] = kind != "good" && (p == group % 3 || rand() < 0.3)
            cx[p] = 10 * p + 4 + int(rand() * 4); cy[p] = 4 + int(rand() * (h - 8)); r[p] = 6 + int(rand() * 7)
        }
        image = "P2 " w " " h " 255\n"; marks = image
        for (y = 0; y < h; y++) for (x = 0; x < w; x++) {
            v = 90 + 20 * line + x + 12 * rand(); hit = 0
            for (p = 0; p < 3; p++) if (there[p]) {
                if (kind == "spot" && (x - cx[p]) ^ 2 + (y - cy[p]) ^ 2 < r[p]) { v -= 60; hit = 1 }
                if (kind == "bar" && x >= cx[p] - 1 && x <= cx[p] + 1 && y >= cy[p] - 3 && y <= cy[p] + 3) { v += 60; hit = 1 }
            }
            image = image int(v) " "; marks = marks (hit ? 255 : 0) " "
        }
        name = i ".pgm"; mask = kind == "good" ? "" : i ".mask.pgm"
        print image > (dir "/" name); close(dir "/" name)
        if (mask != "") { print marks > (dir "/" mask); close(dir "/" mask) }
        printf "%s,%s,%s,line-%d,%d,%s\n", name, mask, kind, line + 1, group, group < 34 ? "train" : "test" > table
    }
}'

cat >"$work/boxes.yaml" <<'YAML'
experiment: boxes
task: boxes
model: |
  model: boxes
  input: {height: 24, width: 32, channels: 1}
  layers:
    - conv2d: {filters: 12, size: 3, padding: same}
    - relu
    - max_pool2d: {size: 2}
    - conv2d: {filters: 16, size: 3, padding: same}
    - relu
    - max_pool2d: {size: 2}
    - conv2d: {filters: 24, size: 3, padding: same}
    - relu
    - conv2d: {filters: 7, size: 1}
  loss: {boxes: {ones: 2, place: 10}}
  target: labels
  augment: [flip, brightness]
data: {layout: images, index: list.csv, height: 24, width: 32}
target: {normal: good, classes: all, cell: 4, join: 1}
prep: {window: 24, scale: fleet}
train: {rounds: 40, epochs: 2, batch: 8, lr: 0.01, schedule: cosine}
personal: {epochs: 1, lr: 0.001}
figures: pooled
YAML
for threads in 1 3; do
    "$lab" experiment "$work/boxes.yaml" --data "$work/parts" --json --threads "$threads" \
        >"$work/boxes.$threads" 2>"$work/err" || fail "boxes: $(cat "$work/err")"
done
cmp -s "$work/boxes.1" "$work/boxes.3" || fail 'figures or hashes depend on the number of threads'
mv "$work/boxes.1" "$work/boxes.json"
for arm in local pooled federated personalised; do
    for key in map50 map50_95 auroc model_hash; do
        [ -n "$(get boxes $arm $key)" ] || fail "$arm lacks $key"
    done
done
bar "$(get boxes federated map50) > 0.7" 'faults are found and named'
bar "$(get boxes federated map50_95) > 0.3 && $(get boxes federated map50_95) < $(get boxes federated map50)" 'their boxes fit'
bar "$(get boxes federated auroc) > 0.9" 'parts with a fault are told from good ones'
bar "$(get boxes whole map50) < 0.1 && $(get boxes random map50) < 0.1" 'what is trivial finds next to none'
bar "$(get boxes validation map50) > 0.2" 'what is held back is judged'

# What does not fit is refused with a reason.
refuses()
{
    "$lab" experiment "$work/bad.yaml" --data "$work/parts" >/dev/null 2>"$work/err" && fail "$1: not refused"
    grep -q "$2" "$work/err" || fail "no reason \"$2\": $(cat "$work/err")"
}
sed -e 's/cell: 4/cell: 7/' "$work/boxes.yaml" >"$work/bad.yaml"
refuses 'cells that do not fit' 'no multiples of 7'
sed -e 's/cell: 4/cell: 8/' "$work/boxes.yaml" >"$work/bad.yaml"
refuses 'another grid than the model has' '84'
sed -e 's/cell: 4/learn: masks/' "$work/boxes.yaml" >"$work/bad.yaml"
refuses 'a key of another task' 'learn'
echo 'boxes from masks: all arms have their figures'
