# A coordinator and agents as processes on the loopback interface: what the demo and the integration tests
# share.  Source it; everything lives in $work.
#
#     bin=build/release/bin work=$(mktemp -d)
#     die() { echo "$*" >&2; exit 1; }
#     . deploy/processes.sh
#     start_coordinator --lease 2s
#     enrol_site plant-a && start_site plant-a
#
# Whoever sources it ends them, by coordinator_pid and site_pid.
# shellcheck shell=bash disable=SC2154,SC2034

coordinator_pid=
release_key='' release_root=()
declare -A site_pid=()

now_ms() { date +%s%3N; }

# Runs the command until it succeeds; gives up after so many seconds.
until_true() # seconds, command ...
{
    local until=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        [ "$(now_ms)" -lt "$until" ] || return 1
        sleep 0.05
    done
}

# The first value of a key in pretty JSON on standard input.
json() # key
{
    sed -n 's/.*"'"$1"'": *"\{0,1\}\([^",}]*\)"\{0,1\}.*/\1/p' | head -n 1
}

api() { "$bin/andon" "$@" --data "$work/coordinator"; }

endpoint() { json "$1" <"$work/coordinator/endpoints.json"; }

# The first start takes free ports; later ones the same again, as sites know them.
start_coordinator() # flags ...
{
    local listen=(--listen.control 'tcp://127.0.0.1:*' --listen.bulk 'tcp://127.0.0.1:*' --listen.enrol 'tcp://127.0.0.1:*')
    [ -n "${control:-}" ] && listen=(--listen.control "$control" --listen.bulk "$bulk" --listen.enrol "$enrol")
    rm -f "$work/coordinator/endpoints.json"
    "$bin/andon-coordinator" "$@" --data "$work/coordinator" --http.port 0 "${listen[@]}" \
        >>"$work/coordinator.out" 2>>"$work/coordinator.log" &
    coordinator_pid=$!
    until_true 15 test -s "$work/coordinator/endpoints.json" || die "the coordinator did not start"
    control=$(endpoint control)
    bulk=$(endpoint bulk)
    enrol=$(endpoint enrol)
    until_true 15 api status >/dev/null 2>&1 || die "the coordinator does not answer"
}

# The key of the release root, in a folder that is not the coordinator's.  Leaves release_key and, as flags of
# the coordinator, release_root.
make_release_key()
{
    release_key=$work/keys/release.key
    mkdir -p "$work/keys" && chmod 700 "$work/keys"
    "$bin/andon" key new "$release_key" >"$work/key.out" 2>&1 || die "no release key: $(cat "$work/key.out")"
    release_root=(--release.root "$(sed -n 's/^public //p' "$work/key.out")")
}

# Who may be in a secure sum: again whenever a site was admitted.
sign_roster()
{
    [ -z "$release_key" ] || api site roster --key "$release_key" --yes >"$work/roster.out" 2>&1 ||
        die "the roster cannot be signed: $(cat "$work/roster.out")"
}
release_waits() { api release list --json 2>/dev/null | grep -q '"waiting":\[{"id"'; }

site_asks() { api site list 2>/dev/null | grep -q "^$1 "; }

# Enrols through the door: token, fingerprint read aloud, approval.  Leaves the fingerprint.
enrol_site() # name
{
    local token pid
    token=$(api token | grep -o 'andon1-[a-z0-9]*' | head -n 1)
    [ -n "$token" ] || die "no token"
    "$bin/andon-agent" enrol "$token" --site "$1" --data "$work/$1" --timeout 30s >"$work/$1.enrol" 2>&1 &
    pid=$!
    until_true 15 site_asks "$1" || die "site $1 does not ask: $(cat "$work/$1.enrol")"
    fingerprint=$(sed -n 's/^fingerprint of this site: //p' "$work/$1.enrol")
    api site approve "$1" --fingerprint "$fingerprint" >/dev/null || die "site $1 cannot be approved"
    wait "$pid" || die "enrolment of $1: $(cat "$work/$1.enrol")"
}

start_site() # name
{
    "$bin/andon-agent" --config "$work/$1.yaml" >>"$work/$1.log" 2>&1 &
    site_pid[$1]=$!
}

site_status() { "$bin/andon-agent" status --data "$work/$1" --json 2>/dev/null | json "$2"; }

production() { api model show "${model:-pump}" --json 2>/dev/null | json production; }
