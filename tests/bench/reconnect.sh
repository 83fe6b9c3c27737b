#!/bin/bash
# reconnect.sh [SECONDS]: ten minutes (600 s by default) in which the connection to Service Bus is lost again and again,
# in each of four ways, with messages on their way; and whether memory stays flat.
#
# A gateway and an orchestrator, a process each, by TLS to the test broker (tests/servicebus). A loss comes every 6 s: sooner
# it would count as a failed try, and the pauses would grow. The first half warms up: what is bounded grows there (and all
# the time in a run of less than two minutes).
#
# Goals: in the second half the resident set of either process grows by at most 1 MiB (an engine that is not freed takes
# half a MiB or more each time); every loss is followed by a connection, and every test that was taken comes to its end.
# Exits 1 on a MISS. SQUALL_BUILD names the build folder (default ./build; one without sanitizers, which keep what is
# freed).
set -euo pipefail
cd "$(dirname "$0")/../.."
top_srcdir=$PWD top_builddir=$(realpath "${SQUALL_BUILD:-build}")
export top_srcdir top_builddir
die() {
	echo "reconnect.sh: $*" >&2
	exit 2
}
case ${1:-600} in
*[!0-9]*) die "usage: reconnect.sh [SECONDS]" ;;
esac
[ -x "$top_builddir/squalld" ] || die "no $top_builddir/squalld: build first (deploy/quickstart.sh) or set SQUALL_BUILD"
if grep -q __asan_init "$top_builddir/.libs/transport_servicebus.so"; then
	die "$top_builddir was built with sanitizers: configure one without them and set SQUALL_BUILD"
fi
./deploy/install-deps.sh bench
exec /usr/bin/python3 tests/bench/reconnect.py "${1:-600}"
