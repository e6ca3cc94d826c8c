#!/bin/sh
# Exported models before others' eyes: ONNX's own checker accepts each file, and ONNX Runtime gives the outputs
# that we give.  The models are those of tests/unit/test_onnx.c: the zoo and every kind of layer.
#
#     tests/integration/onnx.sh [BIN]     BIN: folder of the programs, else $ANDON_BIN or build/dev/bin
#
# ONNX Runtime comes as the package onnxruntime-node into build/onnx, by the versions and hashes that
# tests/onnx/package-lock.json has; its download step stays off.
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

command -v node >/dev/null && command -v npm >/dev/null || skip "there is no node or npm"
packages=build/onnx
mkdir -p "$packages"
if ! cmp -s tests/onnx/package-lock.json "$packages/installed-lock.json"; then
    cp tests/onnx/package.json tests/onnx/package-lock.json "$packages/"
    (cd "$packages" && timeout 300 npm ci --ignore-scripts --no-audit --no-fund) >"$work/npm" 2>&1 ||
        skip "onnxruntime-node cannot be fetched: $(grep -m 1 -i error "$work/npm")"
    cp tests/onnx/package-lock.json "$packages/installed-lock.json"
fi
node tests/onnx/run.js "$packages" "$work/models" || fail "ONNX Runtime gives other outputs"
