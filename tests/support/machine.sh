# A machine of its own for one test: this system under an overlay in memory, with name spaces of its own and systemd as
# its first process, so that packages are installed, started and removed as on any machine and nothing of it stays.
# Source it:
#
#     . tests/support/machine.sh
#     machine_or_skip SCRIPT       goes on only inside; $machine is the root as seen from here, $place a folder
#     machine_start
#     in_machine command ...
#
# The network has a loopback interface and nothing else.  sudo is a stand-in; /root, /usr/local and /run are empty.
# shellcheck shell=bash disable=SC2016,SC2034

machine_skip() { echo "$*"; exit 77; }

# The folder of this process in each hierarchy of control groups that systemd uses.
machine_groups()
{
    if [ "$(stat -f -c %T /sys/fs/cgroup 2>/dev/null)" = cgroup2fs ]; then
        echo "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)"
    else
        echo "/sys/fs/cgroup/systemd$(sed -n 's/^[0-9]*:name=systemd://p' /proc/self/cgroup)"
        [ ! -d /sys/fs/cgroup/unified ] || echo "/sys/fs/cgroup/unified$(sed -n 's/^0:://p' /proc/self/cgroup)"
    fi
}

machine_or_skip() # script
{
    local group groups=() rc
    if [ -z "${AN_MACHINE:-}" ]; then
        [ "$(id -u)" -eq 0 ] || machine_skip "packages can be installed only by root"
        [ -x /usr/lib/systemd/systemd ] || machine_skip "there is no systemd to start services with"
        place=$(mktemp -d) || exit 1
        if ! unshare --mount sh -c 'mount -t tmpfs none "$1" && mkdir "$1/u" "$1/w" "$1/m" &&
            mount -t overlay overlay -o "lowerdir=/,upperdir=$1/u,workdir=$1/w" "$1/m"' sh "$place" 2>/dev/null; then
            rmdir "$place"
            machine_skip "no overlay can be mounted here"
        fi
        while IFS= read -r group; do
            mkdir "$group/andon-machine-$$" 2>/dev/null || break
            groups+=("$group/andon-machine-$$")
        done < <(machine_groups)
        [ ${#groups[@]} -gt 0 ] || { rmdir "$place"; machine_skip "no control group can be made here"; }
        AN_MACHINE=$place AN_MACHINE_GROUPS="${groups[*]}" unshare --mount --pid --net --uts --ipc --fork --kill-child --mount-proc "$1"
        rc=$?
        for group in "${groups[@]}"; do
            find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
        done
        rmdir "$place"
        exit $rc
    fi
    place=$AN_MACHINE machine=$AN_MACHINE/m
    mount --make-rprivate / && mount -t tmpfs -o size=2g none "$place" && mkdir "$place/u" "$place/w" "$machine" &&
        mount -t overlay overlay -o "lowerdir=/,upperdir=$place/u,workdir=$place/w" "$machine" &&
        mount -t tmpfs tmpfs "$machine/root" && mount -t tmpfs tmpfs "$machine/usr/local" &&
        ip link set lo up && hostname machine || exit 1
    mkdir -p "$machine/usr/local/bin"
    printf '#!/bin/sh\nuser=root\n[ "$1" != -u ] || { user=$2; shift 2; }\nexec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups "$@"\n' \
        >"$machine/usr/local/bin/sudo"
    chmod +x "$machine/usr/local/bin/sudo"
    printf 'force-unsafe-io\n' >"$machine/etc/dpkg/dpkg.cfg.d/andon-test" # all of it is in memory
    # There is no network to fetch from: apt need not read lists of all packages each time, nor man index its pages.
    mount -t tmpfs tmpfs "$machine/var/lib/apt/lists" && rm -f "$machine/var/lib/man-db/auto-update"
    # Nothing that this system starts, mounts or sets belongs to that machine.
    rm -rf "$machine"/{etc,usr/lib}/systemd/system/*.target.{wants,requires} "$machine"/usr/lib/systemd/system-generators/* \
        "$machine/etc/fstab" "$machine/usr/sbin/policy-rc.d"
    : >"$machine/etc/machine-id"
    echo machine >"$machine/etc/hostname"
    printf '[Unit]\nWants=systemd-journald.service\nAfter=systemd-journald.service\n' >"$machine/etc/systemd/system/machine.target"
}

machine_boot='
cd "$1" && mount --make-rprivate / && mount -t proc proc proc && mount --bind proc/sys proc/sys &&
mount -o remount,bind,ro proc/sys && mount -t sysfs -o ro sysfs sys && mount -t tmpfs tmpfs run && mount -t tmpfs -o mode=1777 tmpfs tmp || exit
if [ -d /sys/fs/cgroup/systemd ]; then
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup && mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified &&
        mount -t cgroup -o none,name=systemd,xattr cgroup sys/fs/cgroup/systemd || exit
    mount -t cgroup2 cgroup2 sys/fs/cgroup/unified || true
else
    mount -t cgroup2 cgroup2 sys/fs/cgroup || exit
fi
mount -t tmpfs -o mode=755 tmpfs dev && mkdir dev/shm dev/pts dev/old || exit
for name in null zero full random urandom tty; do touch dev/$name && mount --bind "/dev/$name" dev/$name || exit; done
mount -t tmpfs -o mode=1777 tmpfs dev/shm && mount -t devpts devpts dev/pts && ln -s pts/ptmx dev/ptmx || exit
ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
# A new root by chroot could make no name spaces for users, which the services want.
pivot_root . dev/old && cd / && umount -l /dev/old && rmdir /dev/old && mount --make-rshared / || exit
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/lib/systemd/systemd --system --unit=machine.target
'
machine_init=
machine_start()
{
    local group until=$((SECONDS + 30)) launcher
    # The groups are the root of the machine: it sees no others.
    for group in $AN_MACHINE_GROUPS; do echo $$ >"$group/cgroup.procs" || machine_skip "no control group can be entered here"; done
    mount --rbind "$machine" "$machine"
    unshare --mount --pid --cgroup --fork --kill-child bash -c "$machine_boot" bash "$machine" </dev/null >"$place/boot" 2>&1 &
    launcher=$!
    until machine_init=$(pgrep -P "$launcher") && in_machine systemctl is-active --quiet machine.target 2>/dev/null; do
        if [ "$SECONDS" -ge "$until" ] || ! kill -0 "$launcher" 2>/dev/null; then
            tail -n 5 "$place/boot"
            machine_skip "systemd does not start in name spaces here"
        fi
        sleep 0.1
    done
}

in_machine()
{
    nsenter --target "$machine_init" --mount --pid --cgroup env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
