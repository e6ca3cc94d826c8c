#!/bin/sh
# The described experiments on public data, held to their bars.
# label: experiments
# long
#
#     tests/integration/experiment_data.sh [BIN]     $ANDON_DATA or ../shared/data holds asd and skab
#
# asd: personalised AUROC >= 0.78 and best F1 >= 0.43, means over the sites, no point adjustment.
# With fused scores, three seeds: >= 0.85 and >= 0.48.
# Cold start: personalised AUROC above local, mean over the six sites.
# tep, where it is there: mean detection >= 0.794, without 3, 9 and 15 >= 0.92, by sums that equal the pooled ones.
# skab: personalised F1 >= 0.75, and F1 and AUROC above always-on and Mahalanobis on raw rows.  FAR is not
# held to Mahalanobis: it is a little higher, with far fewer missed rows.
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 program or data are not there.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/experiment.sh
data=${ANDON_DATA:-../shared/data}
[ -d "$data/asd" ] && [ -d "$data/skab" ] || {
    echo "skipped: no asd and skab under $data"
    exit 77
}

# FILE BLOCK PART KEY
get_part()
{
    awk -v block="\"$2\": {" -v part="\"$3\": {" -v key="\"$4\":" '
        index($0, block) { inside = 1 }
        inside && index($0, part) { found = 1 }
        found && $1 == key { sub(/,$/, "", $2); print $2; exit }' "$work/$1.json"
}
experiment()
{
    "$lab" experiment "tests/experiments/$1.yaml" --data "$data/$2" --out "$work/$1.json" ||
        fail "$1 did not end well"
}

experiment asd asd
bar "$(get asd personalised auroc) >= 0.78" 'asd, personalised AUROC'
bar "$(get asd personalised best_f1) >= 0.43" 'asd, personalised best F1'
experiment asd-fusion asd
bar "$(get asd-fusion personalised auroc) >= 0.85" 'asd, fused scores, personalised AUROC'
bar "$(get asd-fusion personalised best_f1) >= 0.48" 'asd, fused scores, personalised best F1'
experiment asd-cold-start asd
bar "$(get asd-cold-start personalised auroc) > $(get asd-cold-start local auroc)" 'cold start, personalised above local'
experiment skab-moments skab
bar "$(get skab-moments personalised far) <= 0.1" 'skab without a network, false alarms'
bar "$(get skab-moments personalised f1) >= 0.74" 'skab without a network, F1'
experiment skab skab
bar "$(get skab personalised f1) > $(get skab always_on f1)" 'skab, F1 above always-on'
bar "$(get skab personalised f1) > $(get skab mahalanobis f1)" 'skab, F1 above Mahalanobis'
bar "$(get skab personalised f1) >= 0.75" 'skab, F1'
bar "$(get skab personalised auroc) > $(get skab mahalanobis auroc)" 'skab, AUROC above Mahalanobis'
if [ -d "$data/tep" ]; then
    experiment tep tep
    bar "$(get tep federated mar) <= 1 - 0.794" 'tep, mean detection'
    bar "$(get_part tep federated rest mar) <= 1 - 0.92" 'tep, mean detection without 3, 9 and 15'
    bar "$(get_part tep federated d00_te far) <= 0.01" 'tep, false alarms on d00_te'
    bar "$(get tep federated mar) == $(get tep pooled mar)" 'tep, federated moments are the pooled ones'
    bar "$(get tep federated mar) < $(get tep largest_z mar)" 'tep, above the largest z'
fi
echo 'all bars held'
