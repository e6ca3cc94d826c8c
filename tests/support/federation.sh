# Real processes for the integration tests: a coordinator and agents on the loopback interface.
# Source it from a script that has ANDON_BIN; everything lives in $work and ends with the script.
#
#     . tests/support/federation.sh
#     start_coordinator "${coordinator_flags[@]}"
#     enrol_site plant-a && start_site plant-a
#
# Only processes that were started here are ever signalled, by their number.

: "${ANDON_BIN:?is not set: run this through tests/run}"
bin=$ANDON_BIN
work=$(mktemp -d)
agent="$bin/andon-agent"
# shellcheck source=deploy/processes.sh
. deploy/processes.sh
coordinator_flags=(--lease 2s --enrol.rate 10000)

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
    pool: {window: ${pool_window:-4}}
END
}

kill9_site() # name
{
    kill -9 "${site_pid[$1]}"
    wait "${site_pid[$1]}" 2>/dev/null
    unset "site_pid[$1]"
}

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
    printf '%s' "${prep:-}" >>"$work/schema.yaml"
    api model create pump --arch "$work/arch.yaml" --schema "$work/schema.yaml" --policy promote.automatic=true \
        --policy min_cohort=3 "${policy[@]}" >/dev/null || die "the model cannot be created"
}

# ---- rounds ----

round_json() { api round show "$1" --json 2>/dev/null; }
state_of() { grep -o '"state":"[A-Z]*"' <<<"$1" | head -n 1 | cut -d'"' -f4; }
last_round() { api round list --limit 1 --json | grep -o '"id":[0-9]*' | head -n 1 | cut -d: -f2; }

# Opens an incremental campaign, as soon as the one before has ended, and names its first round, which trains.
open_round()
{
    local before
    started() { before=$(last_round) && api campaign start pump --kind incremental >"$work/started" 2>&1; }
    until_true 60 started || die "no campaign: $(cat "$work/started")"
    opened() { [ "$(last_round)" -gt "$before" ]; }
    until_true 20 opened || die "the campaign opened no round"
    round=$(last_round)
}
