#!/bin/bash
# control.sh [WORKERS] [SECONDS]: one orchestrator with WORKERS (1000) simulated workers that report each second,
# all in the same moment as real ones do (tests/bench/control_load.c).
#
# The orchestrator has a core, the workers the other one. Printed are its CPU and memory while the test runs, how
# long its answers take, and how long until all final reports are stored. The merged result must say exactly
# what was reported, percentiles included.
#
# Pass line: at most 25 % of one core, and the merge exact. Exits 1 otherwise.
# SQUALL_BUILD names the build folder (default ./build; a build without sanitizers, after make check TESTS=).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec /usr/bin/python3 tests/bench/control.py "${1:-1000}" "${2:-15}" "${SQUALL_BUILD:-$PWD/build}"
