#!/bin/sh
# docs/ACCESS.md is what the coordinator's table of routes says.
#
#     tests/check_access.sh            compares
#     tests/check_access.sh --write    writes the page anew
set -u
page=docs/ACCESS.md verb=access what='the routes are'
. "$(dirname "$0")/support/page.sh"
[ "${1:-}" = --write ] && write
diff -u "$page" "$made" || differs
