#!/bin/sh
# label: format
# Every source as clang-format 14 lays it out under .clang-format.  A group of its own:
# `tests/run format`; it joins the house checks when the tree is laid out so.
set -u
cd "$(dirname "$0")/.." || exit 2
version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
if [ "$version" != 14 ]; then
    echo "clang-format 14 is needed, found: ${version:-none}"
    exit 77
fi
bad=0
for file in $(git ls-files -co --exclude-standard -- '*.c' '*.h'); do
    if [ -f "$file" ] && ! clang-format --dry-run --Werror "$file" >/dev/null 2>&1; then
        echo "$file: clang-format -i $file"
        bad=1
    fi
done
exit $bad
