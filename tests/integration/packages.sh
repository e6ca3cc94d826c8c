#!/usr/bin/env bash
# The packages as their users meet them: built, installed, started, upgraded, removed and purged, by the commands that
# docs/OPERATIONS.md shows, in a machine of their own.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/machine.sh
machine_or_skip "$PWD/tests/integration/packages.sh"

say() { printf '%s\n' "$*"; }
die()
{
    say "FAILED: $*"
    in_machine journalctl --no-pager -n 30 2>/dev/null
    tail -n 20 "$out"
    exit 1
}
out=$place/out
machine_start
until_true() # seconds, command ...
{
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.1
    done
}

programs() { stat -c '%n %i %y' build/release/bin/andon* 2>/dev/null; }
built=$(programs)
deploy/package --out "$place/debs" >"$out" 2>&1 || die "the packages cannot be built"
[ -z "$built" ] || [ "$(programs)" = "$built" ] || die "programs that are built, and may run, were linked again"
mkdir "$machine/root/packages" && cp "$place"/debs/*.deb "$machine/root/packages/"
version=$(dpkg-deb -f "$machine"/root/packages/andon_*.deb Version)

# ---- what the packages say
for name in andon-coordinator andon-agent andon andon-lab; do
    deb=$(echo "$machine/root/packages/${name}_$version"_*.deb)
    dpkg-deb -x "$deb" "$place/x-$name"
    program=$place/x-$name/usr/bin/$name
    ! readelf -S "$program" | grep -F .debug_info >/dev/null || die "$name is not stripped"
    strings "$program" | grep -F "$PWD/" >/dev/null && die "$name names the folder where it was built"
    # Each library is of a package that the package depends on, or of andon-libs.
    depends=" $(dpkg-deb -f "$deb" Depends | sed 's/([^)]*)//g; s/,/ /g') "
    for library in $(readelf -d "$program" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p'); do
        case $library in ld-linux*) continue ;; libopen62541*) of=andon-libs ;;
        *)
            path=$(ldconfig -p | awk -v l="$library" '$1 == l { print $NF; exit }')
            of=$(dpkg-query -S "$(realpath "$path")" 2>/dev/null || dpkg-query -S "$path" 2>/dev/null)
            of=${of%%:*} ;;
        esac
        case $of in libopenblas0-*) of=libopenblas0 ;; esac
        [[ $depends == *" $of "* ]] || die "$name needs $library of ${of:-no package}, and depends on$depends"
    done
done
say "ok: the packages hold programs without symbols, and depend on all that these need"

command -v systemd-analyze >/dev/null || say "left out: there is no systemd-analyze, which would judge the units"
for unit in "$place"/x-*/usr/lib/systemd/system/*.service; do
    command -v systemd-analyze >/dev/null || break
    exposure=$(systemd-analyze security --offline=yes --threshold=15 "$unit" 2>&1) || die "too open: $exposure"
    say "ok: ${unit##*/}:$(sed -n 's/.*exposure level for [^:]*://p' <<<"$exposure")"
done

