#!/usr/bin/env bash
# Differential privacy through the programs: a model is trained with noise by three agents, epsilon and its
# unit stand wherever a round is shown, the budget stops the next campaign, noise that buries what is learned
# is asked about, a site refuses by its own account, and every ledger is whole.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
start_coordinator "${coordinator_flags[@]}"
rows=4000 speed=0
for i in 0 1 2; do
    write_site "${sites[i]}" $((i + 1))
    sed -i 's/personalise: .*/personalise: {scale: fleet}/' "$work/${sites[i]}.yaml"
    enrol_site "${sites[i]}"
    start_site "${sites[i]}"
done
create_model train.rounds=2 train.epochs=1 gate.loss=100 gate.alarms=1 gate.challenge=1 round.retries=0 \
    dp.unit=record dp.noise=1 dp.rate=0.1 dp.clip=1 dp.epsilon=8
for site in "${sites[@]}"; do
    until_true 30 site_has_rows "$site" 3000 || die "$site does not read its known rows"
    until_true 20 site_is "$site" connected true || die "$site does not connect"
done

# ---- two rounds with noise: 20 steps at rate 0.1 and multiplier 1
api campaign start pump >"$work/start" || die "no campaign: $(cat "$work/start")"
grep -q '^privacy: epsilon 0 of 8, of a record at delta 1e-05' "$work/start" || die "it begins: $(cat "$work/start")"
promoted() { [ -n "$(production)" ] && [ "$(production)" != null ]; }
until_true 60 promoted || die "no version was promoted: $(api campaign list; api round list)"
api round list >"$work/rounds"
[ "$(grep -c ' record ' "$work/rounds")" -eq 2 ] || die "rounds do not show their epsilon: $(cat "$work/rounds")"
round=$(api round list --limit 50 --json | grep -o '"id":[0-9]*,"model":"pump","kind":"train"' | head -n 1 | grep -o '[0-9]*' | head -n 1)
api round show "$round" >"$work/round"
grep -q 'privacy     epsilon [0-9.]* of a record at delta 1e-05 so far' "$work/round" || die "$(cat "$work/round")"
api round replay "$round" >/dev/null || die "a round with noise cannot be computed again from its vectors"
api model show pump >"$work/model"
grep -q 'after 2 rounds; outside it: 0 training rounds without noise, 4 of statistics' "$work/model" ||
    die "the model shows: $(cat "$work/model")"
api status | grep 'of 8 record' >/dev/null || die "status does not show epsilon"
say "$(grep privacy "$work/model")"

# ---- the budget
spent=$(grep -o 'epsilon [0-9.]*' "$work/model" | head -n 1 | cut -d' ' -f2)
api model policy pump "dp.epsilon=$spent" >/dev/null || die "the policy cannot be changed"
api campaign start pump >"$work/more" 2>&1 && die "a campaign began beyond the budget"
grep -q 'privacy budget: epsilon is .* room for 0' "$work/more" || die "it says: $(cat "$work/more")"

# ---- a secure sum with the noise of sites: three sites bear no loss, two are counted
api model policy pump privacy=secure-sum secure.dropouts=0 dp.unit=site dp.noise=1 dp.epsilon=100 >/dev/null || die "no such policy"
api campaign start pump </dev/null >"$work/buried" 2>&1 && die "a campaign began whose noise buries it"
grep -q 'times as long as all updates together' "$work/buried" || die "it says: $(cat "$work/buried")"
api campaign start pump --yes --rounds 1 >"$work/start" 2>&1 || die "not with --yes: $(cat "$work/start")"
ended() { api campaign list --limit 1 | grep -E 'PROMOTED|STOPPED' >/dev/null; }
until_true 60 ended || die "the campaign does not end: $(api campaign list; api round list)"
api round list | grep ' site ' >/dev/null || die "no round shows the unit site: $(api round list)"
say "$(api model show pump | grep privacy)"

# ---- what the sites say
for site in "${sites[@]}"; do
    "$agent" ledger --data "$work/$site" >"$work/ledger"
    grep -q 'masked: only a sum of 3 parties or more can be read; noise hides a record' "$work/ledger" || die "$(cat "$work/ledger")"
    grep -q 'masked: only a sum of 3 parties or more can be read; noise hides a site' "$work/ledger" ||
        die "$(cat "$work/ledger")"
    "$agent" ledger --verify --data "$work/$site" >"$work/verified" || die "the ledger of $site: $(cat "$work/verified")"
    grep -q 'entries are as written' "$work/verified" || die "$(cat "$work/verified")"
done
kill -TERM "${site_pid[plant-b]}"
wait "${site_pid[plant-b]}"
unset 'site_pid[plant-b]'
echo 'policy: {dp.required: site, dp.epsilon_max: 1}' >>"$work/plant-b.yaml"
start_site plant-b
until_true 20 site_is plant-b connected true || die "plant-b does not come back"
api model policy pump dp.unit=record dp.epsilon=100 >/dev/null || die "no such policy"
api campaign start pump --rounds 1 >/dev/null || die "no campaign"
stopped() { api campaign list --limit 1 | grep STOPPED >/dev/null; }
until_true 90 stopped || die "a site's refusal did not end the campaign: $(api campaign list)"
"$agent" ledger --data "$work/plant-b" | grep 'refused: site policy: dp.required is site' >/dev/null ||
    die "plant-b did not refuse: $("$agent" ledger --data "$work/plant-b" | tail -n 5)"
say "passed"
