#!/usr/bin/env bash
# A browser does what people do, against a coordinator and four agents as processes: lets a site in, watches a round,
# answers drift, follows a rollout and takes it back, judges an alarm at the line, reads the journal.  Every screen goes
# through axe and is walked by the keyboard.  PICTURES=FOLDER keeps what it saw; docs/pictures is made so.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
bin=${ANDON_BIN:-build/release/bin}
for program in andon andon-agent andon-coordinator; do
    [ -x "$bin/$program" ] || { echo "skipped: $bin/$program is not built"; exit 77; }
done
chromium=$(command -v chromium || command -v chromium-browser) || { echo "skipped: no chromium; deploy/install-deps --tests installs it"; exit 77; }
. tests/support/browser.sh

work=$(mktemp -d)
model=pump seed=7
die() { echo "people.sh: $*" >&2; tail -n 5 "$work"/*.log >&2; exit 1; }
. deploy/processes.sh
cleanup()
{
    for p in "${site_pid[@]}" $coordinator_pid; do kill "$p" 2>/dev/null; done
    for p in "${site_pid[@]}" $coordinator_pid; do wait "$p" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT

sites=(plant-a plant-b plant-c plant-d)
events=("cavitation,9000,400" "tool_change,10500,0" "leak,9200,400" "misalignment,9600,300")
for i in "${!sites[@]}"; do
    IFS=, read -r name start length <<<"${events[i]}"
    sed -e "s|@SITE@|${sites[i]}|g; s|@DATA@|$work/${sites[i]}|g; s|@SCORES@|$work/${sites[i]}.csv|g" \
        -e "s|@SEED@|$seed|; s|@NUMBER@|$((i + 1))|; s|@ROWS@|100000|; s|@KNOWN@|8000|g; s|@SPEED@|150|" \
        -e "s|@EVENTS@|{name: $name, start: $start, length: $length}|" \
        deploy/examples/agent-pump.yaml >"$work/${sites[i]}.yaml"
done
# The pages of two sites, at ports that are free now.
mapfile -t ports < <(node -e 'for (let i = 0; i < 2; i++) { const s = require("net").createServer(); s.listen(0, "127.0.0.1", () => (console.log(s.address().port), setTimeout(() => s.close(), 10))) }')
od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$work/page.token" && chmod 600 "$work/page.token"
for i in 0 1; do
    printf 'api: {port: %s, token_file: %s}\n' "${ports[i]}" "$work/page.token" >>"$work/plant-$([ $i = 0 ] && echo c || echo b).yaml"
done

# What is due by then stays so: an alarm to shelve.
echo '    rules: [{name: service-due, severity: low, for: 3h, when: {sensor: speed, above: -400}}]' >"$work/rule"
sed -i "/^    source:/r $work/rule" "$work/plant-b.yaml"

make_release_key
start_coordinator --config deploy/examples/coordinator.yaml --approve.people 2 "${release_root[@]}"
for s in plant-a plant-b plant-c; do enrol_site "$s"; done
password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
for role in administrator releaser viewer; do
    printf '%s\n' "$password" | api user add "the-$role" --role "$role" --password-stdin --reason "the test" >/dev/null || die "no user of role $role"
done
api model create "$model" --arch deploy/examples/models/pump.yaml --schema deploy/examples/models/pump-schema.yaml \
    --policy train.rounds=6 --policy train.epochs=4 --policy train.lr=0.002 --policy train.batch=32 --policy min_cohort=3 \
    --policy promote.automatic=true --policy drift.automatic=false --policy drift.gather=4s --policy drift.cooldown=5s \
    --policy drift.false_month=0 --policy drift.rounds=3 --policy drift.epochs=4 --policy drift.lr=0.001 --policy seed=$seed \
    --policy round.upload=5m >/dev/null || die "no model"
for s in plant-a plant-b plant-c; do start_site "$s"; done

export BIN=$bin WORK=$work CHROMIUM=$chromium PASSWORD=$password RELEASE_KEY=$release_key
URL=$(endpoint http) SITE_URL="http://127.0.0.1:${ports[0]}" SHELF_URL="http://127.0.0.1:${ports[1]}" node tests/browser/people.mjs || die "the browser has seen something else"
