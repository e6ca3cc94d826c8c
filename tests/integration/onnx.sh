#!/bin/sh
# Exported models before others' eyes: ONNX's own checker accepts each file, and ONNX Runtime gives the outputs
# that we give.  The models are those of tests/unit/test_onnx.c: the zoo and every kind of layer.
#
#     tests/integration/onnx.sh [BIN]     BIN: folder of the programs, else $ANDON_BIN or build/dev/bin
#
# ONNX Runtime comes as the package onnxruntime-node (tests/support/packages.sh).
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 what is needed cannot be had.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=${1:-${ANDON_BIN:-build/dev/bin}}
skip()
{
    echo "skipped: $*"
    exit 77
}
fail()
{
    echo "onnx.sh: $*" >&2
    exit 1
}
[ -x "$bin/test_onnx" ] && [ -x "$bin/andon-lab" ] || skip "$bin/test_onnx and $bin/andon-lab are not built"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

mkdir "$work/models"
ANDON_ONNX_DIR=$work/models "$bin/test_onnx" >"$work/log" 2>&1
code=$?
[ "$code" -ne 77 ] || skip "$(tail -n 1 "$work/log")"
[ "$code" -eq 0 ] || fail "test_onnx failed: $(tail -n 20 "$work/log")"

# The system's Python, for which the distribution packs onnx; another may come first in the path.
/usr/bin/python3 -c 'import onnx' 2>/dev/null || skip "/usr/bin/python3 has no onnx (Debian: python3-onnx)"
/usr/bin/python3 tests/onnx/check.py "$work"/models/*.onnx || fail "a file does not pass ONNX's checker"

# The verbs: what is written is read again, by name of sensors too, and is where training can begin.
lab()
{
    "$bin/andon-lab" "$@" >"$work/out" 2>"$work/err" || fail "andon-lab $*: $(cat "$work/err")"
}
refuses() # words of the error, command
{
    words=$1
    shift
    "$bin/andon-lab" "$@" >"$work/out" 2>"$work/err" && fail "andon-lab $* was taken"
    grep -q "$words" "$work/err" || fail "the error lacks \"$words\": $(cat "$work/err")"
}
arch=models/zoo/dense-ae.yaml
table=$work/normal.csv
lab simulate --rows 800 --seed 1 --steady --out "$table"
lab train "$arch" "$table" --label label --epochs 2 --out "$work/one.andon"
lab export "$work/one.andon" --out "$work/one.onnx" --json
grep -q '"bytes"' "$work/out" || fail "export says nothing with --json"
lab import "$work/one.onnx" --out "$work/two.andon" --description "$work/two.yaml"
grep -q 'the sensors it was made for' "$work/out" || fail "import does not find the sensors: $(cat "$work/out")"
lab export "$work/two.andon" --out "$work/two.onnx"
/usr/bin/python3 tests/onnx/frozen.py "$work/one.onnx" "$work/two.onnx" dense1 dense2 code dense4 dense5 out ||
    fail "the weights are not those that were exported"
for from in one.andon one.onnx; do
    lab train "$work/two.yaml" "$table" --label label --epochs 1 --from "$work/$from" --freeze dense1,code --out "$work/three.andon"
    grep -q 'began with 12 tensors' "$work/out" || fail "training does not begin with $from: $(cat "$work/out")"
    lab export "$work/three.andon" --out "$work/three.onnx"
    /usr/bin/python3 tests/onnx/frozen.py "$work/one.onnx" "$work/three.onnx" dense1 code || fail "--freeze does not hold"
done
refuses 'no layer with weights' train "$arch" "$table" --label label --from "$work/one.onnx" --freeze dense9 --out "$work/no"
refuses 'add --from' train "$arch" "$table" --label label --freeze dense1 --out "$work/no"
refuses 'no tensor has the name' train models/zoo/conv1d-ae.yaml "$table" --label label --window 32 --from "$work/one.onnx" --out "$work/no"
refuses 'not an ONNX file' import "$table" --description "$work/no"
refuses 'does not: write its --description' import "$work"/models/*-cnn-classifier.onnx --out "$work/no"
lab import "$work"/models/*-cnn-classifier.onnx --description "$work/cnn.yaml"

command -v node >/dev/null || skip "there is no node"
packages=$(tests/support/packages.sh onnx) || skip "$packages"
node tests/onnx/run.js "$packages" "$work/models" || fail "ONNX Runtime gives other outputs"
