#!/bin/sh
# No function has more than 70 lines.  Relies on the layout of .clang-format: the braces of a
# function, and of nothing else that spans lines and holds statements, stand in the first column.
#
#     tests/check_functions.sh [TREE]
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2

if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -co --exclude-standard -- '*.c' '*.h'
else
    find . -type f -name '*.[ch]' ! -path './build/*' | sed 's,^\./,,'
fi | sort -u | while IFS= read -r file; do
    [ -f "$file" ] && awk -v max=70 '
        /^[A-Za-z_].*\(/ { head = $0; at = FNR }
        /^{/ { start = FNR }
        /^}/ && start {
            lines = FNR - start + 1
            if (lines > max) {
                name = head; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
                print FILENAME ":" at ": " name " has " lines " lines, " max " are allowed"
            }
            start = 0
        }' "$file"
done | {
    bad=0
    while IFS= read -r line; do
        echo "$line"
        bad=1
    done
    exit $bad
}
