#!/bin/bash
# launch.sh [--short]: how long it takes from POST /tests to the first request, and how far apart workers begin, with
# scheduler fork and with scheduler kubernetes, for 2 and 20 workers.
#
# Kubernetes needs the cluster of the tests with squall's images (tests/kubernetes/cluster/up.sh, images.sh) and is left
# out, with that reason, without it. Its peer is the cluster itself: a Deployment of as many pods of the same image,
# from its creation until all of them run, measured in the same interleaved run.
#
# Pass lines, on medians: fork with 20 workers takes at most 3 times as long as with 2; kubernetes takes at most 1.5
# times as long as the cluster itself, and 2 s for the agreed start. Start skew is at most 10 ms with 2 workers each.
# Exits 1 otherwise. SQUALL_BUILD names the build folder (default ./build; a build without sanitizers).
set -euo pipefail
cd "$(dirname "$0")/../.."
top_builddir=$(cd "${SQUALL_BUILD:-build}" && pwd)
export top_builddir top_srcdir="$PWD"
exec /usr/bin/python3 tests/bench/launch.py "$@"
