#!/bin/sh
# Heat maps and boxes against the masks of magnetic_tile; docs/RESULTS.md has the figures.
# label: experiments
# long
set -eu
exec "$ANDON_BIN/bench_tiles"
