#!/bin/sh
# Three years of real drift answered by campaigns and staged rollouts, and three bad candidates stopped on the way.
# What it must hold is in bench_turbine; docs/RESULTS.md has the figures.
# long: promises.sh and rollout.sh walk the same way on generated data
# label: experiments
set -eu
exec "$ANDON_BIN/bench_turbine"
