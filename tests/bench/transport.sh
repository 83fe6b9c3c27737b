#!/bin/bash
# transport.sh [ROUNDS]: the work queues side by side: messages published and consumed per second (64 in flight), and
# the time from POST /tests at a gateway until the orchestrator has taken the test and written its end (a test that
# the orchestrator refuses, so that no worker counts). Interleaved rounds, medians.
#
# Service Bus is the test broker on this machine, which is slower than our side of it; redis is measured where the
# plugin is built. Pass lines: servicebus takes at most 4 times the local queue's time from POST to the end, and
# publishes and consumes at least 1000 messages a second. Exits 1 below them.
# SQUALL_BUILD names the build folder (default ./build; a build without sanitizers, after "make check TESTS=").
set -euo pipefail
cd "$(dirname "$0")/../.."
top_srcdir=$PWD top_builddir=${SQUALL_BUILD:-$PWD/build}
export top_srcdir top_builddir
[ -e "$top_builddir/.libs/role_bench_transport.so" ] || {
	echo "transport.sh: no role_bench_transport.so in $top_builddir: run make check TESTS= there, or set SQUALL_BUILD" >&2
	exit 2
}
exec /usr/bin/python3 tests/bench/transport.py "${1:-5}"
