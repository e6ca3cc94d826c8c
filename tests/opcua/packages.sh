#!/bin/sh
# Fetches the package node-opcua-server into build/opcua, by the versions and hashes that package-lock.json has.
# Prints the folder; or why there is none, and exits 77.
set -u
cd "$(dirname "$0")/../.." || exit 1
folder=build/opcua
skip()
{
    echo "$*"
    exit 77
}
mkdir -p "$folder" || exit 1
if ! cmp -s tests/opcua/package-lock.json "$folder/installed-lock.json"; then
    command -v npm >/dev/null || skip "there is no npm"
    cp tests/opcua/package.json tests/opcua/package-lock.json "$folder/"
    (cd "$folder" && timeout 300 npm ci --ignore-scripts --no-audit --no-fund) >"$folder/npm.log" 2>&1 ||
        skip "node-opcua-server cannot be fetched: $(grep -m 1 -i error "$folder/npm.log")"
    cp tests/opcua/package-lock.json "$folder/installed-lock.json"
fi
echo "$folder"
