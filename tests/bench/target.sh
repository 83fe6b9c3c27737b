#!/bin/bash
# target.sh [ROUNDS | --short]: POST /hit on our target against the spec's kind of stack (FastAPI, uvicorn
# with uvloop and httptools, redis asyncio), interleaved in one run.
#
# Each round gives each server a fixed number of requests over 64 keep-alive connections (h2load);
# client and server have a core each. Compared are requests per second and requests per second of
# server-side CPU (theirs: uvicorn + redis-server; ours: squalld), and both totals must be equal to
# what was sent. Prints the median ratio with quartiles.
#
# Pass line: at least 18 times the requests per server-side CPU second. Exits 1 below it.
# shellcheck source=tests/bench/bench.sh
. "$(dirname "$0")/bench.sh"

rounds=${1:-5}
[ "$rounds" != --short ] || rounds=1
goal=18
connections=64
ours_requests=60000 theirs_requests=6000
bench_build

answers() { curl -sf "$1"; }

redis_port=$(free_port)
begin "$server_core" redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" >"$work/redis.log"
redis_pid=$begun
theirs_port=$(free_port)
begin "$server_core" env REDIS_PORT="$redis_port" /usr/bin/python3 -m uvicorn --app-dir tests/bench fastapi_app:app --loop uvloop \
	--http httptools --no-access-log --log-level warning --host 127.0.0.1 --port "$theirs_port" >"$work/uvicorn.log" 2>&1
theirs_pid=$begun
ours_port=$(free_port)
sed -e "s#^state_dir = .*#state_dir = \"$work/state\";#" -e "s#127.0.0.1:8080#127.0.0.1:$ours_port#" conf/target.conf >"$work/target.conf"
begin "$server_core" "$build/squalld" -p "$build/.libs" -c "$work/target.conf" 2>"$work/squalld.log"
ours_pid=$begun
until_true "squalld" answers "http://127.0.0.1:$ours_port/readyz"
until_true "FastAPI" answers "http://127.0.0.1:$theirs_port/stats"

ours_sent=0 theirs_sent=0
slice() { # slice NAME PORT REQUESTS PID...: "requests/s requests/cpu-second" to a file
	local name=$1 port=$2 requests=$3 before after start end ok
	shift 3
	before=$(cpu_ticks "$@")
	start=$(date +%s%N)
	ok=$(taskset -c "$client_core" h2load --h1 -n "$requests" -c "$connections" -H ":method: POST" "http://127.0.0.1:$port/hit" |
		sed -n 's/.* \([0-9]*\) succeeded.*/\1/p')
	end=$(date +%s%N)
	after=$(cpu_ticks "$@")
	[ "$ok" = "$requests" ] || { echo "target.sh: $name answered $ok of $requests" >&2; exit 1; }
	awk -v n="$requests" -v ns=$((end - start)) -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" \
		'BEGIN { if (ticks == 0) ticks = 1; printf "%.0f %.0f\n", n / (ns / 1e9), n / (ticks / hz) }' >>"$work/$name"
}

# One round to warm up that is not counted.
for round in $(seq 0 "$rounds"); do
	slice ours "$ours_port" "$ours_requests" "$ours_pid"
	ours_sent=$((ours_sent + ours_requests))
	slice theirs "$theirs_port" "$theirs_requests" "$theirs_pid" "$redis_pid"
	theirs_sent=$((theirs_sent + theirs_requests))
	[ "$round" -gt 0 ] || rm -f "$work/ours" "$work/theirs"
done

for side in "ours $ours_port $ours_sent" "theirs $theirs_port $theirs_sent"; do
	read -r name port sent <<<"$side"
	counted=$(curl -sf "http://127.0.0.1:$port/stats" | tr -dc '0-9')
	[ "$counted" = "$sent" ] || { echo "target.sh: $name counted $counted of $sent" >&2; exit 1; }
done

paste -d' ' "$work/ours" "$work/theirs" | awk -v goal="$goal" '
	function sort(a, n,    i, j, t) { for (i = 2; i <= n; i++) { t = a[i]; for (j = i - 1; j > 0 && a[j] > t; j--) a[j + 1] = a[j]; a[j + 1] = t } }
	function q(a, n, p) { return a[int((n - 1) * p + 1.5)] }
	{ n++; rate[n] = $1 / $3; cpu[n] = $2 / $4; or[n] = $1; oc[n] = $2; tr[n] = $3; tc[n] = $4 }
	END {
		sort(rate, n); sort(cpu, n); sort(or, n); sort(oc, n); sort(tr, n); sort(tc, n)
		printf "%-30s %12s %12s %22s\n", "median of " n " rounds", "squalld", "FastAPI", "ratio (quartiles)"
		printf "%-30s %12d %12d %8.1f (%.1f .. %.1f)\n", "requests/s", q(or, n, .5), q(tr, n, .5), q(rate, n, .5), q(rate, n, .25), q(rate, n, .75)
		printf "%-30s %12d %12d %8.1f (%.1f .. %.1f)\n", "requests/server CPU second", q(oc, n, .5), q(tc, n, .5), q(cpu, n, .5), q(cpu, n, .25), q(cpu, n, .75)
		pass = q(cpu, n, .5) >= goal
		printf "totals equal; goal %d times the requests per server CPU second: %s\n", goal, pass ? "PASS" : "MISS"
		exit !pass
	}'
