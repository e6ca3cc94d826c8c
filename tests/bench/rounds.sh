#!/bin/sh
# What coordination costs, in a short form: the figures are printed, the bounds are ratios and
# counts, never times.  docs/RESULTS.md has the long form.
set -eu
bench=$ANDON_BIN/bench_rounds
echo 'A round beyond training, 100 sites, a tiny model:'
"$bench" --sites 100 --rounds 10 --commits-max 100
echo 'Memory, 20 sites, a million parameters:'
"$bench" --sites 20 --rounds 2 --hidden 990 --share 1 --memory-max 3
