#!/bin/sh
# Every verb of andon-lab on files of its own making: what it writes is read by the next.
#
#     tests/integration/lab.sh [BIN]     BIN: folder of the programs, else $ANDON_BIN or build/dev/bin
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the program is not built.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/lab.sh
. tests/support/lab.sh "$@"
arch=models/zoo/dense-ae.yaml

run 0 --help
says experiment
run 2 nonsense
complains 'unknown command'

for n in 1 2 3; do
    run 0 simulate --rows 800 --seed "$n" --site "$n" --out "$work/plant-$n.csv"
done
run 0 simulate --rows 800 --seed 1 --site 1 --out "$work/again.csv" --json
says '"rows": 800'
cmp -s "$work/plant-1.csv" "$work/again.csv" || fail 'the same seed gives other rows'
run 0 simulate --rows 600 --seed 9 --site 1 --event bearing_wear,200,200,3 --out "$work/faulty.csv"
run 1 simulate --event no_such_fault,1,2
complains no_such_fault

run 0 train "$arch" "$work/plant-1.csv" --label label --epochs 3 --threads 1 --out "$work/one" --json
says '"version"'
run 0 train "$arch" "$work/plant-1.csv" --label label --epochs 3 --threads 4 --out "$work/four"
cmp -s "$work/one" "$work/four" || fail 'the version depends on the number of threads'
run 0 train "$arch" "$work/plant-1.csv" --label label --epochs 60 --lr 0.05 --optimiser rmsprop --schedule cosine \
    --warmup 1 --validation 0.2 --patience 2 --out "$work/stopped" --json
says '"stopped_early": *true'
holds 'o[-1]["event"] == "trained" and len(o) == o[-1]["epochs"] + 1 and all(e["event"] == "epoch" for e in o[:-1])'
holds 'o[-1]["validation_loss"] == min(e["validation_loss"] for e in o[:-1]) and not o[-1]["interrupted"]'
run 0 train "$arch" "$work/plant-1.csv" --label label --epochs 3 --validation 0.2 --out "$work/lines"
complains '^epoch 3/3  loss .*validation'
run 0 train "$arch" "$work/plant-1.csv" --label label --epochs 3 --plot "$work/loss.svg" --out "$work/lines"
pictures "$work/loss.svg"
run 1 train "$arch" "$work/plant-1.csv" --label label --patience 3 --out "$work/none"
complains validation
run 1 train "$arch" "$work/plant-1.csv" --label label --schedule sometimes --out "$work/none"
complains sometimes
run 1 train "$arch" "$work/nothing.csv" --out "$work/none"
complains nothing.csv
run 1 train "$work/plant-1.csv" "$work/plant-1.csv" --out "$work/none"
complains 'andon-lab train'

# Steps before the model.
cat >"$work/steps.yaml" <<'END'
prep:
  steps:
    - range: {sensors: [flow], below: 0}
    - convert: {sensors: [oil_temperature], from: degC, to: K}
    - median: {rows: 3}
    - lag: {sensors: [speed], rows: [1, 2]}
    - regime: {sensor: speed, edges: [100], names: [stopped, running], ignore: [stopped]}
END
run 0 train "$arch" "$work/plant-1.csv" --label label --epochs 3 --steps "$work/steps.yaml" --out "$work/stepped"
run 0 inspect "$work/stepped" --json
holds 'o[0]["prep"]["features"] == 13 and o[0]["prep"]["history_rows"] == 5 and o[0]["prep"]["delay_rows"] == 1'
holds 'o[0]["prep"]["regimes"] == 2 and all(s in o[0]["prep"]["steps"] for s in ("median: {rows: 3}", "oil_temperature"))'
run 0 score "$work/stepped" "$work/faulty.csv" --label label
[ "$(wc -l <"$work/out")" -eq 601 ] || fail 'not one line for each row behind steps'
run 0 quantise "$work/stepped" "$work/plant-1.csv" --label label --out "$work/stepped.q8"
run 0 federate "$arch" "$work"/plant-?.csv --label label --rounds 2 --steps "$work/steps.yaml" --out "$work/stepped-fed"
run 0 inspect "$work/stepped-fed" --json
holds 'o[0]["prep"]["features"] == 13'
sed 's/flow/flux/' "$work/steps.yaml" >"$work/wrong.yaml"
run 1 train "$arch" "$work/plant-1.csv" --label label --steps "$work/wrong.yaml" --out "$work/none"
complains 'wrong.yaml:3:25: there is no sensor "flux"'

