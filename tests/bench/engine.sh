#!/bin/bash
# engine.sh [--short] [--json] [--connections LIST] [--rounds N]: what one request costs the load engine,
# against wrk and against a floor.
#
# For each number of connections (default 1,16,64,256,1000) three clients load the same server, each as
# fast as it goes, in interleaved slices (slices.c): wrk (Debian's), the floor (client.c: blocking send
# and recv, nothing else) and squall, a worker under its orchestrator with everything on (histograms,
# ledger, phases, a report a second). The server is responder.c: one thread, epoll, the same small
# answer to everybody, and everybody sends the same request. Client and server have a core each. Compared
# are CPU per request (all threads of the client; with it goes the peer's part of loopback TCP), requests
# per second and system calls per request, as ratios of each round: median and quartiles.
#
# Then over TLS 1.3 (64 and 256 connections, those of LIST), against wrk alone.
#
# Goals, from 16 connections on: at most 0.80 of wrk's CPU and 1.15 of the floor's, at least 1.25 times
# wrk's requests, at most 2.15 system calls; over TLS not more CPU than wrk. One connection is shown and
# not judged: there everybody waits for the wake-up. Exits 1 on a MISS. --json: the last line is one object
# with cpu_ratio_to_wrk by connections.
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
plan() { # plan SCHEME CONNECTIONS
	local tls=
	[ "$1" = http ] || tls='"tls":{"insecure":true},'
	printf '{"url":"%s://127.0.0.1:%d/hit","method":"POST","mode":"closed","connections":%d,%s"duration_sec":3600}\n' \
		"$1" "$port" "$2" "$tls"
}

# wrk's request, with the lines that squall's has. Without a function in it wrk makes its bytes once.
{
	printf 'wrk.method = "POST"\nwrk.body = ""\n'
	printf 'wrk.headers["User-Agent"] = "squall/%s"\n' "$("$build/squall" --version | cut -d' ' -f2)"
	printf 'wrk.headers["X-Squall-Test"] = "00000000-0000-0000-0000-000000000000"\n'
} >"$work/request.lua"

# connected N PID: whether a client holds this many connections to the server.
# shellcheck disable=SC2317 # until_true calls it
connected() {
	[ "$(find "/proc/$2/fd" -lname 'socket:*' 2>/dev/null | wc -l)" -ge "$1" ]
}

# shellcheck disable=SC2317
more_than() { [ "$(served)" -gt "$1" ]; }

# ready CONNECTIONS NAME PID: a client has its connections, is being answered, while all others are stopped, and
# waits for its turn.
ready() {
	until_true "$2's connections" connected "$1" "$3"
	until_true "answers to $2" more_than "$(served)"
	kill -STOP "$3"
	clients+=("$2=$3")
}

# measure ROW: the lines of slices.c to $work/ROW, which is CONNECTIONS or CONNECTIONS.tls.
measure() {
	local n=${1%.tls} scheme=http began=() clients=()
	[ "$n" = "$1" ] || scheme=https
	responder 0 "${1#"$n"}"
	begin "$client_core" wrk -t1 -c "$n" -d 3600s --timeout 60s -s "$work/request.lua" "$scheme://127.0.0.1:$port/hit" >"$work/wrk.log" 2>&1
	began+=("$begun")
	ready "$n" wrk "$begun"
	if [ "$scheme" = http ]; then
		begin "$client_core" "$build/tests/bench/client" floor "$port" "$n" 2>"$work/floor.log"
		began+=("$begun")
		ready "$n" floor "$begun"
	fi
	plan "$scheme" "$n" >"$work/plan.json"
	begin "$server_core" "$build/squall" run -f "$work/plan.json" --json >"$work/squall.json" 2>"$work/squall.log"
	began+=("$begun")
	worker_of "$begun"
	taskset -acp "$client_core" "$worker" >/dev/null
	ready "$n" squall "$worker"
	"$build/tests/bench/slices" "$seen" "$rounds" "$slice_ms" "$counted" "${clients[@]}" >"$work/$1"
	kill -CONT "$worker"
	end "${began[@]}" "$responder"
}

# ratios ROW OTHER cpu|rate: CPU per request or requests/s of squall in units of the other one's, a line a round.
ratios() {
	awk -v o="$2" -v figure="$3" '$6 < 0 && $3 > 0 { cpu[$2, $1] = $5 / $3; rate[$2, $1] = $3 / $4; last = $1 }
		END { for (r = 0; r <= last; r++) if (cpu["squall", r] && cpu[o, r])
			print figure == "cpu" ? cpu["squall", r] / cpu[o, r] : rate["squall", r] / rate[o, r] }' "$work/$1"
}
# absolute ROW CLIENT: median us of CPU per request, and requests per second.
absolute() {
	local cpu rate
	cpu=$(awk -v c="$2" '$2 == c && $6 < 0 && $3 > 0 { print $5 / $3 / 1e3 }' "$work/$1" | quartiles | cut -d' ' -f2)
	rate=$(awk -v c="$2" '$2 == c && $6 < 0 { printf "%.0f\n", $3 / $4 * 1e9 }' "$work/$1" | quartiles | cut -d' ' -f2)
	echo "$cpu $rate"
}
# calls ROW CLIENT: system calls per request.
calls() {
	awk -v c="$2" '$2 == c && $6 >= 0 { n += $3; s += $6 } END { if (n) printf "%.2f\n", s / n; else print "nan" }' "$work/$1"
}

declare -A ratio
# row ROW OTHER...: measures and prints it; the ratios to the others in ${ratio[OTHER.cpu]} and ${ratio[OTHER.rate]}.
row() {
	local client other figure cpu rate q1 median q3
	measure "$1"
	echo "-- ${1/.tls/ TLS} connections: us of CPU per request, requests/s, system calls per request"
	for client in "${@:2}" squall; do
		read -r cpu rate <<<"$(absolute "$1" "$client")"
		printf '   %-8s %8.2f %10.0f %8s\n' "$client" "$cpu" "$rate" "$(calls "$1" "$client")"
	done
	for other in "${@:2}"; do
		for figure in cpu rate; do
			read -r q1 median q3 <<<"$(ratios "$1" "$other" "$figure" | quartiles)"
			printf '   squall: %-32s %6s (%s .. %s)\n' "$figure, of $other's" "$median" "$q1" "$q3"
			ratio[$other.$figure]=$median
		done
	done
}

pairs=
for n in ${list//,/ }; do
	row "$n" wrk floor
	pairs+=${pairs:+,}\"$n\":${ratio[wrk.cpu]}
	[ "$n" -ge 16 ] || continue
	judge "$n connections: CPU per request, of wrk's" "${ratio[wrk.cpu]}" "<=" 0.80
	judge "$n connections: CPU per request, of the floor's" "${ratio[floor.cpu]}" "<=" 1.15
	judge "$n connections: requests/s, of wrk's" "${ratio[wrk.rate]}" ">=" 1.25
	judge "$n connections: system calls per request" "$(calls "$n" squall)" "<=" 2.15
done
if [[ $("$build/squall" run --help) == *--insecure* ]]; then
	for n in ${list//,/ }; do
		[[ $n = 64 || $n = 256 ]] || continue
		row "$n.tls" wrk
		judge "$n connections, TLS: CPU per request, of wrk's" "${ratio[wrk.cpu]}" "<=" 1.00
	done
else
	echo "-- TLS: this squall has none"
fi
[ "$json" = 0 ] || printf '{"bench":"engine","cpu_ratio_to_wrk":{%s}}\n' "${pairs//nan/null}"
exit "$missed"
