#!/usr/bin/env bash
# What the console costs with 100 sites, 1,000 versions and 100,000 alarms, beside a running round.  Figures are printed; what
# fails is a refusal, and memory that grows.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
: "${ANDON_BIN:?is not set: run this through tests/run}"
CHROMIUM=$(command -v chromium || command -v chromium-browser) || { echo "skipped: no chromium; deploy/install-deps --tests installs it"; exit 77; }
[ -d "$(dirname "$ANDON_BIN")/console/tree/dist" ] || { echo "skipped: this build is without the console"; exit 77; }
. tests/support/browser.sh
work=$(mktemp -d)
# The sites stand for a hundred other machines with disks of their own: what they save is not to wait in the coordinator's queue.
sites=$(mktemp -d -p /dev/shm 2>/dev/null) || sites=$(mktemp -d)
mkfifo "$work/end" "$work/said"
"$ANDON_BIN/bench_console" --dir "$work" --sites-dir "$sites" "$@" <"$work/end" >"$work/said" &
pid=$!
exec 3>"$work/end" 4<"$work/said"
trap 'exec 3>&-; wait "$pid"; rm -rf "$work" "$sites"' EXIT
read -r word PID <&4
[ "$word" = ready ] || { echo "console.sh: the coordinator does not come up"; exit 1; }
URL=$(sed -n 's/.*"http": *"\([^"]*\)".*/\1/p' "$work/coordinator/endpoints.json")
export CHROMIUM URL PID TOKEN=$work/coordinator/admin.token
echo "$(nproc) processors, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), load $(cut -d ' ' -f 1 /proc/loadavg)"
node tests/browser/speed.mjs || exit 1
if command -v wrk >/dev/null; then
    for path in /status '/alarms?limit=50' /sites; do
        echo "wrk -t1 -c8, $path: $(wrk -t1 -c8 -d3s --latency -H "Authorization: Bearer $(cat "$TOKEN")" "$URL/api/v1$path" | awk '/Requests\/sec/ { r = $2 } /99%/ { p = $2 } END { print r " requests a second, p99 " p }')"
    done
fi
