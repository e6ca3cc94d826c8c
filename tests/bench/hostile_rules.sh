#!/bin/sh
# What a fifth and a quarter of hostile sites cost on asd, rule by rule: AUROC of the shared version, mean over two
# seeds, as the rows of a table.  docs/RESULTS.md has them.
# label: experiments
# long
#
#     tests/bench/hostile_rules.sh [RULE[:MIXING]...]     $ANDON_DATA or ../shared/data holds asd
#
# Columns: none hostile, 2 of 10 turned round as long as they are, and five times as long (asd-hostile.yaml); 3 of 12 five
# times as long (the same file over all sites); then how far the worst of the second and third is below FedAvg without
# hostile sites, in points.  Each cell: mean (seed 1, seed 2).
#
# Bars, at a fifth: a robust rule is less than 2 points below FedAvg without hostile sites, and FedAvg itself more.
# A bound on norms is no such rule (docs/SECURITY.md), nor is Krum without mixing.
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 program or data are not there.
set -u
cd "$(dirname "$0")/../.." || exit 1
lab=${ANDON_BIN:-build/release/bin}/andon-lab
data=${ANDON_DATA:-../shared/data}
[ -x "$lab" ] || {
    echo "skipped: $lab is not built"
    exit 77
}
[ -d "$data/asd" ] || {
    echo "skipped: no asd under $data"
    exit 77
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
failed=0
fedavg=
ten=tests/experiments/asd-hostile.yaml
sed '/^  sites: /d' "$ten" >"$work/twelve.yaml"

# FILE RULE MIXING SHARE HOSTILE BY: "mean seed1 seed2"
auroc()
{
    for seed in 1 2; do
        "$lab" experiment "$1" --data "$data/asd" --seed "$seed" --policy "rule=$2" --policy "rule.mixing=$3" \
            --policy "rule.hostile=$4" --hostile sign_flip --hostile-sites "$5" --hostile-by "$6" \
            --json >"$work/out.json" 2>"$work/err" || {
            tail -n 1 "$work/err" >&2
            exit 1
        }
        awk 'index($0, "\"federated\": {") { inside = 1 }
             inside && $1 == "\"auroc\":" { sub(/,$/, "", $2); print $2; exit }' "$work/out.json"
    done | awk '{ sum += $1; x[NR] = $1 } END { if (NR != 2) exit 1; printf "%.4f %.4f %.4f\n", sum / 2, x[1], x[2] }'
}

# "mean seed1 seed2" of each: a cell of each
cells()
{
    for cell; do
        echo "$cell" | awk '{ printf " %.3f (%.3f, %.3f) |", $1, $2, $3 }'
    done
}

[ $# -gt 0 ] ||
    set -- mean median trimmed_mean multi_krum krum:yes krum:no norm_bound median:yes trimmed_mean:yes multi_krum:yes
for row; do
    rule=${row%%:*}
    mixing=no
    [ "$row" = "$rule" ] || mixing=${row#*:}
    none=$(auroc "$ten" "$rule" "$mixing" 0.2 0 1) || exit 1
    once=$(auroc "$ten" "$rule" "$mixing" 0.2 2 1) || exit 1
    five=$(auroc "$ten" "$rule" "$mixing" 0.2 2 5) || exit 1
    more=$(auroc "$work/twelve.yaml" "$rule" "$mixing" 0.25 3 5) || exit 1
    line="| $rule, mixing: $mixing |$(cells "$none" "$once" "$five" "$more")"
    [ "$row" = mean ] && fedavg=${none%% *}
    if [ -n "$fedavg" ]; then
        lost=$(echo "$fedavg ${once%% *} ${five%% *}" |
            awk '{ printf "%.1f", 100 * ($1 - ($2 < $3 ? $2 : $3)) }')
        line="$line $lost |"
        case $row in
        mean) held="$lost > 2" ;;
        norm_bound | krum:no) held=1 ;;
        *) held="$lost < 2" ;;
        esac
        awk "BEGIN { exit !($held) }" || {
            echo "hostile_rules.sh: $row is $lost points below FedAvg without hostile sites" >&2
            failed=1
        }
    fi
    echo "$line"
done
exit $failed
