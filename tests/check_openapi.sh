#!/bin/sh
# docs/openapi.json is what the rows of the API say.
#
#     tests/check_openapi.sh            compares
#     tests/check_openapi.sh --write    writes the page anew
set -u
page=docs/openapi.json verb=openapi what='the rows of the API are'
. "$(dirname "$0")/support/page.sh"
[ "${1:-}" = --write ] && write
diff -u "$page" "$made" || differs
