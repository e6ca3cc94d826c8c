#!/bin/sh
# docs/CONFIGURATION.md is what the programs' own tables of options say.
#
#     tests/check_configuration.sh            compares
#     tests/check_configuration.sh --write    writes the page anew
set -u
cd "$(dirname "$0")/.." || exit 2
page=docs/CONFIGURATION.md
lab=${ANDON_BIN:-build/dev/bin}/andon-lab
[ -x "$lab" ] || {
    echo "skipped: $lab is not built"
    exit 77
}
made=$(mktemp) || exit 2
trap 'rm -f "$made"' EXIT
"$lab" options >"$made" || exit 1
if [ "${1:-}" = --write ]; then
    cp "$made" "$page"
    exit
fi
diff -u "$page" "$made" && exit 0
echo "$page:1: is not what the options are: tests/check_configuration.sh --write"
exit 1