run 0 score "$work/one" "$work/faulty.csv" --label label
says '^row,time,score,alarm,sensors$'
[ "$(wc -l <"$work/out")" -eq 601 ] || fail 'not one line for each row'
run 0 score "$work/one" "$work/faulty.csv" --label label --json
says '"alarms"'
cp "$work/faulty.csv" "$work/a<b & \"c\".csv"
run 0 score "$work/one" "$work/a<b & \"c\".csv" --label label --plot "$work/trace.svg"
pictures "$work/trace.svg"
run 1 score "$work/one" "$work/faulty.csv" "$work/faulty.csv" --label label --plot "$work/none"
complains 'one table'
run 1 score "$work/one" "$work/faulty.csv"
complains '12 sensors, the version 11; --label'
run 1 score "$work/plant-1.csv" "$work/faulty.csv"
complains 'plant-1.csv: a version .* is expected here, and this seems to be a table'
run 0 evaluate "$work/one" "$work/plant-1.csv" --label label
says 'only false alarms can be told'
run 1 train models/zoo/lstm-ae.yaml "$work/plant-1.csv" --label label --window 30 --out "$work/none"
complains 'one of 60 rows would fit'

run 0 evaluate "$work/one" "$work/faulty.csv" --label label --json
for key in auroc best_f1 f1 far mar delay; do
    says "\"$key\""
done
says '"files"'
holds 'sum(o[0]["confusion"].values()) == 600 and o[0]["confusion"]["tp"] + o[0]["confusion"]["fn"] == 200'
holds '0 <= o[0]["pauroc"] <= 1 and 0 <= o[0]["vus"]["roc"] <= 1 and o[0]["events"]["events"] == 1'
holds 'abs(o[0]["baselines"]["always"]["auroc"] - 0.5) < 1e-9 and o[0]["baselines"]["random"]["rows"] == 600'
run 0 evaluate "$work/one" "$work/faulty.csv" "$work/faulty.csv" --label label
says '^all rows together'
run 0 evaluate "$work/one" "$work/faulty.csv" "$work/plant-1.csv" --label label --plots "$work/pictures/new" --json
holds 'len(o[0]["plots"]) == 6 and o[0]["plots"][-1].endswith("trace-2.svg")'
for name in histogram confusion roc pr trace-1 trace-2; do
    pictures "$work/pictures/new/$name.svg"
done
run 1 evaluate "$work/one" "$work/faulty.csv" --label label --plots "$work/faulty.csv"
complains faulty.csv
run 0 evaluate "$work/one" "$work/faulty.csv" "$work/faulty.csv" --label label
says 'affiliation'
run 1 evaluate "$work/one" "$work/faulty.csv" --ignore label
complains 'no labels'

# Models that learn from labels: a number, a class, the rows to come.
awk 'BEGIN { srand(3); print "a,b,c,class,y"; for (i = 0; i < 900; i++) { a = rand(); b = rand(); c = rand();
    printf "%.6f,%.6f,%.6f,%d,%.6f\n", a, b, c, (a > 0.5) + (b > 0.5), 2 * a - 3 * b + 10 } }' >"$work/labelled.csv"
