#!/bin/sh
# Do reasons name the sensors that asd's interpretation labels name?  docs/RESULTS.md has the figures.
# long: a minute, and only a change of detectors or reasons moves it
# label: experiments
set -eu
exec "$ANDON_BIN/bench_reasons"
