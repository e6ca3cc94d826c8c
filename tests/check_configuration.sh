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
    grep -q '^### type: opcua$' "$made" || {
        echo "$page: this build has no source opcua: deploy/install-open62541"
        exit 1
    }
    cp "$made" "$page"
    exit
fi
# A build without open62541, which Debian 12 has no package of, does not know the source opcua.
if grep -q '^### type: opcua$' "$made"; then
    diff -u "$page" "$made" && exit 0
else
    awk '/^##/ { out = $0 == "### type: opcua" } !out' "$page" | diff -u - "$made" && exit 0
fi
echo "$page:1: is not what the options are: tests/check_configuration.sh --write"
exit 1
