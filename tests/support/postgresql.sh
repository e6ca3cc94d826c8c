#!/bin/sh
# A PostgreSQL server of a test's own: a cluster in a folder under /tmp, a socket in it, no network, no
# password, the database andon owned by the role andon, which is no superuser.
#
#     tests/support/postgresql.sh start PID    prints its folder DIR; ends with the process PID at the latest
#     tests/support/postgresql.sh kill DIR     SIGKILL of the server, all its processes gone on return
#     tests/support/postgresql.sh restart DIR  starts it (again)
#     tests/support/postgresql.sh stop DIR     stops it and removes the folder
#     tests/support/postgresql.sh run DIR PROGRAM ...   one of its programs, as its user, PGHOST and PGUSER set
#
# "host=DIR user=andon dbname=andon" reaches it.  The programs are those of the newest Debian package in
# /usr/lib/postgresql, or those in $PATH.  A server does not run as root: then it runs as the user postgres.
# AN_PG_FSYNC=on makes commits as durable as they are in earnest.
# exit: 0 done, 77 there is no server to be had, anything else failed
set -u

self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")

bin=$(find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || bin=$(command -v initdb) || { echo "PostgreSQL's server is not installed"; exit 77; }
bin=$(dirname "$bin")

as_server()
{
    if [ "$(id -u)" -eq 0 ]; then
        runuser -u postgres -- env PGHOST="$dir" PGUSER=andon LC_ALL=C "$@"
    else
        env PGHOST="$dir" PGUSER=andon LC_ALL=C "$@"
    fi
}

# What was killed leaves shared memory that the last of its processes still holds for a moment.
begin()
{
    tries=0
    until as_server "$bin/pg_ctl" -D "$dir/data" -w -t 30 -l "$dir/log" start >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || { cat "$dir/log" >&2; return 1; }
        sleep 0.1
    done
}

start() # process id
{
    if [ "$(id -u)" -eq 0 ] && ! id postgres >/dev/null 2>&1; then
        echo "there is no user postgres to run a server as"
        exit 77
    fi
    dir=$(mktemp -d /tmp/andon-pg-XXXXXX) || exit 1
    [ "$(id -u)" -ne 0 ] || chown postgres "$dir"
    chmod 755 "$dir"
    as_server "$bin/initdb" -D "$dir/data" -U andon_admin -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 ||
        { cat "$dir/initdb.log" >&2; exit 1; }
    as_server tee -a "$dir/data/postgresql.conf" >/dev/null <<END
listen_addresses = ''
unix_socket_directories = '$dir'
unix_socket_permissions = 0777
fsync = ${AN_PG_FSYNC:-off}
shared_buffers = 64MB
max_connections = 40
max_wal_senders = 0
wal_level = minimal
END
    begin || exit 1
    as_server "$bin/psql" -q -U andon_admin -d postgres -c 'CREATE ROLE andon LOGIN' \
        -c 'CREATE DATABASE andon OWNER andon' >"$dir/create.log" 2>&1 || { cat "$dir/create.log" >&2; exit 1; }
    # Whoever started it may die without a word, with all of its group.
    # shellcheck disable=SC2016
    setsid sh -c 'while kill -0 "$1" 2>/dev/null && [ -d "$2" ]; do sleep 1; done; "$3" stop "$2"' \
        sh "$1" "$dir" "$self" </dev/null >/dev/null 2>&1 &
    echo "$dir"
}

# The group of the server's processes: they leave with their parent, but not at once.
kill_all()
{
    pid=$(as_server head -n 1 "$dir/data/postmaster.pid" 2>/dev/null) || return 0
    children=$(ps -o pid= --ppid "$pid")
    # shellcheck disable=SC2086
    kill -9 "$pid" $children 2>/dev/null
    for one in $pid $children; do
        while kill -0 "$one" 2>/dev/null && [ "$(ps -o stat= -p "$one" | cut -c 1)" != Z ]; do sleep 0.01; done
    done
}

[ $# -ge 2 ] || { sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2; }
verb=$1
[ "$verb" = start ] || dir=$2
cd / || exit 1
case $verb in
start) start "$2" ;;
kill) kill_all ;;
restart) begin ;;
stop)
    case $dir in /tmp/andon-pg-*) ;; *) exit 2 ;; esac
    [ ! -d "$dir" ] || { as_server "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1; rm -rf "$dir"; }
    ;;
run)
    shift 2
    program=$1
    shift
    as_server "$bin/$program" "$@"
    ;;
*) exit 2 ;;
esac
