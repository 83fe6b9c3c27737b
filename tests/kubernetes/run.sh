#!/bin/bash
# run.sh [BUILD]: everything that needs a real Kubernetes, from nothing to nothing.
#
# Builds the images, starts the cluster (cluster/up.sh), runs the scheduler's contract, whole systems, faults and the
# chart on it, and ends it. BUILD: a build of this tree with --enable-failpoints (default: build). Needs root, Debian 12 and the
# cluster's binaries (cluster/install.sh). SQUALL_TEST_FULL=1: the long forms. ONLY=text: the faults whose names hold it.
# The last line is `N passed, N failed, N skipped`; exits non-zero on any failure.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$(cd "${1:-build}" && pwd) || exit 1
home=${SQUALL_K8S:-${K8S_HOME:-/var/cache/squall-k8s}}
log=$build/tests/kubernetes
cluster=tests/kubernetes/cluster
passed=0 failed=0 skipped=0
export top_srcdir=$PWD top_builddir=$build SQUALL_K8S_REQUIRED=1 PYTHONDONTWRITEBYTECODE=1
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS="use_tls=0:print_suppressions=0:suppressions=$PWD/tests/lsan.supp"

finish() {
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

step() { # step NAME COMMAND...
	local name=$1
	shift
	printf -- '-- %s\n' "$name"
	"$@" >"$log/$name.log" 2>&1 && return
	failed=$((failed + 1))
	printf 'FAILED: %s (%s)\n' "$name" "$log/$name.log"
	tail -n 20 "$log/$name.log"
	return 1
}

tap() { # tap NAME COMMAND...: a program that prints TAP, counted
	local name=$1 status
	shift
	printf -- '-- %s\n' "$name"
	"$@" >"$log/$name.log" 2>&1
	status=$?
	passed=$((passed + $(grep -c '^ok ' "$log/$name.log") - $(grep -c '^ok .* # SKIP' "$log/$name.log")))
	skipped=$((skipped + $(grep -c '^ok .* # SKIP' "$log/$name.log")))
	failed=$((failed + $(grep -c '^not ok ' "$log/$name.log")))
	grep -E -A 6 '^not ok |# SKIP' "$log/$name.log" | cut -c 1-300 | head -n 60
	if [ "$status" -ne 0 ] && ! grep -q '^not ok ' "$log/$name.log" || ! grep -qE '^1\.\.[0-9]+$' "$log/$name.log"; then
		failed=$((failed + 1))
		printf 'FAILED: %s ended with %d (%s)\n' "$name" "$status" "$log/$name.log"
		tail -n 20 "$log/$name.log"
	fi
}

mkdir -p "$log"
[ -x "$home/bin/kubelet" ] || step install "$cluster/install.sh" || finish
step images tests/kubernetes/images.sh || finish
tap image-checks tests/kubernetes/test_images.sh
[ "${SQUALL_TEST_FULL:-}" != 1 ] || tap arm64 tests/kubernetes/test_arm64.sh
trap '"$cluster/down.sh"' EXIT
trap 'exit 130' INT TERM
step up "$cluster/up.sh" || finish
tap contract python3 tests/integration/test_scheduler_contract.py deployment job
tap whole python3 tests/integration/test_kubernetes_whole.py
tap faults python3 tests/integration/test_kubernetes_faults.py
tap chart python3 tests/chart/test_cluster.py
finish
