#!/usr/bin/env bash
# What test_full tries with a limit on files, on a file system that is really full: a small one in memory, seen
# by this script alone.
set -uo pipefail
: "${ANDON_BIN:?is not set: run this through tests/run}"
work=$(mktemp -d) || exit 1
trap 'rmdir "$work"' EXIT
small='mount -t tmpfs -o size=48m none "$1"'
if ! unshare --user --map-root-user --mount sh -c "$small" sh "$work" 2>/dev/null; then
    echo "no small file system can be mounted here without being root"
    exit 77
fi
# shellcheck disable=SC2016 # the inner shell expands them
unshare --user --map-root-user --mount sh -c "$small"' && TMPDIR=$1 ANDON_SMALL_DISK=$1 exec "$2/test_full"' sh "$work" "$ANDON_BIN"
