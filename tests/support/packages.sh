#!/bin/sh
# Fetches the npm package of tests/NAME into build/NAME, by the versions and hashes that its package-lock.json has;
# steps that packages run at their installation stay off.  Prints the folder; or why there is none, and exits 77.
#
#     folder=$(tests/support/packages.sh onnx) || skip "$folder"
set -u
cd "$(dirname "$0")/../.." || exit 1
name=${1:?usage: tests/support/packages.sh NAME}
folder=build/$name
skip()
{
    echo "$*"
    exit 77
}
mkdir -p "$folder" || exit 1
if ! cmp -s "tests/$name/package-lock.json" "$folder/installed-lock.json"; then
    command -v npm >/dev/null || skip "there is no npm"
    cp "tests/$name/package.json" "tests/$name/package-lock.json" "$folder/"
    (cd "$folder" && timeout 300 npm ci --ignore-scripts --no-audit --no-fund) >"$folder/npm.log" 2>&1 ||
        skip "the packages of tests/$name cannot be fetched: $(grep -m 1 -i error "$folder/npm.log")"
    cp "tests/$name/package-lock.json" "$folder/installed-lock.json"
fi
echo "$folder"
