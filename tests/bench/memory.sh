#!/bin/sh
# Training a small image classifier fits a small PC: the whole process, libraries and all, keeps less
# than 16 MB in memory.  docs/RESULTS.md has the figures.
set -eu
model=$(mktemp)
trap 'rm -f "$model"' EXIT
cat >"$model" <<'END'
model: cnn
input: {height: 28, width: 28, channels: 1}
layers: [{conv2d: {filters: 32, size: 3}}, relu, {max_pool2d: {size: 2}},
  {conv2d: {filters: 64, size: 3}}, relu, {max_pool2d: {size: 2}},
  {conv2d: {filters: 64, size: 3}}, relu, flatten, {dense: {units: 64}}, relu, {dense: {units: 10}}]
loss: cross_entropy
target: labels
END
for threads in 1 2; do
    peak=$(echo go | "$ANDON_BIN/bench_train" --model "$model" --batch 64 --threads $threads --steps 5 |
        sed -n 's/^peak //p')
    if [ -z "$peak" ]; then
        echo 'this system does not tell how much memory a process has had'
        exit 77
    fi
    echo "$threads threads: $peak KiB"
    [ "$peak" -lt 15625 ] # 16 MB
done
