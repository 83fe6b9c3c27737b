#!/bin/bash
# stall.sh [--short]: a target that stands still for a while, against what arithmetic says.
#
# The target (responder.c) is stopped (SIGSTOP) in the middle of a run of 2000/s, for 200 ms, 1 s and 2 s,
# and once at the very end, for good. The run goes the whole way: command line, gateway, queue,
# orchestrator, worker. With rate R and a stall of S in a run of T, the requests of the stall wait evenly
# between 0 and S, so x % of all requests wait longer than S - x/100 T: response p99 = S - T/100, and
# max = S. How long it really was is known from the target's own stamps: the longest time without an
# arrival.
#
# Goals: response p99 and max within 3 % of that. With few connections the target saw few slow requests:
# service p99 must not show the stall, and lag must. Of the stall at the end (connections for some of it):
# those sent are lower bounds that count, the others stand in the ledger as dropped. Exits 1 on a MISS.
# shellcheck source=tests/bench/bench.sh
. "$(dirname "$0")/bench.sh"

stalls="0.2:10 1:20 2:20" last=6 # SECONDS:OF seconds; 200 ms of 20 s would be the p99 itself
case ${1:-} in
'') ;;
--short) stalls="0.2:4 1:5" last=2 ;;
*) die "usage: $bench [--short]" ;;
esac
bench_build
rate=2000

# load SECONDS OPTION...: a run against the responder; returns when it has begun to load.
load() {
	begin "$client_core" "$build/squall" run "http://127.0.0.1:$port/" -r "$rate" -d "$1" --allow-invalid --json \
		"${@:2}" >"$work/result.json" 2>"$work/squall.log"
	run=$begun
	worker_of "$run"
	until_true "the first request" loaded
}
ms() { json "round(d['latency_ms']['$1']['$2'], 3)" "$work/result.json"; }

for stall in $stalls; do
	long=${stall%:*} total=${stall#*:}
	responder $((rate * total))
	load "$total" -c 64
	sleep "$(of "$total / 3")"
	freeze "$responder" "$long"
	wait "$run" || true
	end "$responder"
	stood=$(longest_gap)
	p99=$(of "$stood - $total * 10")
	echo "-- stall of $stood ms in $total s at $rate/s over 64 connections"
	for kind in pickup lag service response; do
		printf '   %-9s p50 %9s  p99 %9s  max %9s ms\n' "$kind" "$(ms $kind p50)" "$(ms $kind p99)" "$(ms $kind max)"
	done
	within "response p99" "$(ms response p99)" "$p99" 3 ms
	within "response max" "$(ms response max)" "$stood" 3 ms
	# The first 64 are sent at once: 32 ms of the stall.
	within "lag max" "$(ms lag max)" "$(of "$stood - 64 / $rate * 1e3")" 3 ms
	judge "service p99 does not show what only 64 requests felt" "$(ms service p99)" "<=" "$(of "$p99 / 10")" ms
	judge "the ledger has every request as answered" "$(json "d['ledger']['ok']" "$work/result.json")" ">=" $((rate * total))
done

# At the end: connections for a quarter of the stall, and answers are awaited for a second.
total=$((last * 3)) conns=$((rate * last / 4)) drain=1
responder 0
load "$total" -c "$conns" --drain "$drain"
sleep $((total - last))
kill -STOP "$responder"
wait "$run" || true
end "$responder"
in_flight=$(json "d['ledger']['in_flight_at_end']" "$work/result.json")
aborted=$(json "d['ledger']['dropped']['aborted']" "$work/result.json")
sent=$(json "sum(d['ledger']['sent'].values())" "$work/result.json")
# When the stall began is known from what was answered before it.
stood=$(of "($total + $drain) * 1e3 - $(json "d['ledger']['ok']" "$work/result.json") / $rate * 1e3")
echo "-- stall of the last $last s of $total s, $conns connections, answers awaited for $drain s"
printf '   %d sent: %d ok, %d in flight at the end; %d never sent; response p99 %s max %s ms\n' "$sent" \
	"$(json "d['ledger']['ok']" "$work/result.json")" "$in_flight" "$aborted" "$(ms response p99)" "$(ms response max)"
within "in flight at the end: one on each connection" "$in_flight" "$conns" 0
judge "the ledger balances" "$(json "int(d['ledger']['balanced'])" "$work/result.json")" ">=" 1
within "every request is sent or named" "$((sent + aborted))" "$((rate * total))" 0
within "lower bounds" "$(json "d['latency_ms']['response']['censored']" "$work/result.json")" "$in_flight" 0
within "response p99" "$(ms response p99)" "$(of "$stood - 0.01 * $sent / $rate * 1e3")" 3 ms
within "response max" "$(ms response max)" "$stood" 3 ms
exit "$missed"
