#!/usr/bin/env bash
# long
# slow_clients.sh, and that the coordinator ends all of them: it gives each a minute.
cd "$(dirname "$0")/../.." || exit 2
AN_WHOLE=yes exec bash tests/integration/slow_clients.sh
