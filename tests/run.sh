#!/bin/bash
# run.sh [--full]: everything that can be tested on one machine.
#
# Installs what the tests need (deploy/install-deps.sh test), builds with warnings as errors and
# with the address and undefined-behaviour sanitizers, runs every test, and then `make distcheck`:
# the tarball, built as a user would (no sanitizers, all tests again), installed, and an
# out-of-tree plugin built against what was installed. --full adds the long forms of the tests to the first.
# The last line is `N passed, N failed, N skipped`; exits non-zero on any failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

full=0
case "${1:-}" in
'') ;;
--full) full=1 ;;
*) echo "usage: run.sh [--full]" >&2; exit 2 ;;
esac
unset SQUALL_TEST_FULL
[ "$full" = 0 ] || export SQUALL_TEST_FULL=1

build=$PWD/build-tests
jobs=$((2 * $(nproc))) # tests wait most of their time
passed=0 failed=0 skipped=0
skips=()

step() { # step NAME COMMAND...: one check of its own, its output in a log
	local name=$1 log=$build/$1.log
	shift
	printf -- '-- %s\n' "$name"
	if "$@" >"$log" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED: %s (%s)\n' "$name" "$log"
		tail -n 40 "$log"
		return 1
	fi
}

count() { # count LOG...: adds up the results that the TAP driver wrote into .trs files
	local trs line
	for trs in "$@"; do
		while IFS= read -r line; do
			case "$line" in
			':test-result: PASS'* | ':test-result: XFAIL'*) passed=$((passed + 1)) ;;
			':test-result: SKIP'*)
				skipped=$((skipped + 1))
				skips+=("$(basename "${trs%.trs}"): ${line#:test-result: SKIP }")
				;;
			':test-result: '*)
				failed=$((failed + 1))
				printf 'FAILED: %s: %s\n' "$(basename "${trs%.trs}")" "${line#:test-result: }"
				;;
			esac
		done <"$trs"
	done
}

# What needs a cluster says itself how much of it passed.
kubernetes() {
	local home=${SQUALL_K8S:-${K8S_HOME:-/var/cache/squall-k8s}} log=$build/kubernetes.log status p f s
	if [ ! -x "$home/bin/kubelet" ]; then
		skipped=$((skipped + 1))
		skips+=("kubernetes: no binaries of a cluster in $home (tests/kubernetes/cluster/install.sh)")
		return
	fi
	printf -- '-- kubernetes\n'
	../tests/kubernetes/run.sh "$build" >"$log" 2>&1
	status=$?
	read -r p f s < <(sed -n '$s/ passed, / /; $s/ failed, / /; $s/ skipped$//p' "$log")
	passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
	[ "$status" -eq 0 ] || grep -E '^(not ok|FAILED)' "$log"
	[ "$status" -eq 0 ] || [ "${f:-0}" -gt 0 ] || failed=$((failed + 1))
}

all_trs() { find "$1" -name '*.trs' -path '*tests/*' 2>/dev/null; }

finish() {
	for skip in "${skips[@]}"; do printf 'skipped: %s\n' "$skip"; done
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

if [ "$full" = 1 ]; then ./deploy/install-deps.sh full; else ./deploy/install-deps.sh test; fi || exit 1
mkdir -p "$build"
step autogen ./autogen.sh || finish
cd "$build" || exit 1
step configure ../configure --enable-werror --enable-sanitizers --enable-failpoints CFLAGS='-O1 -g' || finish
step build make -j"$(nproc)" || finish

echo "-- check, with sanitizers"
find . -name '*.trs' -delete
make -k -j"$jobs" check >check.log 2>&1
status=$?
mapfile -t results < <(all_trs .)
before=$failed
count "${results[@]}"
if [ "$status" -ne 0 ] && [ "$failed" -eq "$before" ]; then
	failed=$((failed + 1))
	echo "FAILED: make check ($build/check.log)"
	tail -n 40 check.log
elif [ "$status" -ne 0 ]; then
	grep -hE '^(not ok|#   )' tests/*/*.log 2>/dev/null | head -n 60
fi

[ "$full" = 0 ] || kubernetes
step distcheck env -u SQUALL_TEST_FULL make -j"$jobs" distcheck DISTCHECK_CONFIGURE_FLAGS=--enable-werror
finish
