#!/bin/sh
# Do reasons name the sensors that asd's interpretation labels name?  docs/RESULTS.md has the figures.
# label: experiments
set -eu
exec "$ANDON_BIN/bench_reasons"
