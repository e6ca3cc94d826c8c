# Real processes for the integration tests: a coordinator and agents on the loopback interface.
# Source it from a script that has ANDON_BIN; everything lives in $work and ends with the script.
#
#     . tests/support/federation.sh
#     start_coordinator
#     enrol_site plant-a && start_site plant-a
#
# Only processes that were started here are ever signalled, by their number.

: "${ANDON_BIN:?is not set: run this through tests/run}"
work=$(mktemp -d)
andon="$ANDON_BIN/andon"
agent="$ANDON_BIN/andon-agent"
coordinator_pid=
declare -A site_pid

say() { printf '%s\n' "$*"; }

die()
{
    say "FAILED: $*"
    for log in "$work"/*.log; do
        [ -f "$log" ] && say "---- ${log##*/}" && tail -n 15 "$log"
    done
    exit 1
}

cleanup()
{
    local pid
    for pid in $coordinator_pid "${site_pid[@]}"; do
        kill -9 "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    [ -n "${AN_KEEP:-}" ] && say "kept: $work" || rm -rf "$work"
}
trap cleanup EXIT

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

api() { "$andon" "$@" --data "$work/coordinator"; }

endpoint() { json "$1" <"$work/coordinator/endpoints.json"; }

# The first start takes free ports; later ones the same again, as sites know them.
start_coordinator()
{
    local listen=(--listen.control 'tcp://127.0.0.1:*' --listen.bulk 'tcp://127.0.0.1:*' --listen.enrol 'tcp://127.0.0.1:*')
    [ -n "${control:-}" ] && listen=(--listen.control "$control" --listen.bulk "$bulk" --listen.enrol "$enrol")
    rm -f "$work/coordinator/endpoints.json"
    "$ANDON_BIN/andon-coordinator" --data "$work/coordinator" --http.port 0 --lease 2s --enrol.rate 10000 "${listen[@]}" \
        >>"$work/coordinator.out" 2>>"$work/coordinator.log" &
    coordinator_pid=$!
    until_true 10 test -s "$work/coordinator/endpoints.json" || die "the coordinator did not start"
    control=$(endpoint control)
    bulk=$(endpoint bulk)
    enrol=$(endpoint enrol)
    until_true 10 api status >/dev/null 2>&1 || die "the coordinator does not answer"
}

kill9_coordinator()
{
    kill -9 "$coordinator_pid"
    wait "$coordinator_pid" 2>/dev/null
    coordinator_pid=
}

# A pump line of the simulator; the number makes the plant.
write_site() # name, number, events of the simulator
{
    cat >"$work/$1.yaml" <<END
site: $1
data: $work/$1
save: 1s
lines:
  - name: line-1
    model: pump
    window: 4
    known_normal_rows: 3000
    wait_for_version: true
    scores_out: $work/$1.csv
    source: {type: sim, line: pump, seed: $2, site: $2, rows: ${rows:-6000}, steady: true, speed: ${speed:-0}, events: [${3:-}]}
    failure_modes: declared
    personalise: {scale: site}
    pool: {window: 4}
END
}

# Enrols through the door: token, fingerprint read aloud, approval.
enrol_site() # name
{
    local token fingerprint
    token=$(api token | grep -o 'andon1-[a-z0-9]*' | head -n 1)
    [ -n "$token" ] || die "no token"
    "$agent" enrol "$token" --site "$1" --data "$work/$1" --timeout 20s >"$work/$1.enrol" 2>&1 &
    local pid=$!
    until_true 10 site_asks "$1" || die "site $1 does not ask: $(cat "$work/$1.enrol")"
    fingerprint=$(sed -n 's/^fingerprint of this site: //p' "$work/$1.enrol")
    api site approve "$1" --fingerprint "$fingerprint" >/dev/null || die "site $1 cannot be approved"
    wait "$pid" || die "enrolment of $1: $(cat "$work/$1.enrol")"
}

site_asks() { api site list | grep -q "^$1 "; }

start_site() # name
{
    "$agent" --config "$work/$1.yaml" >>"$work/$1.log" 2>&1 &
    site_pid[$1]=$!
}

kill9_site() # name
{
    kill -9 "${site_pid[$1]}"
    wait "${site_pid[$1]}" 2>/dev/null
    unset "site_pid[$1]"
}

site_status() { "$agent" status --data "$work/$1" --json 2>/dev/null | json "$2"; }
site_is() { [ "$(site_status "$1" "$2")" = "$3" ]; }
site_has_rows() { [ "$(site_status "$1" row)" -ge "$2" ] 2>/dev/null; }

create_model() # KEY=VALUE of the policy ...
{
    local policy=() option
    for option in "$@"; do
        policy+=(--policy "$option")
    done
    cat >"$work/arch.yaml" <<END
model: pump
input: {features: features, window: 4}
layers:
  - flatten
  - dense: {units: ${units:-16}}
  - tanh
  - dense: {units: 4}
  - dense: {units: ${units:-16}}
  - tanh
  - dense: {units: input}
loss: mse
target: input
END
    cat >"$work/schema.yaml" <<'END'
sensors:
  - {name: speed, unit: "1/min"}
  - {name: flow, unit: "m3/h"}
  - {name: suction_pressure, unit: bar}
  - {name: discharge_pressure, unit: bar}
  - {name: motor_current, unit: A}
  - {name: vibration_drive_end, unit: mm/s}
  - {name: vibration_free_end, unit: mm/s}
  - {name: bearing_temperature, unit: degC}
  - {name: oil_temperature, unit: degC}
  - {name: motor_temperature, unit: degC}
  - {name: valve_position, unit: "%"}
window: 4
threshold: quantile:0.999*1.33
END
    api model create pump --arch "$work/arch.yaml" --schema "$work/schema.yaml" --policy promote.automatic=true \
        --policy min_cohort=3 "${policy[@]}" >/dev/null || die "the model cannot be created"
}

production() { api model show pump --json | json production; }
