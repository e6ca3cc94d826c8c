#!/usr/bin/env bash
# Budgets of an agent: one that its lines exceed is refused at the start; training that does not fit is declined, with the
# reason at the coordinator, while the others of the round go on; what is taken is measured and shown.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

start_coordinator "${coordinator_flags[@]}"
speed=1000 rows=20000
for i in 1 2 3 4; do
    write_site "plant-$i" "$i"
    enrol_site "plant-$i"
done
resource() { "$agent" status --json --data "$work/$1" 2>/dev/null | json "$2"; }

# ---- too little for the lines
sed 's/^save:/budget: {memory: 8M}\n&/' "$work/plant-1.yaml" >"$work/small.yaml"
"$agent" run --check --config "$work/small.yaml" >"$work/small.out" 2>&1 && die "--check accepts 8 MiB"
grep -q 'budget.memory is 8 MiB, and without training the agent takes' "$work/small.out" ||
    die "--check does not say why: $(cat "$work/small.out")"
timeout 20 "$agent" run --config "$work/small.yaml" >"$work/small.out" 2>&1 && die "an agent runs in 8 MiB"
grep -q 'budget.memory is 8 MiB, and without training the agent takes' "$work/small.out" || die "it does not say why"

# ---- enough for three, nothing for the training of the fourth
sed -i 's/^save:/budget: {memory: 1G, cpu: 0.4}\n&/' "$work/plant-1.yaml"
sed -i 's/^save:/budget: {training: 1M}\n&/' "$work/plant-4.yaml"
for i in 1 2 3 4; do
    start_site "plant-$i"
done
create_model train.rounds=2
for i in 1 2 3 4; do
    until_true 20 site_has_rows "plant-$i" 3000 || die "plant-$i does not read its known rows"
    until_true 20 site_is "plant-$i" connected true || die "plant-$i does not connect"
done
api campaign start pump >/dev/null || die "no campaign"
declined() { [ "$(resource plant-4 jobs_refused)" -ge 1 ] 2>/dev/null; }
until_true 30 declined || die "training in 1 MiB was not declined: $(api round list)"
told() { api journal --limit 300 --json | grep 'site budget: the work takes' >/dev/null; }
until_true 20 told || die "the coordinator does not know why: $(api round list)"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 60 promoted || die "the others were held up: $(api campaign list; api round list)"

# ---- what was taken
grep -q 'over_budget' "$work/plant-1.log" && die "plant-1 took more than its budget: $(grep over_budget "$work/plant-1.log")"
most=$(resource plant-1 memory_most_bytes)
[ "$most" -gt $((4 << 20)) ] && [ "$most" -lt $((1 << 30)) ] || die "memory: $most bytes"
[ "$(resource plant-1 memory_budget_bytes)" = $((1 << 30)) ] || die "the budget is not shown"
awk -v s="$(resource plant-1 cpu_s)" -v t="$(resource plant-1 cpu_trainer_s)" 'BEGIN { exit !(s > 0 && t > 0 && t < s) }' ||
    die "processor time: $(resource plant-1 cpu_s) s, $(resource plant-1 cpu_trainer_s) s of them the trainer's"
"$agent" status --data "$work/plant-1" | grep 'memory: .* of 1024; processors: .* of 0.40' >/dev/null || die "status does not show it"
"$agent" status --data "$work/plant-4" | grep 'training declined for want of memory' >/dev/null || die "status does not say it"
say "most memory $((most >> 20)) MiB, processor time $(resource plant-1 cpu_s) s, the trainer's $(resource plant-1 cpu_trainer_s) s"
