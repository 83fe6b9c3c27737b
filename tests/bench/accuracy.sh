#!/bin/bash
# accuracy.sh [--short]: how exactly requests leave when they are due, and what that costs.
#
# 1,000, 10,000 and 50,000/s over 64 connections, with each timer of squall and with the peer, client.c
# with a timer of 1 ms, as most generators have one. Rounds are interleaved; shown are medians of them:
# the median and the 99th percentile of lag (sent - due, each generator's own stamps, both taken before it
# writes), the share of a core that the generator used, and how many arrivals the server saw in nine of ten 10 ms, at
# most, in per cent of the ideal: that is stamped by the server, for all alike. Generator and server (responder.c)
# have a core each. Then stall.sh, the other half of being exact.
#
# Goals: median lag of `precise` at 10k and 50k/s at most 5 us, a crowd of at most 115 % there, and every request is
# sent. Exits 1 on a MISS.
# shellcheck source=tests/bench/bench.sh
. "$(dirname "$0")/bench.sh"

rounds=5 seconds=3 short=
case ${1:-} in
'') ;;
--short) rounds=1 seconds=3 short=--short ;;
*) die "usage: $bench [--short]" ;;
esac
bench_build
rates="1000 10000 50000"
hz=$(getconf CLK_TCK)

# share PID SECONDS: per cent of a core that a process uses during that time.
share() {
	local from to start
	start=$(date +%s%N)
	from=$(cpu_ticks "$1")
	sleep "$2"
	to=$(cpu_ticks "$1")
	of "($to - $from) / $hz / ($(date +%s%N) - $start) * 1e11"
}

# crowd RATE: of the arrivals in each 10 ms, what nine of ten do not exceed, in per cent of the ideal.
crowd() { arrivals $(($1 * seconds)) | quantile .9 | awk -v ideal=$(($1 / 100)) '{ printf "%.0f\n", $1 / ideal * 100 }'; }

# note NAME RATE MEDIAN P99 CPU: a line of a round.
note() { echo "$3 $4 $5 $(crowd "$2")" >>"$work/$1.$2"; }

run_timer() { # run_timer RATE
	local lag p99
	responder $(($1 * seconds))
	begin "$client_core" "$build/tests/bench/client" timer "$port" 64 "$1" "$seconds" >"$work/timer"
	cpu=$(share "$begun" $((seconds - 1)))
	wait "$begun" || die "the timer client failed"
	read -r lag p99 _ <"$work/timer"
	end "$responder"
	note timer "$1" "$lag" "$p99" "$cpu"
}

run_squall() { # run_squall TIMER RATE
	local run
	responder $(($2 * seconds))
	begin "$server_core" "$build/squall" run "http://127.0.0.1:$port/" -r "$2" -d "$seconds" -c 64 --timer "$1" \
		--allow-invalid --json >"$work/result.json" 2>"$work/squall.log"
	run=$begun
	worker_of "$run"
	taskset -acp "$client_core" "$worker" >/dev/null
	until_true "the first request" loaded
	cpu=$(share "$worker" $((seconds - 1)))
	wait "$run" || true
	end "$responder"
	note "$1" "$2" "$(us p50)" "$(us p99)" "$cpu"
	json "d['ledger']['scheduled'] - sum(d['ledger']['sent'].values())" "$work/result.json" >>"$work/unsent.$2"
}
us() { json "round(d['latency_ms']['lag']['$1'] * 1000, 1)" "$work/result.json"; }

column() { cut -d' ' -f"$3" "$work/$1.$2" | quartiles | cut -d' ' -f2; } # column NAME RATE COLUMN: its median

for _ in $(seq "$rounds"); do
	for rate in $rates; do
		run_timer "$rate"
		for timer in precise balanced economy; do
			run_squall "$timer" "$rate"
		done
	done
done
for rate in $rates; do
	echo "-- $rate/s, medians of $rounds: lag p50 us   lag p99 us   % of a core   crowd %"
	for name in timer precise balanced economy; do
		printf '   %-22s %14s %12s %13s %9s\n' "${name/timer/1 ms timer (peer)}" "$(column "$name" "$rate" 1)" \
			"$(column "$name" "$rate" 2)" "$(column "$name" "$rate" 3)" "$(column "$name" "$rate" 4)"
	done
	judge "$rate/s: requests that were not sent, at most" "$(sort -n "$work/unsent.$rate" | tail -1)" "<=" 0
	[ "$rate" -ge 10000 ] || continue
	judge "$rate/s: median lag with precise" "$(column precise "$rate" 1)" "<=" 5 us
	judge "$rate/s: of the peer's" "$(of "$(column precise "$rate" 1) / $(column timer "$rate" 1)")" "<=" 0.05
	judge "$rate/s: crowd with precise" "$(column precise "$rate" 4)" "<=" 115 %
done
tests/bench/stall.sh $short || missed=1
exit "$missed"
