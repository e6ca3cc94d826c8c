#!/bin/sh
# The experiments that tell numbers, on public data, held to their bars.
# label: experiments
# long
#
#     tests/integration/experiment_life.sh [BIN]     $ANDON_DATA or ../shared/data holds cmapss and gas_turbine
#
# cmapss: federated RMSE of the worst part <= 14.0 (mean over the seeds), below ridge and local.
# gas_turbine: after each year's incremental campaign the error is within 5 % of a federation trained anew on all years
# so far, over the years judged, with fewer bytes; never adapting is far worse.
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 program or data are not there.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/experiment.sh
data=${ANDON_DATA:-../shared/data}
[ -d "$data/cmapss" ] && [ -d "$data/gas_turbine" ] || {
    echo "skipped: no cmapss and gas_turbine under $data"
    exit 77
}

for name in cmapss gas_turbine; do
    "$lab" experiment "tests/experiments/$name.yaml" --data "$data/$name" --out "$work/$name.json" || fail "$name did not end well"
done
python3 - "$work" <<'EOF' || exit 1
import json, sys
def load(name):
    return json.load(open("%s/%s.json" % (sys.argv[1], name)))
failed = []
def holds(ok, what):
    if not ok:
        failed.append(what)
c = load("cmapss")
life = c["arms"]["federated"]
holds(life["rmse"] <= 14.0, "cmapss: RMSE %.2f" % life["rmse"])
holds(life["rmse"] < c["baselines"]["ridge"]["rmse"], "cmapss: below ridge")
holds(life["rmse"] < c["arms"]["local"]["rmse"], "cmapss: below each site alone")
g = load("gas_turbine")
nox, anew = g["arms"]["federated"], g["arms"]["retrained"]
holds(nox["rmse"] <= 1.05 * anew["rmse"], "gas_turbine: %.2f against %.2f" % (nox["rmse"], anew["rmse"]))
holds(nox["rmse"] < 0.8 * g["arms"]["frozen"]["rmse"], "gas_turbine: the drift is recovered from")
for f in g["federations"]:
    for s in f["stream"]:
        holds(s["bytes"] < s["retrain_bytes"], "gas_turbine: bytes of %s" % s["part"])
for what in failed:
    print("experiment_life.sh: " + what, file=sys.stderr)
sys.exit(bool(failed))
EOF
echo 'all bars held'
