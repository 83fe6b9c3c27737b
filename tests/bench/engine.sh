#!/bin/bash
# engine.sh [--short] [--json] [--connections LIST] [--rounds N]: what one request costs the load engine,
# against wrk and against a floor.
#
# For each number of connections (default 1,16,64,256,1000) three clients load the same server, each as
# fast as it goes, in interleaved slices (slices.c): wrk (Debian's), the floor (client.c: blocking send
# and recv, nothing else) and squall, a worker under its orchestrator with everything on (histograms,
# ledger, phases, a report a second). The server is responder.c: one thread, epoll, the same small
# answer to everybody. Client and server have a core each. Compared are CPU per request (all threads of
# the client; with it goes the peer's part of loopback TCP), requests per second and system calls per
# request, as ratios of each round: median and quartiles.
#
# Goals, from 16 connections on: at most 0.80 of wrk's CPU and 1.15 of the floor's, at least 1.25 times
# wrk's requests, at most 2.15 system calls. One connection is shown and not judged: there everybody
# waits for the wake-up. Exits 1 on a MISS. --json: the last line is one object with
# cpu_ratio_to_wrk by connections.
# shellcheck source=tests/bench/bench.sh
. "$(dirname "$0")/bench.sh"

list=1,16,64,256,1000 rounds=25 slice_ms=150 counted=3 json=0
while [ $# -gt 0 ]; do
	case $1 in
	--short) rounds=7 counted=2 ;;
	--json) json=1 ;;
	--connections) list=${2:?--connections needs a list} && shift ;;
	--rounds) rounds=${2:?--rounds needs a number} && shift ;;
	*) die "usage: $bench [--short] [--json] [--connections LIST] [--rounds N]" ;;
	esac
	shift
done
bench_build

# The closed model: as many requests at a time as there are connections, as fast as they go.
plan() { # plan CONNECTIONS
	printf '{"url":"http://127.0.0.1:%d/hit","method":"POST","mode":"closed","connections":%d,"duration_sec":3600}\n' \
		"$port" "$1"
}

# connected N PID: whether a client holds this many connections to the server.
# shellcheck disable=SC2317 # until_true calls it
connected() {
	[ "$(find "/proc/$2/fd" -lname 'socket:*' 2>/dev/null | wc -l)" -ge "$1" ]
}

# measure CONNECTIONS: the lines of slices.c to $work/CONNECTIONS.
measure() {
	local wrk floor squall
	responder 0
	begin "$client_core" wrk -t1 -c "$1" -d 3600s --timeout 60s "http://127.0.0.1:$port/hit" >"$work/wrk.log" 2>&1
	wrk=$begun
	until_true "wrk's connections" connected "$1" "$wrk"
	kill -STOP "$wrk"
	begin "$client_core" "$build/tests/bench/client" floor "$port" "$1" 2>"$work/floor.log"
	floor=$begun
	until_true "the floor's connections" connected "$1" "$floor"
	kill -STOP "$floor"
	plan "$1" >"$work/plan.json"
	begin "$server_core" "$build/squall" run -f "$work/plan.json" --json >"$work/squall.json" 2>"$work/squall.log"
	squall=$begun
	worker_of "$squall"
	taskset -acp "$client_core" "$worker" >/dev/null
	until_true "squall's connections" connected "$1" "$worker"
	"$build/tests/bench/slices" "$seen" "$rounds" "$slice_ms" "$counted" "wrk=$wrk" "floor=$floor" "squall=$worker" >"$work/$1"
	kill -CONT "$worker"
	end "$squall" "$wrk" "$floor" "$responder"
}

# ratios CONNECTIONS OTHER: CPU and requests of squall in units of the other one's, one line a round.
ratios() {
	awk -v o="$2" '$6 < 0 && $3 > 0 { cpu[$2, $1] = $5 / $3; rate[$2, $1] = $3 / $4; last = $1 }
		END { for (r = 0; r <= last; r++) if (cpu["squall", r] && cpu[o, r])
			print cpu["squall", r] / cpu[o, r], rate["squall", r] / rate[o, r] }' "$work/$1"
}
# absolute CONNECTIONS CLIENT: median us of CPU per request, and requests per second.
absolute() {
	local cpu rate
	cpu=$(awk -v c="$2" '$2 == c && $6 < 0 && $3 > 0 { print $5 / $3 / 1e3 }' "$work/$1" | quartiles | cut -d' ' -f2)
	rate=$(awk -v c="$2" '$2 == c && $6 < 0 { printf "%.0f\n", $3 / $4 * 1e9 }' "$work/$1" | quartiles | cut -d' ' -f2)
	echo "$cpu $rate"
}
# calls CONNECTIONS CLIENT: system calls per request.
calls() {
	awk -v c="$2" '$2 == c && $6 >= 0 { n += $3; s += $6 } END { if (n) printf "%.2f\n", s / n; else print "nan" }' "$work/$1"
}

pairs=
declare -A ratio
for n in ${list//,/ }; do
	measure "$n"
	echo "-- $n connections: us of CPU per request, requests/s, system calls per request"
	for client in wrk floor squall; do
		read -r cpu rate <<<"$(absolute "$n" "$client")"
		printf '   %-8s %8.2f %10.0f %8s\n' "$client" "$cpu" "$rate" "$(calls "$n" "$client")"
	done
	for other in wrk floor; do
		for column in 1 2; do
			read -r q1 median q3 <<<"$(ratios "$n" "$other" | cut -d' ' -f"$column" | quartiles)"
			what="CPU per request, of $other's"
			[ "$column" = 1 ] || what="requests/s, of $other's"
			printf '   squall: %-32s %6s (%s .. %s)\n' "$what" "$median" "$q1" "$q3"
			ratio[$other.$column]=$median
		done
	done
	pairs+=${pairs:+,}\"$n\":${ratio[wrk.1]}
	[ "$n" -ge 16 ] || continue
	judge "$n connections: CPU per request, of wrk's" "${ratio[wrk.1]}" "<=" 0.80
	judge "$n connections: CPU per request, of the floor's" "${ratio[floor.1]}" "<=" 1.15
	judge "$n connections: requests/s, of wrk's" "${ratio[wrk.2]}" ">=" 1.25
	judge "$n connections: system calls per request" "$(calls "$n" squall)" "<=" 2.15
done
[ "$json" = 0 ] || printf '{"bench":"engine","cpu_ratio_to_wrk":{%s}}\n' "${pairs//nan/null}"
exit "$missed"
