#!/bin/sh
# docs/openapi.json is what the rows of the API say.
#
#     tests/check_openapi.sh            compares
#     tests/check_openapi.sh --write    writes the page anew
set -u
cd "$(dirname "$0")/.." || exit 2
page=docs/openapi.json
lab=${ANDON_BIN:-build/dev/bin}/andon-lab
[ -x "$lab" ] || {
    echo "skipped: $lab is not built"
    exit 77
}
made=$(mktemp) || exit 2
trap 'rm -f "$made"' EXIT
"$lab" openapi >"$made" || exit 1
if [ "${1:-}" = --write ]; then
    cp "$made" "$page"
    exit
fi
diff -u "$page" "$made" && exit 0
echo "$page:1: is not what the rows of the API are: tests/check_openapi.sh --write"
exit 1
