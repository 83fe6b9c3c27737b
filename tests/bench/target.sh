#!/bin/bash
# target.sh [ROUNDS | --short]: POST /hit on our target against the spec's kind of stack (FastAPI, uvicorn
# with uvloop and httptools, redis asyncio), interleaved in one run.
#
# Ours stands twice: with the store local, and with the store redis on a redis-server of its own. The floor is the
# responder, which answers with fixed bytes: what the kernel alone takes for two system calls a request.
#
# Each round gives each server a fixed number of requests over 64 keep-alive connections (h2load);
# client and server have a core each. Compared are requests per second and requests per second of
# server-side CPU (theirs: uvicorn + redis-server; ours: squalld, and its redis-server), and all totals
# must be equal to what was sent. Prints the median ratios with quartiles.
#
# Pass lines: at least 18 times the requests per server-side CPU second of theirs, with either store; and with
# the store redis at most 1.2 times the CPU of the store local. Exits 1 below them.
# shellcheck source=tests/bench/bench.sh
. "$(dirname "$0")/bench.sh"

rounds=${1:-5}
[ "$rounds" != --short ] || rounds=1
goal=18 goal_redis=1.2
connections=64
ours_requests=120000 theirs_requests=6000
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
own_redis_port=$(free_port)
begin "$server_core" redis-server --port "$own_redis_port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" >"$work/own_redis.log"
own_redis_pid=$begun
with_redis_port=$(free_port)
cat >"$work/redis.conf" <<END
store = { plugin = "redis"; host = "127.0.0.1"; port = $own_redis_port; };
roles = ( { plugin = "target"; listen = "127.0.0.1:$with_redis_port"; } );
END
begin "$server_core" "$build/squalld" -p "$build/.libs" -c "$work/redis.conf" 2>"$work/squalld_redis.log"
with_redis_pid=$begun
responder 1
floor_port=$port floor_pid=$responder
until_true "squalld" answers "http://127.0.0.1:$ours_port/readyz"
until_true "squalld with redis" answers "http://127.0.0.1:$with_redis_port/readyz"
until_true "FastAPI" answers "http://127.0.0.1:$theirs_port/stats"

sent_ours=0 sent_redis=0 sent_theirs=0
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
	sent_ours=$((sent_ours + ours_requests))
	slice redis "$with_redis_port" "$ours_requests" "$with_redis_pid" "$own_redis_pid"
	sent_redis=$((sent_redis + ours_requests))
	slice theirs "$theirs_port" "$theirs_requests" "$theirs_pid" "$redis_pid"
	slice floor "$floor_port" "$ours_requests" "$floor_pid"
	sent_theirs=$((sent_theirs + theirs_requests))
	[ "$round" -gt 0 ] || rm -f "$work/ours" "$work/redis" "$work/theirs" "$work/floor"
done

for side in "ours $ours_port $sent_ours" "redis $with_redis_port $sent_redis" "theirs $theirs_port $sent_theirs"; do
	read -r name port sent <<<"$side"
	counted=$(curl -sf "http://127.0.0.1:$port/stats" | tr -dc '0-9')
	[ "$counted" = "$sent" ] || { echo "target.sh: $name counted $counted of $sent" >&2; exit 1; }
done

paste -d' ' "$work/ours" "$work/redis" "$work/theirs" "$work/floor" | awk -v goal="$goal" -v goal_redis="$goal_redis" '
	function sort(a, n,    i, j, t) { for (i = 2; i <= n; i++) { t = a[i]; for (j = i - 1; j > 0 && a[j] > t; j--) a[j + 1] = a[j]; a[j + 1] = t } }
	function q(a, n, p) { return a[int((n - 1) * p + 1.5)] }
	function column(k, out,    i) { for (i = 1; i <= n; i++) out[i] = v[i, k]; sort(out, n) }
	function ratio(k, l, out,    i) { for (i = 1; i <= n; i++) out[i] = v[i, k] / v[i, l]; sort(out, n) }
	function line(what, k, l,    a, b, r) {
		column(k, a); column(l, b); ratio(k, l, r)
		printf "%-36s %10d %10d %8.2f (%.2f .. %.2f)\n", what, q(a, n, .5), q(b, n, .5), q(r, n, .5), q(r, n, .25), q(r, n, .75)
		return q(r, n, .5)
	}
	{ n++; for (k = 1; k <= 8; k++) v[n, k] = $k }
	END {
		printf "%-36s %10s %10s %22s\n", "median of " n " rounds", "this", "that", "ratio (quartiles)"
		line("requests/s: local, FastAPI", 1, 5)
		line("requests/s: redis, FastAPI", 3, 5)
		line("requests/CPU second: floor, FastAPI", 8, 6)
		local = line("requests/CPU second: local, FastAPI", 2, 6)
		redis = line("requests/CPU second: redis, FastAPI", 4, 6)
		cost = line("requests/CPU second: local, redis", 2, 4)
		pass = local >= goal && redis >= goal && cost <= goal_redis
		printf "totals equal; goals: %d times the requests per server CPU second of FastAPI with both stores, and CPU with redis at most %.1f times that of local: %s\n", goal, goal_redis, pass ? "PASS" : "MISS"
		exit !pass
	}'
