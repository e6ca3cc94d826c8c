#!/usr/bin/env bash
# The first hour at a site: init writes a configuration of what it sees in a CSV folder, at a Modbus slave and at a broker; each
# is accepted by --check as it is, and an agent enrols, starts from it and reads rows.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
command -v python3 >/dev/null || { echo "skipped: python3 is not here"; exit 77; }
. tests/support/federation.sh

others=()
end()
{
    local pid
    for pid in "${others[@]}"; do
        kill -9 "$pid" 2>/dev/null
    done
    cleanup
}
trap end EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A writer that goes on, as a press does.
mkdir -p "$work/press"
awk 'BEGIN { print "time;force;heat;pieces;mode;part" > "'"$work"'/press/1.csv"
    for (i = 0; i < 300; i++) printf "2026-03-09 10:%02d:%02d;%.3f;%.2f;%d;auto;P%05d\n", i / 60, i % 60, 5 + sin(i / 4), 20 + cos(i / 9), i, i / 5 >> "'"$work"'/press/1.csv" }'

names=(csv)
"$agent" init --source csv --path "$work/press" --set tz=UTC --site csv --line line-1 --data "$work/csv" \
    --out "$work/csv.yaml" --yes >"$work/csv.init" 2>&1 </dev/null || die "init of a CSV folder: $(cat "$work/csv.init")"
grep -q 'part: part' "$work/csv.yaml" || die "the column of parts was not found: $(cat "$work/csv.yaml")"
grep -q '# *pieces: a counter' "$work/csv.yaml" || die "a counter is a sensor: $(cat "$work/csv.yaml")"
grep -q 'andon-agent enrol' "$work/csv.init" || die "nobody says what is next"
# Not written over, unless it is said.
before=$(sha256sum <"$work/csv.yaml")
again() { "$agent" init --source csv --path "$work/press" --set tz=UTC --out "$work/csv.yaml" "$@" </dev/null >"$work/again" 2>&1; }
again --yes && die "a configuration was written over"
[ "$before" = "$(sha256sum <"$work/csv.yaml")" ] || die "it was changed"
again --yes --force --site csv --line line-1 --data "$work/csv" || die "--force: $(cat "$work/again")"
# Without a terminal it waits for nobody.
"$agent" init --source csv --out "$work/x.yaml" </dev/null >"$work/x.init" 2>&1 && die "a path was guessed"
grep -q -- '--path' "$work/x.init" || die "it does not say what is missing: $(cat "$work/x.init")"

if [ -x "$bin/test_modbus_init" ]; then
    port=$(free_port)
    : >"$work/slave"
    "$bin/test_modbus_init" --part slave "$work/slave" tcp "$port" 1 2>"$work/slave.log" &
    others+=($!)
    until_true 10 listens "$port" || die "the slave does not listen"
    "$agent" init --source modbus --address "127.0.0.1:$port" --for 5s --site modbus --line line-1 --data "$work/modbus" \
        --out "$work/modbus.yaml" --yes >"$work/modbus.init" 2>&1 </dev/null || die "init of a slave: $(cat "$work/modbus.init")"
    grep -q 'type: float32, order: CDAB' "$work/modbus.yaml" || die "no float was found: $(cat "$work/modbus.yaml")"
    names+=(modbus)
fi
if [ -x "$bin/test_mqtt_init" ] && [ -x /usr/sbin/mosquitto ]; then
    port=$(free_port)
    printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$work/mosquitto.conf"
    /usr/sbin/mosquitto -c "$work/mosquitto.conf" 2>"$work/mosquitto.log" &
    others+=($!)
    until_true 10 listens "$port" || die "the broker does not listen"
    "$bin/test_mqtt_init" --part talker "$port" json 2>"$work/talker.log" &
    others+=($!)
    "$agent" init --source mqtt --address "mqtt://127.0.0.1:$port" --for 3s --site mqtt --line line-1 --data "$work/mqtt" \
        --out "$work/mqtt.yaml" --yes >"$work/mqtt.init" 2>&1 </dev/null || die "init of a broker: $(cat "$work/mqtt.init")"
    grep -q 'time: /ts' "$work/mqtt.yaml" || die "the time was not found: $(cat "$work/mqtt.yaml")"
    names+=(mqtt)
fi

start_coordinator "${coordinator_flags[@]}"
for name in "${names[@]}"; do
    "$agent" run --check --config "$work/$name.yaml" >"$work/check" 2>&1 || die "$name: $(cat "$work/check")"
    enrol_site "$name"
    start_site "$name"
done
for name in "${names[@]}"; do
    until_true 20 site_has_rows "$name" 5 || die "$name reads no rows"
done
say "passed: ${names[*]}"
