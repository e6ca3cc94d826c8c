#!/bin/sh
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
echo 'all held'
