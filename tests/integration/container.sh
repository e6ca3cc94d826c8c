#!/usr/bin/env bash
# The files of deploy/container: whole and tight, their configuration read by the programs, and one fault of each kind found.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
python3 -c 'import yaml' 2>/dev/null || { echo "there is no python3-yaml"; exit 77; }
. tests/support/federation.sh

check() { python3 tests/support/container.py "$1"; }
check deploy/container || die "deploy/container"
fault() # file, expression of sed, what is said
{
    rm -rf "$work/c" && cp -r deploy/container "$work/c" && sed -i "$2" "$work/c/$1"
    cmp -s "deploy/container/$1" "$work/c/$1" && die "$2 changes nothing"
    check "$work/c" >"$work/said" && die "not found: $2"
    grep -qF -- "$3" "$work/said" || die "$2: $(cat "$work/said")"
}
fault Dockerfile 's/^USER 850:850/USER root/' 'runs as root'
fault Dockerfile 's/--from=build/--from=built/' 'no stage above'
fault Dockerfile 's/ && rm -rf/ \&\& ( rm -rf/' 'not a command'
fault Dockerfile 's,/healthz,/,' '/healthz'
fault compose.yaml 's/read_only: true/read_only: false/' 'may too much'
fault compose.yaml 's/"127.0.0.1:7700:7700"/"7700:7700"/' 'for this machine'
fault compose.yaml 's,./plant-b.yaml,./plant-c.yaml,' 'no such file'
fault compose.yaml '/^  api: /d' 'no secrets api'
fault secrets.sh 's,secrets/store,secrets/other,g' 'does not make store'
say "ok: the files hold together, and a fault of each kind is found"

# As in the containers, but for where data and database are.
mkdir "$work/secrets"
printf 'a token of this test' >"$work/secrets/api"
chmod 440 "$work/secrets/api"
export CREDENTIALS_DIRECTORY=$work/secrets
sed "/^advertise:/,/^  enrol:/d; s,^store: .*,store: sqlite:$work/store," deploy/container/coordinator.yaml >"$work/coordinator.yaml"
start_coordinator --config "$work/coordinator.yaml" --lease 2s --enrol.rate 10000 --http.address 127.0.0.1
for site in plant-a plant-b; do
    sed "s,^data: .*,data: $work/$site,; s/port: 7790/port: 0/; s/speed: 50/speed: 0/" "deploy/container/$site.yaml" >"$work/$site.yaml"
    "$agent" --config "$work/$site.yaml" --check >"$work/out" 2>&1 || die "$site: $(cat "$work/out")"
    enrol_site "$site"
    start_site "$site"
done
for site in plant-a plant-b; do until_true 20 site_is "$site" connected true || die "$site does not connect"; done
say "ok: the configuration of both sites and of the coordinator is taken"

# A real engine, where there is one: compose's own opinion.
if docker compose version >/dev/null 2>&1; then
    docker compose -f deploy/container/compose.yaml config -q || die "docker compose does not take compose.yaml"
    say "ok: docker compose takes compose.yaml"
else
    say "left out: there is no docker compose"
fi
