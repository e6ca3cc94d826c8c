#!/bin/sh
# docs/ACCESS.md is what the coordinator's table of routes says.
#
#     tests/check_access.sh            compares
#     tests/check_access.sh --write    writes the page anew
set -u
cd "$(dirname "$0")/.." || exit 2
page=docs/ACCESS.md
lab=${ANDON_BIN:-build/dev/bin}/andon-lab
[ -x "$lab" ] || {
    echo "skipped: $lab is not built"
    exit 77
}
made=$(mktemp) || exit 2
trap 'rm -f "$made"' EXIT
"$lab" access >"$made" || exit 1
if [ "${1:-}" = --write ]; then
    cp "$made" "$page"
    exit
fi
diff -u "$page" "$made" && exit 0
echo "$page:1: is not what the routes are: tests/check_access.sh --write"
exit 1
