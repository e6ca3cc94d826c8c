#!/bin/sh
# Advice from versions that were learnt: on a generated bowl whose lowest point under a cap is known, and, if it is there,
# on the gas turbine, where limits, steps, cap and distance must be kept by every advice.
#
#     tests/integration/advise.sh [BIN]     $ANDON_DATA or ../shared/data may hold gas_turbine
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the program is not built.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/lab.sh
. tests/support/lab.sh "$@"
arch=models/zoo/mlp-regression.yaml

# loss = (x - 1)^2 + (y - 1)^2, smoke = x + y, over -2..2; z is nobody's.  The rows asked about come last.
python3 - "$work" <<'END'
import random, sys
random.seed(1)
def table(name, rows):
    with open(f"{sys.argv[1]}/{name}", "w") as f:
        f.write("x,y,z,loss,smoke\n")
        for x, y, z in rows:
            f.write(f"{x:.5f},{y:.5f},{z:.5f},{(x - 1) ** 2 + (y - 1) ** 2:.5f},{x + y:.5f}\n")
table("known.csv", [tuple(random.uniform(-2, 2) for _ in range(3)) for _ in range(4000)])
table("asked.csv", [(-1, 0, 0), (0.2, -0.4, 1), (0, 0, 9)])
END
for goal in loss smoke; do
    other=smoke
    [ "$goal" = smoke ] && other=loss
    run 0 train "$arch" "$work/known.csv" --label "$goal" --ignore "$other" --epochs 30 --lr 0.003 --seed 1 \
        --out "$work/$goal.andon"
done
cat >"$work/ask.yaml" <<END
inputs:
  x: {low: -2, high: 2, step: 3}
  y: {low: -2, high: 2, step: 3}
caps:
  - {version: $work/smoke.andon, most: 1}
END
before=$(cksum <"$work/loss.andon")
run 0 advise "$work/loss.andon" "$work/known.csv" "$work/asked.csv" --rows 3 --ask "$work/ask.yaml" --label loss \
    --ignore smoke --json
holds 'o[0]["found"] == 2 and o[0]["refused"] == 1 and "knows nothing" in o[0]["advice"][2]["refused"]'
holds 'all(abs(a["moves"][s]["to"] - 0.5) < 0.2 for a in o[0]["advice"][:2] for s in "xy")'
holds 'all(a["caps"][0]["then"] <= 1 and a["distance_then"] <= a["usual"] for a in o[0]["advice"][:2])'
# Below a limit it goes no farther than it takes, and nowhere if it is there.
sed 's/^inputs:/reach: below\nlimit: 3\n&/' "$work/ask.yaml" >"$work/below.yaml"
run 0 advise "$work/loss.andon" "$work/known.csv" "$work/asked.csv" --rows 3 --ask "$work/below.yaml" --label loss \
    --ignore smoke --json
holds '2.5 < o[0]["advice"][0]["then"] <= 3 and o[0]["advice"][1]["met"] and not o[0]["advice"][1]["moves"]'
[ "$before" = "$(cksum <"$work/loss.andon")" ] || fail 'advice has changed the version'
run 1 advise "$work/loss.andon" "$work/known.csv" "$work/asked.csv" --ask "$work/ask.yaml" --label loss --ignore smoke
complains 'knows nothing'
run 1 advise "$work/loss.andon" "$work/known.csv" --label loss --ignore smoke
complains '--ask FILE is missing'
for bad in 'inputs: {w: {low: 0, high: 1, step: 1}}' 'inputs: {}' 'inputs: {x: {low: 1, high: 0, step: 1}}' \
    'inputs: {x: {low: 0, high: 1}}' 'inputs: {x: {low: 0, high: 1, step: 0}}' 'moves: {}' 'raise: yes' \
    'reach: below
inputs: {x: {low: -2, high: 2, step: 1}}' 'limit: 3
inputs: {x: {low: -2, high: 2, step: 1}}' 'reach: best
inputs: {x: {low: -2, high: 2, step: 1}}' \
    'inputs: {x: {low: -2, high: 2, step: 1}}
caps: {most: 1}' 'inputs: [x]'; do
    echo "$bad" >"$work/bad.yaml"
    run 1 advise "$work/loss.andon" "$work/known.csv" --ask "$work/bad.yaml" --label loss --ignore smoke
done

data=${ANDON_DATA:-../shared/data}/gas_turbine
[ -d "$data" ] || exit 0
head='AT,AP,AH,AFDP,GTEP,TIT,TAT,TEY,CDP,CO,NOX'
(echo $head && cat "$data/gt_2011.csv" "$data/gt_2012.csv") >"$work/gt.csv"
(echo $head && awk 'NR % 120 == 1' "$data/gt_2013.csv") >"$work/gt-asked.csv"
run 0 train "$arch" "$work/gt.csv" --label NOX --ignore CO --epochs 20 --seed 1 --out "$work/nox.andon"
run 0 train "$arch" "$work/gt.csv" --label CO --ignore NOX --epochs 20 --seed 1 --out "$work/co.andon"
cat >"$work/ask.yaml" <<END
inputs:
  TIT: {low: 1050, high: 1100, step: 10}
  TEY: {low: 110, high: 165, step: 5}
caps:
  - {version: $work/co.andon, most: 3}
END
run 0 advise "$work/nox.andon" "$work/gt.csv" "$work/gt-asked.csv" --rows 60 --ask "$work/ask.yaml" --label NOX \
    --ignore CO --json
holds 'o[0]["found"] > 25'
holds 'all(a["caps"][0]["then"] <= 3 and a["distance_then"] <= a["usual"] for a in o[0]["advice"] if a.get("found"))'
holds 'all(a["then"] < a["now"] or a["caps"][0]["now"] > 3 for a in o[0]["advice"] if a.get("found"))'
holds 'all(lo <= m["to"] <= hi and abs(m["to"] - m["from"]) <= step + 1e-9 for a in o[0]["advice"] if a.get("found")
    for (lo, hi, step), m in (({"TIT": (1050, 1100, 10), "TEY": (110, 165, 5)}[s], m) for s, m in a["moves"].items()))'
