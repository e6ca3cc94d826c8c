#!/usr/bin/env bash
# Two coordinators on one PostgreSQL and four agents, as processes in network namespaces, under seeded faults:
# kill -9 (of the active coordinator also together with its disk), partitions, a stopped leader that wakes up, a full
# disk, a clock that jumps.  AN_FAULTS says how many, AN_SEED which.
# label: integration
set -u
: "${ANDON_BIN:?is not set: run this through tests/run}"
cd "$(dirname "$0")/../.." || exit 2
enter=()
unshare --mount true 2>/dev/null && enter=(unshare --mount) # what is mounted for the test is seen by it alone
exec "${enter[@]}" python3 tests/faults/fleet/campaign.py --bin "$ANDON_BIN" --faults "${AN_FAULTS:-20}" --seed "${AN_SEED:-1}"
