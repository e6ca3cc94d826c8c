#!/usr/bin/env bash
# The same with two hundred faults.
# label: integration
# long
set -u
AN_FAULTS=200 exec "$(dirname "$0")/fleet.sh"
