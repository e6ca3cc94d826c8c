#!/bin/sh
# docs/CONFIGURATION.md is what the programs' own tables of options say.
#
#     tests/check_configuration.sh            compares
#     tests/check_configuration.sh --write    writes the page anew
set -u
page=docs/CONFIGURATION.md verb=options what='the options are'
. "$(dirname "$0")/support/page.sh"
if [ "${1:-}" = --write ]; then
    grep -q '^### type: opcua$' "$made" || {
        echo "$page: this build has no source opcua: deploy/install-open62541"
        exit 1
    }
    write
fi
# A build without open62541, which Debian 12 has no package of, does not know the source opcua.
if grep -q '^### type: opcua$' "$made"; then
    diff -u "$page" "$made" || differs
else
    awk '/^##/ { out = $0 == "### type: opcua" } !out' "$page" | diff -u - "$made" || differs
fi
