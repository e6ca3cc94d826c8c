#!/usr/bin/env bash
# long
# deploy/demo from start to end, and what it writes with --json; the folders of recorded data where they are.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
export ANDON_BIN=${ANDON_BIN:-build/dev/bin}
for program in andon andon-agent andon-coordinator andon-lab; do
    [ -x "$ANDON_BIN/$program" ] || { echo "skipped: $ANDON_BIN/$program is not built"; exit 77; }
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
data=${ANDON_DATA:-../shared/data}

check() # name, number of sites, flags ...
{
    local name=$1 n=$2
    shift 2
    deploy/demo --json "$work/$name.json" "$@" >"$work/$name.out" 2>&1 || { cat "$work/$name.out"; echo "demo.sh: $name failed"; exit 1; }
    [ "$(grep -c '"bytes_left": [1-9]' "$work/$name.json")" -eq "$n" ] || { echo "demo.sh: $name: not $n sites with figures"; exit 1; }
    grep -q '"happened": false' "$work/$name.json" && { echo "demo.sh: $name: a promise is broken"; exit 1; }
    echo "$name: ok"
}

check pumps 4
if [ -d "$data/skab" ]; then check skab 3 --data "$data/skab"; else echo "skab left out: $data/skab is missing"; fi
if [ -d "$data/asd" ]; then check asd 12 --data "$data/asd"; else echo "asd left out: $data/asd is missing"; fi
