#!/bin/sh
# label: house
# Every source as clang-format 14 lays it out under .clang-format.
set -u
cd "$(dirname "$0")/.." || exit 2
version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
if [ "$version" != 14 ]; then
    echo "clang-format 14 is needed, found: ${version:-none}"
    exit 77
fi
bad=$(git ls-files -co --exclude-standard -- '*.c' '*.h' | while IFS= read -r file; do
    [ -f "$file" ] && printf '%s\0' "$file"
done | xargs -0 -n 40 clang-format --dry-run --Werror 2>&1 |
    sed -n 's/^\([^ :]*\):[0-9]*:.* error: .*/\1: clang-format -i \1/p' | sort -u)
[ -z "$bad" ] || echo "$bad"
[ -z "$bad" ]
