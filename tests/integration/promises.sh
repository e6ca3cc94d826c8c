#!/usr/bin/env bash
# What deploy/demo promises, over a few seeds in one process each on a fake clock.
set -eu
cd "$(dirname "$0")/../.." || exit 2
export ANDON_BIN=${ANDON_BIN:-build/release/bin}
[ -x "$ANDON_BIN/bench_promises" ] || { echo "skipped: $ANDON_BIN/bench_promises is not built"; exit 77; }
ANDON_SEEDS=${ANDON_SEEDS:-1..3} exec "$ANDON_BIN/bench_promises"
