#!/bin/bash
# control_lag.sh [ROUNDS] [RATE]: does reporting to an orchestrator show in the punctuality of a worker?
#
# Each round loads our target with RATE (5000) requests a second from one worker, once on its own and once under
# an orchestrator, to which it reports each second; the order changes from round to round. The worker has a core,
# target and orchestrator the other one. Compared is p99.9 of pickup: how late the worker's loop looked at a
# request that was due, which is where encoding on the loop would show.
#
# Pass line: the median of the rounds' ratios is at most 1.25, or the median difference below 50 us.
# SQUALL_BUILD names the build folder (default ./build; a build without sanitizers, after make check TESTS=).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec /usr/bin/python3 tests/bench/control_lag.py "${1:-5}" "${2:-5000}" "${SQUALL_BUILD:-$PWD/build}"
