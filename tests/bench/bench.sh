# shellcheck shell=bash disable=SC2034,SC2317 # variables and functions are for the scripts
# bench.sh - what the benches share. Each of them sources it first:
#
#     . "$(dirname "$0")/bench.sh"
#
# It goes on in a session of its own: the kernel shares a core between sessions before it looks at
# priorities, and work of another one, even at idle priority, would take half (notes of performance, 5).
# Where it may, it takes the highest share. Everything that was started is stopped at the end.
#
# SQUALL_BUILD names the build folder (default ./build), which must be one without sanitizers.
set -euo pipefail
bench=$(basename "$0")
if [ -z "${BENCH_SESSION:-}" ]; then
	BENCH_SESSION=1 exec setsid -w "$BASH" "$0" "$@"
fi
first() { { echo -20 >"/proc/$1/autogroup"; } 2>/dev/null || true; } # first PID: before other sessions
first self
cd "$(dirname "$0")/../.."
build=$(realpath "${SQUALL_BUILD:-build}")
server_core=0 client_core=$(($(nproc) > 1 ? 1 : 0))
missed=0
work=$(mktemp -d)
pids=()

die() {
	echo "$bench: $*" >&2
	exit 2
}

cleanup() {
	for pid in "${pids[@]}"; do
		kill -CONT "$pid" 2>/dev/null || true
		kill "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# bench_build: the programs that are compared; a build for tests would compare sanitizers.
bench_build() {
	[ -x "$build/squalld" ] || die "no $build/squalld: build first (deploy/quickstart.sh) or set SQUALL_BUILD"
	if grep -q __asan_init "$build/.libs/role_worker.so"; then
		die "$build was built with sanitizers: configure one without them and set SQUALL_BUILD"
	fi
	./deploy/install-deps.sh bench
	make -s -C "$build" bench-programs >/dev/null
}

# begin CORE COMMAND...: starts a command on a core in the background; its pid is in $begun.
begin() {
	taskset -c "$1" "${@:2}" &
	begun=$!
	pids+=("$begun")
}

# end PID...: stops what begin started.
end() {
	local pid kept=()
	for pid in "$@"; do
		kill -CONT "$pid" 2>/dev/null || true
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	for pid in "${pids[@]}"; do
		[[ " $* " == *" $pid "* ]] || kept+=("$pid")
	done
	pids=("${kept[@]}")
}

# until_true WHAT COMMAND...: waits for a command to succeed, and says for what in vain.
until_true() {
	for _ in $(seq 300); do
		"${@:2}" >/dev/null 2>&1 && return
		sleep 0.05
	done
	cat "$work"/*.log >&2 || true
	die "waited in vain for $1"
}

# responder ARRIVALS [.tls]: starts the responder, which stamps that many; sets $port, $responder (pid) and
# $seen.
responder() {
	local pair=()
	seen=$work/seen.$RANDOM
	if [ "${2:-}" = .tls ]; then
		pair=("$work/cert.pem" "$work/key.pem")
		[ -s "${pair[0]}" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
			-keyout "${pair[1]}" -out "${pair[0]}" 2>/dev/null
	fi
	begin "$server_core" "$build/tests/bench/responder" "$seen" "$1" "${pair[@]}" >"$seen.port"
	responder=$begun
	until_true "the responder" test -s "$seen.port"
	port=$(cat "$seen.port")
}

# worker_of PID: sets $daemon and $worker (pids), the load generator of a `squall run` that was started with begin. It
# and its daemon are in sessions of their own.
worker_of() {
	find_worker() { daemon=$(pgrep -P "$1") && worker=$(pgrep -P "$daemon"); }
	until_true "a worker" find_worker "$1"
	first "$daemon"
	first "$worker"
}

# served: how many requests the responder has answered.
served() { od -An -t u8 -N 8 "$seen" | tr -d ' '; }

loaded() { [ "$(served)" -gt 0 ]; }

# arrivals TOTAL: how many requests the responder saw in each 10 ms, one a line; the first and the last
# second are left out.
arrivals() {
	od -An -v -t d8 -w8 -j 16 "$seen" | awk -v total="$1" '
		NR > total || $1 == 0 { exit }
		{ if (NR == 1) first = $1; last = int(($1 - first) / 1e7); n[last]++ }
		END { for (i = 100; i < last - 100; i++) print n[i] + 0 }'
}

# quantile P: numbers, one a line, to the one that this part of them does not exceed.
quantile() { sort -g | awk -v p="$1" '{ v[NR] = $1 } END { i = int(NR * p + .999999); print NR ? v[i < 1 ? 1 : i] : "nan" }'; }

# freeze PID SECONDS: stops a process for a while.
freeze() {
	kill -STOP "$1"
	sleep "$2"
	kill -CONT "$1"
}

# longest_gap: between two arrivals that the responder stamped, ms.
longest_gap() {
	od -An -v -t d8 -w8 -j 16 "$seen" | awk '$1 == 0 { exit } NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 }
		END { printf "%.3f\n", gap / 1e6 }'
}

# of EXPRESSION: arithmetic with a point.
of() { awk "BEGIN { printf \"%.3f\", $1 }"; }

free_port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

cpu_ticks() { # user + system ticks of these processes
	local sum=0 pid fields
	for pid in "$@"; do
		read -ra fields < <(sed 's/.*) //' "/proc/$pid/stat")
		sum=$((sum + fields[11] + fields[12]))
	done
	echo "$sum"
}

# json EXPRESSION FILE: a value of a result document; EXPRESSION is Python, d the document.
json() { /usr/bin/python3 -c 'import json, sys; d = json.load(open(sys.argv[2])); print(eval(sys.argv[1]))' "$1" "$2"; }

# quartiles: numbers, one a line, to "FIRST MEDIAN THIRD".
quartiles() {
	sort -g | awk '{ v[NR] = $1 } function q(p) { return v[int((NR - 1) * p + 1.5)] }
		END { if (NR) printf "%.4g %.4g %.4g\n", q(.25), q(.5), q(.75); else print "nan nan nan" }'
}

# judge WHAT FIGURE <=|>= GOAL [UNIT]: one line with PASS or MISS; "nan" is a MISS.
judge() {
	local word
	word=$(awk -v f="$2" -v op="$3" -v g="$4" 'BEGIN {
		good = f != "nan" && (op == "<=" ? f + 0 <= g + 0 : f + 0 >= g + 0); print good ? "PASS" : "MISS" }')
	[ "$word" = PASS ] || missed=1
	printf '%s  %-58s %10s %s %s%s\n' "$word" "$1" "$2" "$3" "$4" "${5:+ $5}"
}

# within WHAT FIGURE TRUTH PERCENT [UNIT]: the same for a figure that has to be near a known one.
within() {
	judge "$1: $2${5:+ $5}, truth $3, off by %" \
		"$(awk -v f="$2" -v t="$3" 'BEGIN { d = f - t; printf "%.2f", (d < 0 ? -d : d) / t * 100 }')" "<=" "$4"
}
