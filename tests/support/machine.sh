# A machine of its own for one test: this system under an overlay in memory, with name spaces for processes, mounts,
# network and host name, so that packages can be installed and removed as root and nothing of it stays.  Source it:
#
#     . tests/support/machine.sh
#     machine_or_skip "$0" "$@"        goes on only inside; $machine is the new root, $repository the tree
#     in_machine command ...           runs with that root
#
# systemctl and sudo of the machine are those of tests/support/units and a stand-in.
# shellcheck shell=bash disable=SC2016,SC2034

machine_or_skip()
{
    if [ -z "${AN_MACHINE:-}" ]; then
        [ "$(id -u)" -eq 0 ] || { echo "packages can be installed only by root"; exit 77; }
        local place rc
        place=$(mktemp -d) || exit 1
        if ! unshare --mount sh -c 'mount -t tmpfs none "$1" && mkdir "$1/u" "$1/w" "$1/m" &&
            mount -t overlay overlay -o "lowerdir=/,upperdir=$1/u,workdir=$1/w" "$1/m"' sh "$place" 2>/dev/null; then
            rmdir "$place"
            echo "no overlay can be mounted here"
            exit 77
        fi
        AN_MACHINE=$place unshare --mount --pid --net --uts --fork --kill-child "$@"
        rc=$?
        rmdir "$place"
        exit $rc
    fi
    repository=$PWD
    machine=$AN_MACHINE/m
    mount --make-rprivate / && mount -t tmpfs -o size=2g none "$AN_MACHINE" && mkdir "$AN_MACHINE/u" "$AN_MACHINE/w" "$machine" &&
        mount -t overlay overlay -o "lowerdir=/,upperdir=$AN_MACHINE/u,workdir=$AN_MACHINE/w" "$machine" &&
        mount -t proc proc "$machine/proc" && mount --rbind /dev "$machine/dev" && mount -t tmpfs tmpfs "$machine/run" &&
        mount -t tmpfs tmpfs "$machine/tmp" && mount -t tmpfs tmpfs "$machine/root" && mount -t tmpfs tmpfs "$machine/usr/local" &&
        ip link set lo up && hostname machine || exit 1
    chmod 1777 "$machine/tmp"
    mkdir -p "$machine/usr/local/bin" "$machine/usr/local/sbin" "$machine/run/systemd/system"
    rm -f "$machine/usr/bin/systemctl" && cp tests/support/units "$machine/usr/bin/systemctl" # apt looks for it there
    printf '#!/bin/sh\nuser=root\n[ "$1" != -u ] || { user=$2; shift 2; }\nexec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups "$@"\n' \
        >"$machine/usr/local/bin/sudo"
    chmod +x "$machine/usr/local/bin/sudo"
    # Copies of files that a full disk would make wait for nothing.
    printf 'force-unsafe-io\n' >"$machine/etc/dpkg/dpkg.cfg.d/andon-test"
    printf '#!/bin/sh\nexit 0\n' >"$machine/usr/sbin/policy-rc.d"
}

in_machine()
{
    env -i HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive chroot "$machine" "$@"
}
