#!/usr/bin/env bash
# The same over twenty seeds.
# long
set -eu
ANDON_SEEDS=1..20 exec "$(dirname "$0")/promises.sh"
