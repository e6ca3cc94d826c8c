#!/usr/bin/env bash
# The alert rules fire when they are to, and dashboards ask what Prometheus understands.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
command -v promtool >/dev/null || {
    echo "skipped: promtool is not installed (Debian package prometheus)"
    exit 77
}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
die() { echo "FAILED: $*"; exit 1; }

promtool check rules deploy/prometheus/alerts.yml >"$work/out" 2>&1 || die "$(cat "$work/out")"
promtool test rules deploy/prometheus/alerts_test.yml >"$work/out" 2>&1 || die "$(cat "$work/out")"
promtool check config --syntax-only deploy/prometheus/scrape.yml >"$work/out" 2>&1 || die "$(cat "$work/out")"

# The expressions of a dashboard as rules, with something in the place of its variables.
for board in deploy/grafana/*.json; do
    python3 - "$board" >"$work/rules.yml" <<'END' || die "$board is no dashboard"
import json
import re
import sys

board = json.load(open(sys.argv[1], encoding="utf-8"))
names = {"$" + v["name"] for v in board["templating"]["list"]}
asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
assert asked and len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
assert all(name in names for text in asked for name in re.findall(r"\$\w+", text)), "a variable that is not there"
rules = [{"record": f"a:{i}", "expr": re.sub(r"\$\w+", ".*", text)} for i, text in enumerate(asked)]
json.dump({"groups": [{"name": "board", "rules": rules}]}, sys.stdout)
END
    promtool check rules "$work/rules.yml" >"$work/out" 2>&1 || die "$board: $(cat "$work/out")"
done
echo "$(grep -c 'alert:' deploy/prometheus/alerts.yml) rules, $(ls deploy/grafana/*.json | wc -l) dashboards"