# ---- what the document shows, as it stands there
block() # name: its commands, one a line
{
    sed -n '/^```sh '"$1"'$/,/^```$/p' docs/OPERATIONS.md | sed '1d;$d' >"$place/block"
    [ -s "$place/block" ] || die "docs/OPERATIONS.md shows no commands \"$1\""
}
approved=
run_block() # name
{
    local line pid='' token fingerprint
    block "$1"
    while IFS= read -r line <&3; do
        line=${line//andon1-.../${token:-}} line=${line//4f7k-0q2m-.../${fingerprint:-}}
        if [[ $line == *' enrol '* ]]; then # waits for the approval, which is the next command
            in_machine bash -c "cd /root/packages && $line" >"$place/enrol" 2>&1 &
            pid=$!
            asked() { fingerprint=$(sed -n 's/^fingerprint of this site: //p' "$place/enrol"); [ -n "$fingerprint" ]; }
            waits() { in_machine sudo -u andon andon site list --data /var/lib/andon | grep "requested.*$fingerprint" >/dev/null; }
            until_true 20 asked && until_true 20 waits || die "$line: $(cat "$place/enrol")"
            continue
        fi
        does() { in_machine bash -c "cd /root/packages && $line" <<<N >"$out" 2>&1; } # N: dpkg asks about a file that both have changed
        does || die "$1: $line"
        if [ -n "$pid" ] && [[ $line == *' approve '* ]]; then
            wait "$pid" || die "enrolment: $(cat "$place/enrol")"
            approved="$approved $(sed -n 's/^approved: \([^ ]*\) .*/\1/p' "$place/enrol")"
        fi
        token=$(grep -o 'andon1-[a-z0-9]*' "$out" || echo "${token:-}")
    done 3<"$place/block"
}
mode() { in_machine stat -c '%U:%G %a' "/${1#/}"; }
has_mode() { [ "$(mode "$1")" = "$2" ] || die "$1 is $(mode "$1"), not $2"; }
runs_as() # unit, user
{
    local pid status
    pid=$(pid_of "$1") && status=$(in_machine cat "/proc/$pid/status") || die "$1 does not run"
    [ "$(in_machine stat -c %U "/proc/$pid")" = "$2" ] || die "$1 does not run as $2"
    [ "$(grep -cE '^(CapEff|CapBnd):[[:space:]]*0*$|^NoNewPrivs:[[:space:]]*1$|^Seccomp:[[:space:]]*2$' <<<"$status")" = 4 ] || die "$1 may too much"
}
pid_of() { in_machine systemctl show -p MainPID --value "$1"; }
connected() # sites ...
{
    local site
    for site; do
        in_machine sudo -u andon andon site list --data /var/lib/andon 2>/dev/null | grep "^$site .*approved *yes" >/dev/null || return 1
    done
}

for name in coordinator agent enrol site second; do run_block "$name"; done
[ "$approved" = ' plant-a plant-b' ] || die "approved were$approved"
until_true 30 connected plant-a plant-b || die "not both sites are connected"
runs_as andon-coordinator andon
runs_as andon-agent@plant-a andon-agent
has_mode /var/lib/andon 'andon:andon 700'
has_mode /var/lib/andon/identity 'andon:andon 600'
has_mode /var/lib/andon/admin.token 'andon:andon 600'
has_mode /var/lib/andon-agent/plant-a/identity 'andon-agent:andon-agent 600'
has_mode /etc/andon/secrets 'root:root 700'
has_mode /etc/andon/coordinator.yaml 'root:root 644'
for path in man/man1/andon.1.gz man/man8/andon-agent.8.gz man/man8/andon-coordinator.8.gz bash-completion/completions/andon \
    zsh/vendor-completions/_andon-agent fish/vendor_completions.d/andon.fish; do
    has_mode "/usr/share/$path" 'root:root 644'
done
if command -v systemd-analyze >/dev/null; then
    in_machine systemd-analyze verify --man=no andon-coordinator.service andon-agent@plant-a.service >"$out" 2>&1 || die "the units are not right"
    grep -q andon "$out" && die "the units are not right"
fi
mkdir "$machine/srv/press" && seq 300 | awk 'BEGIN { print "flow;current" } { print 5 + 3 * sin($1 / 7) ";" cos($1 / 3) }' >"$machine/srv/press/day.csv"
in_machine andon-agent init --source csv --path /srv/press --site plant-c --data /var/lib/andon-agent/plant-c --out /etc/andon/agent/plant-c.yaml --yes >"$out" 2>&1 &&
    in_machine sudo -u andon-agent andon-agent --config /etc/andon/agent/plant-c.yaml --check >"$out" 2>&1 || die "what root has init write the service cannot use"
say "ok: from the packages to two sites by what the document shows"

# ---- secrets: readable by the service alone, from its credentials
printf 'api: {port: 7790, token_file: "credential:broker"}\n' >>"$machine/etc/andon/agent/plant-a.yaml"
run_block secret
credential=/run/credentials/andon-agent@plant-a.service/broker
[ "$(in_machine cat "$credential")" = 'the password' ] || die "no credential"
has_mode /etc/andon/secrets/broker 'root:root 600'
in_machine sudo -u andon cat "$credential" >/dev/null 2>&1 && die "the coordinator's user can read a secret of the agent"
until_true 30 connected plant-a plant-b || die "plant-a did not come back with a secret"
asks() { [ "$(curl -s -o "$out" -w '%{http_code}' -H "Authorization: Bearer $1" http://127.0.0.1:7790/v1/status)" = "$2" ]; }
until_true 20 asks 'the password' 200 && asks 'another one' 401 || die "the agent does not use its credential"
say "ok: a secret reaches the service that it was given"

# ---- an agent that hangs
mkdir "$machine/etc/systemd/system/andon-agent@plant-b.service.d"
printf '[Service]\nWatchdogSec=1\n' >"$machine/etc/systemd/system/andon-agent@plant-b.service.d/watchdog.conf"
in_machine systemctl daemon-reload && in_machine systemctl restart andon-agent@plant-b
hung=$(pid_of andon-agent@plant-b)
[ -n "$(in_machine systemctl show -p StatusText --value andon-agent@plant-b)" ] || die "the agent says nothing of itself"
in_machine kill -STOP "$hung"
another() { in_machine systemctl is-active --quiet andon-agent@plant-b && [ "$(pid_of andon-agent@plant-b)" != "$hung" ]; }
until_true 30 another || die "an agent that hangs is not started anew"
rm -r "$machine/etc/systemd/system/andon-agent@plant-b.service.d"
in_machine systemctl daemon-reload && in_machine systemctl restart andon-agent@plant-b
say "ok: an agent that hangs is started anew"

# ---- backup, upgrade, what survives
identity=$(sha256sum <"$machine/var/lib/andon/identity")
run_block backup
printf '# ours\n' >>"$machine/etc/andon/coordinator.yaml"
sites=$(cat "$machine/etc/andon/agent/plant-a.yaml")
before=" $(pid_of andon-coordinator) $(pid_of andon-agent@plant-b) "
mkdir "$place/newer"
for deb in "$machine"/root/packages/*.deb; do
    name=$(basename "$deb" | sed 's/_.*//')
    rm -rf "$place/newer/$name"
    dpkg-deb -R "$deb" "$place/newer/$name"
    sed -i "s/^Version: .*/Version: $version+newer/; s/(= $version)/(= $version+newer)/" "$place/newer/$name/DEBIAN/control"
    [ "$name" != andon-coordinator ] || printf '# theirs\n' >>"$place/newer/$name/etc/andon/coordinator.yaml"
    rm "$deb"
    dpkg-deb -Zgzip -b "$place/newer/$name" "$machine/root/packages/${name}_$version+newer_all.deb" >"$out" 2>&1 || die "no newer package"
done
run_block upgrade
[ "$(in_machine dpkg-query -W -f '${Version}' andon-agent)" = "$version+newer" ] || die "not upgraded"
grep -q '^# ours' "$machine/etc/andon/coordinator.yaml" || die "the configuration was overwritten"
[ -e "$machine/etc/andon/coordinator.yaml.dpkg-dist" ] || die "the new configuration is not beside the old one"
[ "$(cat "$machine/etc/andon/agent/plant-a.yaml")" = "$sites" ] || die "a site's file was changed"
[ "$(sha256sum <"$machine/var/lib/andon/identity")" = "$identity" ] || die "the coordinator has other keys"
for unit in andon-coordinator andon-agent@plant-b; do
    [[ $before != *" $(pid_of "$unit") "* ]] || die "$unit runs the former version"
done
until_true 30 connected plant-a plant-b || die "not both sites are connected after the upgrade"
say "ok: an upgrade restarts what runs, and keeps configuration and state"

run_block restore
grep -q 'intact\|whole\|verified' "$out" || die "the journal that was put back: $(cat "$out")"
until_true 30 connected plant-a plant-b || die "not both sites are connected after the restore"
say "ok: a backup that is put back admits the same sites"

# ---- gone, but for what cannot be made again
run_block uninstall
for path in usr/bin/andon-agent usr/lib/systemd/system/andon-agent@.service usr/share/doc/andon-agent etc/andon/coordinator.yaml var/lib/andon; do
    [ ! -e "$machine/$path" ] || die "/$path is still there"
done
[ -z "$(ls "$machine"/etc/systemd/system/multi-user.target.wants/andon-* 2>/dev/null)" ] || die "services are still enabled"
[ -s "$machine/var/lib/andon-agent/plant-a/identity" ] || die "a purge that was not told to has removed a site's keys"
in_machine bash -c 'apt-get install -y /root/packages/andon-agent_*.deb /root/packages/andon-libs_*.deb' >"$out" 2>&1 || die "cannot be installed again"
has_mode /var/lib/andon-agent/plant-a/identity 'andon-agent:andon-agent 600'
in_machine env ANDON_PURGE_DATA=yes apt-get purge -y andon-agent >"$out" 2>&1 || die "not purged"
[ ! -e "$machine/var/lib/andon-agent" ] || die "a purge that was told to has left the sites' folders"
say "ok: removed and purged; keys and journals go only when that was said"
