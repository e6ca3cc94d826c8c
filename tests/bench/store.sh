#!/bin/sh
# Durable events a second into both stores, singly and in batches: the figures are printed; that a batch is worth
# its while is the bound.  docs/RESULTS.md has the long form.  PostgreSQL writes as durably as in earnest.
set -eu
seconds=${AN_BENCH_SECONDS:-2}
work=$(mktemp -d)
if ! server=$(AN_PG_FSYNC=on tests/support/postgresql.sh start $$); then
    echo "$server"
    rm -rf "$work"
    exit 77
fi
trap 'tests/support/postgresql.sh stop "$server"; rm -rf "$work"' EXIT

run() # name, url
{
    echo "$1:"
    "$ANDON_BIN/bench_store" "$2" "$work/$1.files" 1 "$seconds" 10 "$seconds" 100 "$seconds" 1000 "$seconds" |
        tee "$work/$1"
}
rate() { sed -n "s/^batch $2: \([0-9]*\) .*/\1/p" "$work/$1"; }

run sqlite "sqlite:$work/store"
run postgresql "postgresql:host=$server user=andon dbname=andon"
for store in sqlite postgresql; do
    [ "$(rate $store 100)" -gt $((3 * $(rate $store 1))) ]
done
