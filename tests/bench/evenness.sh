#!/bin/bash
# evenness.sh [--short]: whether requests arrive one by one or in bursts.
#
# 2000/s from one worker and from four, for 10 s; responder.c stamps each arrival. Counted are arrivals
# in each 10 ms (20 are ideal), the first and the last second left out. wrk has no rate, so the peer is
# client.c with a timer of 1 ms, and h2load (nghttp2), which paces each connection by itself, over the same
# 64 connections.
#
# Goals: no empty 10 ms, median 20, nine tenths at 22 or less. Exits 1 on a MISS.
# shellcheck source=tests/bench/bench.sh
. "$(dirname "$0")/bench.sh"

seconds=10
case ${1:-} in
'') ;;
--short) seconds=4 ;;
*) die "usage: $bench [--short]" ;;
esac
bench_build
rate=2000

# row NAME: prints and keeps $empty (per cent), $median and $p90.
row() {
	arrivals $((rate * seconds)) >"$work/arrivals"
	empty=$(awk '$1 == 0 { n++ } END { printf "%.1f", NR ? n / NR * 100 : 100 }' "$work/arrivals")
	median=$(quantile .5 <"$work/arrivals")
	p90=$(quantile .9 <"$work/arrivals")
	printf '   %-22s %6s %% %8s %8s %8s\n' "$1" "$empty" "$median" "$p90" "$(quantile 1 <"$work/arrivals")"
}

echo "-- arrivals in 10 ms at $rate/s for $seconds s:  empty   median      p90      max"
responder $((rate * seconds))
taskset -c "$client_core" h2load --h1 -D "$seconds" -c 64 --rps=$((rate / 64)) "http://127.0.0.1:$port/" >/dev/null
row "h2load --rps"
end "$responder"
responder $((rate * seconds))
taskset -c "$client_core" "$build/tests/bench/client" timer "$port" 64 "$rate" "$seconds" >/dev/null
row "1 ms timer"
end "$responder"
for workers in 1 4; do
	responder $((rate * seconds))
	begin "$client_core" "$build/squall" run "http://127.0.0.1:$port/" -r "$rate" -d "$seconds" -c 64 -w "$workers" \
		--allow-invalid --json >"$work/result.json" 2>"$work/squall.log"
	run=$begun
	worker_of "$run"
	wait "$run" || true
	row "squall, $workers worker(s)"
	end "$responder"
	judge "$workers worker(s): empty 10 ms" "$empty" "<=" 0 %
	judge "$workers worker(s): median, off 20 by" "$((median > 20 ? median - 20 : 20 - median))" "<=" 0
	judge "$workers worker(s): p90" "$p90" "<=" 22
done
exit "$missed"
