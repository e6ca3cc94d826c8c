#!/usr/bin/env bash
# A data set of the same kind as tep is one file: three sensors of which the third is the sum of the others, and a fault
# that breaks the sum and nothing else.
# label: experiments
#
#     tests/integration/experiment_sums.sh [BIN]
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the program is not there.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/experiment.sh

# ROWS SEED FAULT_FROM
rows()
{
    awk -v n="$1" -v seed="$2" -v from="$3" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) {
            a = rand(); b = rand()
            print a, b, a + b + 0.01 * rand() + (i >= from ? 0.1 : 0)
        }
    }'
}
rows 300 1 999 >"$work/normal.dat"
rows 300 2 999 >"$work/calm.dat"
rows 200 3 100 >"$work/broken.dat"
cat >"$work/sums.yaml" <<'YAML'
experiment: sums
detector: mahalanobis
data: {layout: segments, train: normal.dat, segments: 3, calibrate: calm.dat, tests: [broken.dat], fault_row: 100, header: false}
prep: {scale: fleet}
personal: {epochs: 0}
YAML
for detector in mahalanobis pca t2 q scales halfspace; do
    sed "s/^detector: .*/detector: $detector/" "$work/sums.yaml" >"$work/one.yaml"
    "$lab" experiment "$work/one.yaml" --data "$work" --out "$work/$detector.json" >/dev/null || fail "$detector did not end well"
done
for arm in local pooled federated; do
    bar "$(get mahalanobis $arm auroc) > 0.99" "AUROC of $arm where a sum is broken"
done
bar "$(get mahalanobis largest_z auroc) < 0.9" 'a single sensor shows the fault, so this shows nothing'

# ---- what false alarms buy: the same experiment under each policy that is listed
{
    cat "$work/sums.yaml"
    echo 'threshold: "quantile:0.99"'
    echo 'tradeoff: ["quantile:0.9", "quantile:0.99", "quantile:0.99*1000"]'
} >"$work/one.yaml"
"$lab" experiment "$work/one.yaml" --data "$work" --out "$work/bought.json" --plots "$work/plots" >/dev/null ||
    fail 'a trade-off did not end well'
bought() # FIGURE: the federated arm's under each policy, in order
{
    awk -v key="\"$1\":" '/"tradeoff":/ { on = 1 } on && /"federated": \{/ { arm = 1 }
        on && arm && $1 == key { sub(/,$/, "", $2); print $2; arm = 0 }' "$work/bought.json"
}
mapfile -t far < <(bought far)
mapfile -t mar < <(bought mar)
[ "${#far[@]}" -eq 3 ] || fail 'three policies, and other figures'
bar "${far[0]} > ${far[1]} && ${far[1]} >= ${far[2]} && ${mar[0]} <= ${mar[1]} && ${mar[1]} < ${mar[2]}" 'a higher threshold'
bar "${far[1]} == $(get bought federated far) && ${mar[1]} == $(get bought federated mar)" 'the policy of the experiment itself'
grep '<svg' "$work/plots/tradeoff.svg" >/dev/null || fail 'there is no picture of the trade-off'
echo 'all held'
