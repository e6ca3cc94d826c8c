#!/usr/bin/env bash
# From a sample to the decision about an alarm, beside a trainer on the same core: bench_live with one stream and
# with more, with versions swapped each second; and the same model in ONNX Runtime, in turn.
#
#     tests/bench/live.sh [--seconds 3] [--streams "1 8"]
#
# What it holds to: no row is lost, none unscored.  The times depend on the machine and on who else works there, so they are
# told, beside the load, and judged by the reader.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${ANDON_BIN:?is not set: run this through tests/run}"
seconds=3
streams='1 8'
while [ $# -gt 1 ]; do
    case $1 in
    --seconds) seconds=$2 ;;
    --streams) streams=$2 ;;
    *) break ;;
    esac
    shift 2
done
[ $# -eq 0 ] || { echo "usage: tests/bench/live.sh [--seconds N] [--streams 'N N']" >&2; exit 2; }

echo "machine: $(grep -m 1 'model name' /proc/cpuinfo | cut -d: -f2), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
for n in $streams; do
    for trainer in none all share; do
        "$ANDON_BIN/bench_live" --streams "$n" --seconds "$seconds" --trainer "$trainer"
    done
done
"$ANDON_BIN/bench_live" --seconds "$seconds" --trainer share --swap 1

folder=$(tests/support/packages.sh onnx) || { echo "without ONNX Runtime: $folder"; exit 0; }
work=$(mktemp -d)
trap 'kill "$ours_PID" "$theirs_PID" 2>/dev/null; rm -rf "$work"' EXIT
coproc ours { exec "$ANDON_BIN/bench_live" --single "$work/line.andon"; }
read -r -u "${ours[0]}" ready
"$ANDON_BIN/andon-lab" export "$work/line.andon" --out "$work/line.onnx" >/dev/null
# One coprocess at a time is what the shell knows of; the second one is a pair of pipes.
mkfifo "$work/to" "$work/from"
"$ANDON_BIN/bench_ort" --library "$folder/node_modules/onnxruntime-node/bin/napi-v3/linux/x64/libonnxruntime.so.1" \
    --model "$work/line.onnx" --shape 1,64 --steps 2000 <"$work/to" >"$work/from" &
theirs_PID=$!
exec 8>"$work/to" 9<"$work/from"
read -r -u 9 ready
for _ in $(seq 21); do
    echo go >&"${ours[1]}"
    read -r -u "${ours[0]}" a
    echo go >&8
    read -r -u 9 b
    echo "$a $b"
done >"$work/pairs"
awk -v other="${ready#ready }" '{ a[NR] = $1; b[NR] = $2; r[NR] = $2 / $1 }
    function median(v, n,   i, j, t) {
        for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
        return v[(n + 1) / 2]
    }
    END { printf "a row: %.2f us here with scaler, detector and contributions, %.2f us in ONNX Runtime (%s, the model alone), ratio %.2f (medians of %d pairs)\n",
          1e6 * median(a, NR), 1e6 * median(b, NR), other, median(r, NR), NR }' "$work/pairs"
