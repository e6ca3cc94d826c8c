#!/usr/bin/env bash
# long: a build of its own
# The small agent (preset `small`: no OpenBLAS, no optional libraries): what it takes on the disk with all it
# depends on, and in memory and processor time with a dense autoencoder on 64 sensors, learned by itself, at 1,000 rows
# a second.
#
#     tests/bench/small_agent.sh
#
# Fails above 20 MB of files or 64 MB of memory; the processor's time is told.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh
model=line
known=4000
rate=1000

cmake --preset small >"$work/build.log" 2>&1 && cmake --build build/small --target andon-agent >>"$work/build.log" 2>&1 ||
    die "it does not build"
small=$work/andon-agent
strip -o "$small" build/small/bin/andon-agent || die "it cannot be stripped"
mapfile -t files < <(
    echo "$small"
    ldd "$small" | grep -oE '/[^ ]+' | sort -u
)
bytes=$(stat -L -c %s "${files[@]}" | awk '{ n += $1 } END { print n }')
say "files: the agent $(stat -c %s "$small") bytes, with ${#files[@]} files in all $bytes (libc and loader among them)"
[ "$bytes" -le $((20 * 1000 * 1000)) ] || die "more than 20 MB: $(stat -L -c '%s %n' "${files[@]}")"

# ---- 64 sensors that follow eight hidden ones
awk -v n=$((known + 40 * rate)) 'BEGIN {
    srand(5)
    for (j = 0; j < 64; j++) printf "%ss%d", j ? "," : "", j
    print ""
    for (i = 0; i < n; i++) {
        for (k = 0; k < 8; k++) h[k] = sin(i * 0.01 * (k + 1))
        for (j = 0; j < 64; j++) printf "%s%.4f", j ? "," : "", h[j % 8] * (1 + j / 8) + 0.1 * (rand() - 0.5)
        print ""
    }
}' >"$work/line.csv"
cat >"$work/plant-a.yaml" <<END
site: plant-a
data: $work/plant-a
lines:
  - name: line-1
    model: line
    known_normal_rows: $known
    wait_for_version: true
    source: {type: csv, path: $work/line.csv, follow: false, speed: $rate, speed_from: $known}
    pool: {window: 4, bytes: 8M}
    policy: {}
END
sed -i '/policy: {}/d' "$work/plant-a.yaml"
cat >>"$work/plant-a.yaml" <<'END'
policy: {allow.trusted: yes, min_cohort: 1}
END
cat >"$work/arch.yaml" <<'END'
model: line
input: {features: features}
layers: [{dense: {units: 32}}, relu, {dense: {units: 8}}, {dense: {units: 32}}, relu, {dense: {units: input}}]
loss: mse
target: input
END
{
    echo 'sensors:'
    for j in $(seq 0 63); do echo "  - {name: s$j}"; done
    echo 'window: 1'
    echo 'threshold: quantile:0.999*1.33'
} >"$work/schema.yaml"

start_coordinator "${coordinator_flags[@]}"
enrol_site plant-a
agent=$small
"$small" --config "$work/plant-a.yaml" >>"$work/plant-a.log" 2>&1 &
site_pid[plant-a]=$!
pid=${site_pid[plant-a]}
api model create line --arch "$work/arch.yaml" --schema "$work/schema.yaml" --policy promote.automatic=true \
    --policy min_cohort=1 --policy privacy=trusted --policy train.rounds=3 --policy gate.loss=100 --policy gate.alarms=1 \
    --policy gate.challenge=1 >/dev/null || die "the model cannot be created"
until_true 60 site_has_rows plant-a $known || die "it does not read its known rows"
until_true 20 site_is plant-a connected true || die "it does not connect"
api campaign start line >"$work/start" 2>&1 || die "no campaign: $(cat "$work/start")"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 120 promoted || die "no version was promoted: $(api campaign list; api round list)"
scores() { [ "$(site_status plant-a scored)" -ge 2000 ] 2>/dev/null; }
until_true 60 scores || die "it does not score"

ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
from=$(now_ms) before=$(ticks) rows_before=$(site_status plant-a scored)
later() { [ $(($(now_ms) - from)) -ge 10000 ]; }
until_true 20 later
ms=$(($(now_ms) - from)) used=$(($(ticks) - before)) rows=$(($(site_status plant-a scored) - rows_before))
peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
say "memory: $peak kB at most, training among it"
say "processor: $((used * 100000 / $(getconf CLK_TCK) / ms)) % of one core at $((rows * 1000 / ms)) rows a second ($(grep -m 1 'model name' /proc/cpuinfo | cut -d: -f2 | sed 's/^ //'), load $(cut -d' ' -f1 /proc/loadavg))"
[ "$peak" -le $((64 * 1024)) ] || die "more than 64 MB of memory"
say passed