cat >"$work/number.yaml" <<'END'
model: number
input: {features: 3}
layers: [{dense: {units: 16}}, relu, {dense: {units: 1}}]
loss: mse
target: labels
END
sed -e 's/units: 1}}/units: 3}}/' -e 's/loss: mse/loss: cross_entropy/' "$work/number.yaml" >"$work/class.yaml"
sed -e 's/units: 1}}/units: 3}}/' "$work/number.yaml" >"$work/forecast.yaml"
run 0 train "$work/number.yaml" "$work/labelled.csv" --label y --ignore class --epochs 60 --lr 0.01 --out "$work/number"
run 0 evaluate "$work/number" "$work/labelled.csv" --label y --ignore class --json
holds 'o[0]["goal"] == "number" and o[0]["r2"] > 0.95 and 0 < o[0]["mae"] <= o[0]["rmse"] < 0.3'
run 0 train "$work/class.yaml" "$work/labelled.csv" --label class --ignore y --epochs 60 --lr 0.01 --out "$work/class"
run 0 evaluate "$work/class" "$work/labelled.csv" --label class --ignore y --json
holds 'o[0]["goal"] == "classes" and o[0]["accuracy"] > 0.9 and sum(map(sum, o[0]["confusion"])) == 900'
holds 'all(0 <= c[k] <= 1 for c in o[0]["classes"] for k in ("precision", "recall", "f1")) and o[0]["macro_f1"] > 0.85'
run 0 evaluate "$work/class" "$work/labelled.csv" --label class --ignore y
run 0 evaluate "$work/class" "$work/labelled.csv" --label class --ignore y --plots "$work/pictures"
says '^pictures .* 1 in'
run 0 evaluate "$work/number" "$work/labelled.csv" --label y --ignore class --plots "$work/pictures"
pictures "$work/pictures/confusion.svg" "$work/pictures/fit.svg"
run 0 evaluate "$work/class" "$work/labelled.csv" --label class --ignore y
says '^class .*precision'
run 1 evaluate "$work/class" "$work/labelled.csv" --label y --ignore class
complains 'has the class'
run 1 evaluate "$work/class" "$work/labelled.csv" --ignore y --ignore class
complains 'label COLUMN'
run 0 inspect "$work/class"
says '^  dense1.w .*(3, 16)'
run 1 score "$work/class" "$work/labelled.csv" --label class --ignore y
complains 'no detector'
run 0 train "$work/forecast.yaml" "$work/labelled.csv" --ignore y --ignore class --epochs 2 --ahead 2 --out "$work/forecast"
run 0 evaluate "$work/forecast" "$work/labelled.csv" --ignore y --ignore class --ahead 2 --json
holds 'o[0]["goal"] == "forecast" and o[0]["windows"] == 898 and [s["sensor"] for s in o[0]["sensors"]] == ["a", "b", "c"]'

run 0 inspect "$work/one"
says 'dense1.w'
run 0 inspect "$work/one" --json
says '"kind": "version"'
holds 'o[0]["layers"][0]["shape"] == [128] and o[0]["train_activation_bytes"] > o[0]["activation_bytes"] > 0'
run 0 inspect models/zoo/cnn-classifier.yaml
says '^max_pool2d1 .*(13, 13, 32)'
run 0 inspect models/zoo/cnn-classifier.yaml --json --batch 8
holds 'o[0]["layers"][0]["flops"] == 2 * 26 * 26 * 32 * 9 + 26 * 26 * 32 and o[0]["train_batch"] == 8'
holds 'o[0]["layers"][0]["parameters"] == 320 and sum(l["parameters"] for l in o[0]["layers"]) == o[0]["parameters"]'
run 1 inspect "$arch"
complains 'features N'
run 0 inspect "$arch" --features 12
says '^out .*(12)'
run 0 bench "$arch" --features 12 --batch 16 --threads 1 --seconds 0.1
says 'of the peak'
run 0 bench "$work/one" --seconds 0.1 --json
holds 'o[0]["steps_per_s"] > 0 and 0 < o[0]["share_of_peak"] < 1.5 and o[0]["gflops"] > 0'
holds 'o[0]["scoring_latency"]["p99_us"] >= o[0]["scoring_latency"]["median_us"] > 0'
run 1 bench "$arch"
complains 'needs data'

run 0 quantise "$work/one" "$work/faulty.csv" --label label --out "$work/one.q8"
says 'weights, bytes'
says 'AUROC'
run 0 quantise "$work/one" "$work/faulty.csv" --label label --share 0.999 --out "$work/one.q8" --json
holds '0.25 < o[0]["size_share"] < 0.34 and o[0]["speed_up"] > 0 and o[0]["calibrated_on"] == 400'
holds 'abs(o[0]["before"]["auroc"] - o[0]["after"]["auroc"]) < 0.05 and o[0]["alarms_changed"] < 0.05'
run 1 quantise "$work/one" "$work/faulty.csv" --label label
complains 'out FILE'
run 1 quantise "$work/one" "$work/faulty.csv" --label label --share 0.2 --out "$work/none"
complains 'share'

