#!/bin/bash
# soak.sh [SECONDS] [--short]: a long load (default 600 s at 20,000/s), and whether memory stays flat.
#
# The whole way: command line, gateway, queue, orchestrator, one worker, against responder.c. The resident
# set of the worker, of the daemon and of the command line is read every second.
#
# What is bounded still grows for a while: pages of the histograms are touched when a value falls there for
# the first time, and the longest queue of requests keeps its memory. A leak goes on. So the second half of
# the run is looked at, and the curve is printed.
#
# Goals: in the second half each process grows by at most 1 MiB, and every request is sent and answered; the
# ledger balances. Exits 1 on a MISS.
# shellcheck source=tests/bench/bench.sh
. "$(dirname "$0")/bench.sh"

seconds=600 rate=20000
case ${1:-} in
'') ;;
--short) seconds=30 ;;
*[!0-9]*) die "usage: $bench [SECONDS] [--short]" ;;
*) seconds=$1 ;;
esac
bench_build

rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status" 2>/dev/null || true; }

responder 0
begin "$client_core" "$build/squall" run "http://127.0.0.1:$port/" -r "$rate" -d "$seconds" -c 64 --timer balanced --allow-invalid \
	--json >"$work/result.json" 2>"$work/squall.log"
run=$begun
worker_of "$run"
until_true "the first request" loaded
names=("worker" "daemon" "command line")
watched=("$worker" "$daemon" "$run")
for _ in $(seq $((seconds - 1))); do
	for i in 0 1 2; do
		rss "${watched[i]}" >>"$work/rss.$i"
	done
	sleep 1
done
status=0
wait "$run" || status=$?
end "$responder"

echo "-- $rate/s for $seconds s: KiB resident after each tenth"
for i in 0 1 2; do
	# The last lines may be those of a process that ends.
	head -n -2 "$work/rss.$i" | awk '$1 > 0 { v[++k] = $1 }
		END { for (i = 1; i <= 10; i++) printf " %d", v[int(k * i / 10)]; print "" }' >"$work/curve"
	read -r -a curve <"$work/curve"
	printf '   %-14s' "${names[i]}"
	printf ' %6d' "${curve[@]}"
	echo
	judge "${names[i]}: growth in the second half" "$((curve[9] - curve[4]))" "<=" 1024 KiB
done
sent=$(json "sum(d['ledger']['sent'].values())" "$work/result.json")
printf '   %d sent, response p50 %s p99 %s ms, lag p99 %s ms, validity %s\n' "$sent" \
	"$(json "d['latency_ms']['response']['p50']" "$work/result.json")" \
	"$(json "d['latency_ms']['response']['p99']" "$work/result.json")" \
	"$(json "d['latency_ms']['lag']['p99']" "$work/result.json")" "$(json "d['validity']['status']" "$work/result.json")"
judge "exit status of squall run" "$status" "<=" 0
judge "answered" "$(json "d['ledger']['ok']" "$work/result.json")" ">=" $((rate * seconds))
judge "the ledger balances" "$(json "int(d['ledger']['balanced'])" "$work/result.json")" ">=" 1
exit "$missed"
