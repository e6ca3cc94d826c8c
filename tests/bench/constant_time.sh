#!/bin/sh
# That nothing which is done with shares, masks and derived keys depends on the secrets in its time: valgrind
# follows bytes that were never written, and reports a branch or an address that depends on one.
set -eu
if ! command -v valgrind >/dev/null 2>&1; then
    echo 'valgrind is not installed'
    exit 77
fi
follow() # arguments of bench_constant
{
    valgrind --quiet --error-exitcode=9 "$ANDON_BIN/bench_constant" "$@"
}
status=0
follow leak >/dev/null 2>&1 || status=$?
case $status in
9) follow ;;
0) echo 'valgrind does not see a branch on a secret'; exit 1 ;;
*) echo 'valgrind cannot read this program (DWARF 5 of clang, for one)'; exit 77 ;;
esac
