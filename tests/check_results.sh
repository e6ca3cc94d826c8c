#!/bin/sh
# Sections of docs/RESULTS.md that come from experiments have the form that tests/experiments/results.py gives them; one that
# is changed by hand is found.
#
#     tests/check_results.sh
set -u
cd "$(dirname "$0")/.." || exit 2
tool=tests/experiments/results.py
python3 "$tool" check || exit 1
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/docs" "$work/tests/experiments"
cp docs/RESULTS.md "$work/docs/"
cp tests/experiments/*.yaml "$tool" "$work/tests/experiments/"
grep -q '^<!-- experiment: ' docs/RESULTS.md || exit 0
sed -i -e '/^<!-- experiment: /,/^<!-- end: /s/^Commit .*/Some time ago./' "$work/docs/RESULTS.md"
if python3 "$work/$tool" check 2>/dev/null; then
    echo 'check_results.sh: a section without commit and seeds passes' >&2
    exit 1
fi
