#!/bin/sh
# Transfer: a backbone that learnt one task, as an ONNX file, is where an experiment on another begins.  Its layers are frozen, so that
# sites train and send the head alone; with few labels this is better than to begin by lot, and than to freeze what was drawn by lot.
#
#     tests/integration/transfer.sh [BIN]
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the program is not built.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/experiment.sh

# Strokes in noise, 16 x 16 pixels.  The backbone's task: which way does a stroke run (many images).  The other: good parts show two that
# lie (-) and stand (|), bad ones two that rise (/) and fall (\); few are labelled.
awk -v dir="$work" 'function stroke(kind, v,   cx, cy, k) {
    cx = 4 + int(rand() * 8); cy = 4 + int(rand() * 8)
    for (k = -3; k <= 3; k++)
        v[(kind == "lies" ? cy : kind == "falls" ? cy + k : kind == "rises" ? cy - k : cy + k) * 16 + \
          (kind == "stands" ? cx : cx + k)] += 32
}
function put(file, v,   i, image) {
    image = "P2 16 16 255\n"
    for (i = 0; i < 256; i++) { image = image int(v[i] > 255 ? 255 : v[i]) " " }
    print image > file; close(file)
}
function noise(v, light,   i) { for (i = 0; i < 256; i++) v[i] = light + 60 * rand() }
BEGIN {
    srand(3); split("lies stands rises falls", kinds, " ")
    for (c = 1; c <= 4; c++) {
        system("mkdir -p " dir "/strokes/" kinds[c])
        for (i = 0; i < 300; i++) { noise(v, 60); stroke(kinds[c], v); put(dir "/strokes/" kinds[c] "/" i ".pgm", v) }
    }
    system("mkdir -p " dir "/parts")
    table = dir "/parts/list.csv"
    print "image,class,site,tile_group,split" > table
    for (i = 0; i < 240; i++) {
        bad = int(i / 3) % 2; train = i < 24; noise(v, 40 + 20 * (i % 3))
        stroke(bad ? "rises" : "lies", v); stroke(bad ? "falls" : "stands", v)
        put(dir "/parts/" i ".pgm", v)
        printf "%d.pgm,%s,line-%d,%d,%s\n", i, bad ? "bad" : "good", i % 3 + 1, i, train ? "train" : "test" > table
    }
}'

layers()
{
    cat <<END2
$1  - conv2d: {name: edges, filters: 12, size: 3, padding: same$2}
$1  - relu
$1  - conv2d: {name: strokes, filters: 24, size: 5, padding: same$2}
$1  - relu
$1  - global_max_pool
$1  - dense: {name: $3, units: $4}
END2
}
{
    printf 'model: strokes\ninput: {height: 16, width: 16, channels: 1}\nlayers:\n'
    layers '' '' ways 4
    printf 'loss: cross_entropy\ntarget: labels\n'
} >"$work/strokes.yaml"
run 0 train "$work/strokes.yaml" "$work/strokes" --epochs 15 --batch 16 --lr 0.003 --out "$work/strokes.andon"
run 0 export "$work/strokes.andon" --out "$work/backbone.onnx"

experiment() # name, options of the backbone's layers, first weights
{
    {
        printf 'experiment: %s\ntask: classify\nmodel: |\n  model: parts\n  input: {height: 16, width: 16, channels: 1}\n  layers:\n' "$1"
        layers '  ' "$2" good 2
        printf '  loss: cross_entropy\n  target: labels\n%s' "$3"
        cat <<'END2'
data: {layout: images, index: list.csv, height: 16, width: 16, hold: 2}
target: {normal: good}
prep: {window: 16, scale: fleet}
train: {rounds: 12, epochs: 3, batch: 4, lr: 0.01}
personal: {epochs: 1, lr: 0.001}
seeds: [1, 2]
arms: federation
END2
    } >"$work/$1.yaml"
    "$lab" experiment "$work/$1.yaml" --data "$work/parts" --json >"$work/$1.json" 2>"$work/err" || fail "$1: $(cat "$work/err")"
}
experiment transfer ', frozen: true' 'from: backbone.onnx
'
experiment scratch '' ''
experiment lot ', frozen: true' ''
bar "$(get transfer federated macro_f1) > $(get scratch federated macro_f1) + 0.2" 'few labels: better than to begin by lot'
bar "$(get transfer federated auroc) > $(get scratch federated auroc) + 0.04" 'few labels: bad parts are told from good ones'
bar "$(get transfer federated macro_f1) > $(get lot federated macro_f1) + 0.2" 'it is what was learnt that helps, not that it is frozen'
sent()
{
    awk '$1 == "\"update_bytes\":" { sub(/,$/, "", $2); print $2; exit }' "$work/$1.json"
}
bar "$(sent transfer) < $(sent scratch) / 20 && $(sent transfer) > 0" 'only the head is sent'

# What does not fit is refused with a reason.
refuses() # why, words of the reason, sed script
{
    sed -e "$3" "$work/transfer.yaml" >"$work/bad.yaml"
    "$lab" experiment "$work/bad.yaml" --data "$work/parts" >"$work/out" 2>"$work/err" && fail "$1: not refused"
    grep -q -e "$2" "$work/err" || fail "no reason \"$2\": $(cat "$work/err")"
}
refuses 'a backbone of other layers' 'no tensor has the name' 's/name: edges/name: a/; s/name: strokes/name: b/'
refuses 'a backbone that is not there' 'elsewhere.onnx' 's/backbone.onnx/elsewhere.onnx/'
refuses 'a frozen layer without weights' 'no parameters that could be frozen' 's/- global_max_pool/- global_max_pool: {frozen: true}/'
refuses 'frozen and local' 'so that it is not frozen' 's/frozen: true/frozen: true, local: true/'
refuses 'nothing left to train' 'nothing to train' 's/name: good/frozen: true, name: good/; /^arms/d'
echo "AUROC with few labels: transfer $(get transfer federated auroc), by lot $(get scratch federated auroc)"
