#!/bin/sh
# docs/METRICS.md is what the tables of meters say, and every metric that a dashboard, a rule or a page of docs/ names is
# in one of them.
#
#     tests/check_meters.sh            compares
#     tests/check_meters.sh --write    writes docs/METRICS.md anew
set -u
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.." || exit 2
page=docs/METRICS.md
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# AN_METER(ID, TYPE, "name", "help", "label" ..., NULL) becomes a row of the page.
table() # .def ...
{
    echo '| metric | type | labels | meaning |'
    echo '|---|---|---|---|'
    cat "$@" | sed -n 's/^AN_METER(\(.*\))$/\1/p' | awk -F'"' '{
        split($1, head, ", *")
        labels = ""
        for (i = 6; i < NF; i += 2) labels = labels (labels ? ", " : "") "`" $i "`"
        printf "| `%s` | %s | %s | %s |\n", $2, tolower(head[2]), labels, $4
    }'
}

{
    echo '# Metrics'
    echo
    echo 'Written by `tests/check_meters.sh --write` from the tables of the programs. [OPERATIONS](OPERATIONS.md) says how they are'
    echo 'read, `deploy/grafana` and `deploy/prometheus` have dashboards and alert rules of them.'
    echo
    echo '## Coordinator'
    echo
    table coordinator/meters.def
    echo
    echo '## Agent'
    echo
    table agent/meters.def
    echo
    echo '## Both'
    echo
    table proto/base/meter_process.def
} >"$work/page"

if [ "${1:-}" = --write ]; then
    cp "$work/page" "$page"
    exit
fi
failed=0
cmp -s "$work/page" "$page" || {
    echo "$page:1: is not what the meters are: tests/check_meters.sh --write"
    failed=1
}

# A histogram is read by the names of its parts.
sed -n 's/^| `\([a-z_]*\)` | \([a-z]*\) .*/\1 \2/p' "$work/page" |
    awk '{ print $1 } $2 == "histogram" { print $1 "_bucket"; print $1 "_sum"; print $1 "_count" }' | sort -u >"$work/known"
[ "$(wc -l <"$work/known")" -gt 80 ] || {
    echo "tests/check_meters.sh: the tables cannot be read"
    exit 1
}
set -- deploy/grafana/*.json deploy/prometheus/*.yml
for file in "$@" docs/OPERATIONS.md docs/adr/0048-*.md; do
    [ -f "$file" ] || continue
    grep -noE '\b(andon|process)_[a-z_]*[a-z]\b' "$file" |
        awk -F: -v file="$file" 'NR == FNR { known[$1] = 1; next } !($2 in known) { print file ":" $1 ": no metric is called " $2 }' \
            "$work/known" - >>"$work/unknown"
done
if [ -s "$work/unknown" ]; then
    cat "$work/unknown"
    failed=1
fi
exit $failed
