#!/bin/sh
# The experiment on asd runs unchanged on a folder laid out alike with another width, other machine
# names and another number of machines; threads change nothing; every figure is there.
#
#     tests/integration/experiment_generated.sh [BIN]
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the program is not built.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/experiment.sh

# machine N, rows, faulty from row: seven columns that follow one hidden wave; a fault breaks the bond.
rows()
{
    awk -v n="$1" -v rows="$2" -v faulty="$3" 'BEGIN {
        srand(n * 100 + rows)
        for (i = 0; i < rows; i++) {
            w = sin(i / (5 + n)); line = ""
            for (j = 1; j <= 7; j++) {
                x = w * (j % 3 + 1) + n + (rand() - 0.5) / 5
                if (faulty && i >= faulty && i < faulty + 30 && j < 4) x = -x + 2
                line = line (j > 1 ? "," : "") sprintf("%.5f", x)
            }
            print line
        }
    }'
}
for n in 2 9 10; do
    mkdir -p "$work/data/mill-$n"
    rows "$n" 700 0 >"$work/data/mill-$n/train.csv"
    rows "$n" 300 150 >"$work/data/mill-$n/test.csv"
    awk 'BEGIN { for (i = 0; i < 300; i++) print (i >= 150 && i < 180) }' >"$work/data/mill-$n/test_label.csv"
done

for threads in 1 4; do
    "$lab" experiment tests/experiments/asd.yaml --data "$work/data" --json --seed 3 --threads "$threads" \
        >"$work/$threads.json" 2>"$work/err" || fail "$(cat "$work/err")"
done
cmp -s "$work/1.json" "$work/4.json" || fail 'figures or hashes depend on the number of threads'
grep -q '"width": 7' "$work/1.json" || fail 'the width is not that of the data'
names=$(awk -F'"' '/"site":/ && !seen[$4]++ { printf "%s ", $4 }' "$work/1.json")
[ "$names" = 'mill-2 mill-9 mill-10 ' ] || fail "machines in the order $names"
for arm in local pooled federated personalised; do
    for key in auroc best_f1 f1 far mar model_hash; do
        awk -v arm="\"$arm\": {" -v key="\"$key\":" '
            index($0, arm) { inside = 1 }
            inside && $1 == key && $2 != "null," { found = 1; exit }
            inside && /^    }/ { exit }
            END { exit !found }' "$work/1.json" || fail "$arm lacks $key"
    done
done
echo 'three machines of seven sensors: all arms have their figures'
