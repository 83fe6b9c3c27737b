#!/bin/bash
# parse.sh [--short]: what it costs to parse the heads of common messages (parse.c).
#
# Goals: an answer of 8 fields and the request of a browser in at most 100 ns each. Exits 1 on a MISS.
# shellcheck source=tests/bench/bench.sh
. "$(dirname "$0")/bench.sh"

rounds=500
case ${1:-} in
'') ;;
--short) rounds=50 ;;
*) die "usage: $bench [--short]" ;;
esac
bench_build
taskset -c "$client_core" "$build/tests/bench/parse" "$rounds" >"$work/parsed"
echo "-- median of $rounds rounds: bytes, fields, ns"
while read -r name bytes fields ns; do
	printf '   %-18s %6d %6d %8s\n' "$name" "$bytes" "$fields" "$ns"
done <"$work/parsed"
ns_of() { awk -v n="$1" '$1 == n { print $4 }' "$work/parsed"; }
judge "an answer of 8 fields" "$(ns_of response)" "<=" 100 ns
judge "the request of a browser" "$(ns_of browser-request)" "<=" 100 ns
exit "$missed"