run 0 prune "$work/one" "$work/plant-1.csv" --label label --share 0.6 --epochs 2 --threads 1 --out "$work/thin" --json
holds 'o[0]["gone"] == o[0]["candidates"] * 6 // 10 and o[0]["zeros"] >= o[0]["gone"]'
holds 'o[0]["after"]["compressed_bytes"] < 0.7 * o[0]["before"]["compressed_bytes"]'
run 0 prune "$work/one" "$work/plant-1.csv" --label label --share 0.6 --epochs 2 --threads 4 --out "$work/thin-four"
cmp -s "$work/thin" "$work/thin-four" || fail 'the pruned version depends on the number of threads'
run 0 prune "$work/one" "$work/plant-1.csv" --label label --structured --norm l1 --epochs 2 --out "$work/small" --json
holds 'o[0]["gone"] * 2 == o[0]["candidates"] == 328 and o[0]["size_share"] < 0.4'
run 0 evaluate "$work/small" "$work/faulty.csv" --label label
run 0 inspect "$work/small"
says '^dense1 .*(64)'
run 1 prune "$work/one" "$work/plant-1.csv" --label label --norm l3 --out "$work/none"
complains 'l1 or l2'

# What learns from labels is made smaller with them.
run 0 quantise "$work/number" "$work/labelled.csv" --label y --ignore class --out "$work/number.q8" --json
holds 'abs(o[0]["before"]["rmse"] - o[0]["after"]["rmse"]) < 0.1 and "alarms_changed" not in o[0]'
run 0 prune "$work/number" "$work/labelled.csv" --label y --ignore class --structured --epochs 20 --lr 0.01 --out "$work/thin" --json
holds 'o[0]["after"]["parameters"] < o[0]["before"]["parameters"] and "threshold" not in o[0]'
run 0 evaluate "$work/thin" "$work/labelled.csv" --label y --ignore class

head -c 2000 "$work/one" >"$work/cut"
run 1 inspect "$work/cut"
complains 'cut short'
run 1 inspect "$work/plant-1.csv"
complains 'neither a version'

run 0 federate "$arch" "$work"/plant-?.csv --label label --rounds 2 --threads 1 --json
grep '"model_hash"' "$work/out" >"$work/hash"
run 0 federate "$arch" "$work"/plant-?.csv --label label --rounds 2 --threads 4 --shuffle 5 --duplicate 0.5 --json
grep '"model_hash"' "$work/out" | cmp -s - "$work/hash" || fail 'the federation depends on threads, order or repeats'
run 0 federate "$arch" --line press --sites 3 --rows 400 --rounds 2 --drop 0.05 --out "$work/federated"
says COMMITTED
run 0 inspect "$work/federated"
run 1 federate "$arch"
complains 'either tables'

run 1 experiment tests/experiments/asd.yaml --data "$work/nowhere"
complains nowhere
printf 'experiment: x\nrounds: 3\n' >"$work/wrong.yaml"
run 1 experiment "$work/wrong.yaml" --data "$work"
complains 'wrong.yaml:2:'
# An interrupted training keeps what it has: its first epoch is waited for, then it is told to end.
mkfifo "$work/epochs"
"$lab" train "$arch" "$work/plant-1.csv" --label label --epochs 100000 --validation 0.2 --out "$work/kept" --json \
    >"$work/epochs" 2>"$work/err" &
pid=$!
{
    read -r first
    kill -INT "$pid"
    { echo "$first"; cat; } >"$work/out"
} <"$work/epochs"
wait "$pid" || fail "an interrupted training failed: $(cat "$work/err")"
holds 'o[-1]["interrupted"] and o[-1]["validation_loss"] == min(e["validation_loss"] for e in o[:-1])'
run 0 inspect "$work/kept"
# An interrupt ends long work with 130 and leaves no folder behind.
TMPDIR=$work/tmp
export TMPDIR
mkdir "$TMPDIR"
"$lab" federate "$arch" "$work"/plant-?.csv --label label --rounds 5000 >"$work/out" 2>"$work/err" &
pid=$!
tries=0
until [ -n "$(ls "$TMPDIR")" ] || [ "$tries" -ge 100 ]; do
    tries=$((tries + 1))
    kill -0 "$pid" 2>/dev/null || fail "federate ended early: $(cat "$work/err")"
    "$lab" inspect "$work/one" >"$work/out" 2>&1
done
kill -TERM "$pid"
wait "$pid"
code=$?
[ "$code" -eq 130 ] || fail "an interrupted federation ended with $code: $(cat "$work/err")"
complains interrupted
[ -z "$(ls "$TMPDIR")" ] || fail 'an interrupted federation leaves its folder behind'
echo 'all verbs held'
