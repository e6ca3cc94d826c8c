#!/usr/bin/env bash
# The agent and its tests for 64-bit ARM, by the cross compiler, run under user-mode emulation.
# long: a build of its own, and emulation is slow
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! deploy/install-deps --cross --check >/dev/null 2>&1; then
    echo "no cross compiler or no libraries for arm64: deploy/install-deps --cross installs them"
    exit 77
fi
cmake --preset aarch64
cmake --build build/aarch64 -j "$(nproc)"
# Not: minutes of products in two precisions, which say nothing of the machine that they do not say in a second.
ctest --test-dir build/aarch64 -j "$(nproc)" --timeout 900 --output-on-failure -E '^test_precision$'
qemu-aarch64 build/aarch64/bin/andon-agent --help | head -n 3

# Its package: for that machine, and with the libraries of that machine.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
deploy/package --arm64 --out "$folder"
deb=$(echo "$folder"/andon-agent-small_*_arm64.deb)
dpkg-deb -x "$deb" "$folder/x"
readelf -h "$folder/x/usr/bin/andon-agent" | grep AArch64 >/dev/null
[[ $(dpkg-deb -f "$deb" Depends) == *libzmq5* ]]
qemu-aarch64 "$folder/x/usr/bin/andon-agent" --version
