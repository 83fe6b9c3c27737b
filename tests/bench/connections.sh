#!/bin/bash
# connections.sh [CONNECTIONS [REQUESTS]]: many connections and many requests in one worker (10,000 and a million).
#
# The server answers each request after half a second (with TLS after four, since handshakes take their time), so
# that the rate that is asked for keeps that many connections busy at a time. Printed: what became of every request,
# and how much the worker's memory grew for each connection that was open at the same time (the server counts them),
# plain and with TLS: its peak, less that of a worker with a hundredth of the connections. Memory of the kernel
# (sockets, about 4 KiB for each) is not the worker's and not in it.
#
# Passes when every request is in a class, so many connections were open at once, at most one request of a thousand
# was not answered (and that has a reason), and a plain connection took at most 4 KiB. SQUALL_BUILD names the build
# folder (default ./build; one without sanitizers).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${SQUALL_BUILD:-$here/../../build}
connections=${1:-10000}
requests=${2:-1000000}
[ -x "$build/squalld" ] || {
	echo "connections.sh: no $build/squalld: build first, without sanitizers, or set SQUALL_BUILD" >&2
	exit 2
}
files=$(ulimit -Hn)
if [ "$files" != unlimited ] && [ "$files" -lt $((connections * 3 / 2 + 100)) ]; then
	echo "connections.sh: needs $((connections * 3 / 2 + 100)) open files (ulimit -Hn)" >&2
	exit 2
fi

dir=$(mktemp -d)
server=
trap 'exec 9>&-; [ -z "$server" ] || wait "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cc -O2 -o "$dir/delay_server" "$here/delay_server.c" -lssl -lcrypto
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -keyout "$dir/key" -out "$dir/cert" 2>/dev/null
mkfifo "$dir/life"

# serve [CERT KEY]: starts a server; its port in $port. It ends when descriptor 9 is closed.
serve() {
	"$dir/delay_server" $delay "$@" <"$dir/life" >"$dir/port" &
	server=$!
	exec 9>"$dir/life"
	until [ -s "$dir/port" ]; do sleep 0.05; done
	port=$(cat "$dir/port")
}

# Sets $open: the most connections that were open at once.
unserve() {
	exec 9>&-
	wait "$server" || true
	server=
	open=$(tail -1 "$dir/port")
	: >"$dir/port"
}

# load SCHEME CONNECTIONS REQUESTS: one worker; its result in $dir/result, its memory in KiB in $peak and $last.
load() {
	rate=$(($2 * 1000 / delay))
	printf 'roles = ({ plugin = "worker"; method = "GET"; output = "json"; allow_invalid = true; });' >"$dir/conf"
	SQUALL_PLAN=$(printf '{"url": "%s://localhost:%s/", "hits_per_sec": %s, "duration_sec": %s, "max_connections": %s,
		"tls": {"insecure": true}, "dns_ttl_sec": 0}' "$1" "$port" "$rate" "$(echo "$3 $rate" | awk '{ print $1 / $2 }')" \
		"$(($2 * 3 / 2))") "$build/squalld" -c "$dir/conf" -p "$build/.libs" >"$dir/result" 2>"$dir/log" &
	worker=$!
	peak=0 last=0
	while kill -0 $worker 2>/dev/null; do
		now=$(awk '/^VmHWM/ { print $2 }' /proc/$worker/status 2>/dev/null || true)
		[ -z "$now" ] || peak=$now
		now=$(awk '/^VmRSS/ { print $2 }' /proc/$worker/status 2>/dev/null || true)
		[ -z "$now" ] || last=$now
		sleep 0.3
	done
	wait $worker || true
}

# tell WORD REQUESTS CONNECTIONS OPEN: what became of the requests, from $dir/result. Prints lines and "bad" for what is not in order.
tell() {
	/usr/bin/python3 - "$dir/result" "$@" <<'PY'
import json, sys
doc = json.load(open(sys.argv[1]))
name, (requests, connections, most) = sys.argv[2], map(int, sys.argv[3:])
l = doc["ledger"]
total = lambda v: sum(v.values()) if isinstance(v, dict) else v
lost = {"%s %s" % (g, k): n for g in ("unsent", "dropped", "error") for k, n in l[g].items() if n}
print("%-6s %s scheduled = %s sent + %s unsent + %s dropped; %s ok, %s errors, %s in flight at the end; balanced: %s" % (
    name, *("{:,}".format(total(l[k])) for k in ("scheduled", "sent", "unsent", "dropped", "ok", "error", "in_flight_at_end")),
    l["balanced"]))
dropped = {"patience": "waited longer than patience_ms for a connection", "max_in_flight": "max_in_flight was reached",
           "aborted": "the test ended", "fenced": "it became ours too late", "worker_lost": "its worker was lost"}
for what, n in lost.items():
    group, kind = what.split()
    why = [s["what"] for s in doc["samples"]["errors"].get("unsent" if group == "unsent" else kind, [])][:1]
    print("       %s: %d, because: %s" % (what, n, dropped[kind] if group == "dropped" else why[0] if why else "no sample says"))
print("       connections opened %d, %d at once, reused %d; response p50 %.1f ms; %s us CPU per request; generator %s" % (
    doc["connections"]["opened"], most, doc["connections"]["reused"], doc["latency_ms"]["response"]["p50"] or 0,
    doc["generator"]["cpu_us_per_request"], doc["validity"]["status"]))
bad = []
if l["scheduled"] != requests or not l["balanced"]:
    bad.append("not every request is in a class")
if most < connections * 0.95:
    bad.append("only %d connections at once" % most)
unanswered = l["in_flight_at_end"] + sum(lost.values())
if unanswered * 1000 > requests:
    bad.append("%d requests were not answered, more than one of a thousand" % unanswered)
for b in bad:
    print("bad", b)
PY
}

bad=0
for scheme in http https; do
	if [ $scheme = https ]; then
		delay=4000 many=$((connections * 4)) pair=("$dir/cert" "$dir/key")
	else
		delay=500 many=$requests pair=()
	fi
	few=$((connections / 100))
	serve "${pair[@]}"
	load $scheme $few $((few * 4))
	unserve
	base_peak=$peak base_last=$last base_open=$open
	serve "${pair[@]}"
	load $scheme "$connections" "$many"
	unserve
	tell $scheme "$many" "$connections" "$open" | tee "$dir/told"
	! grep -q '^bad' "$dir/told" || bad=1
	more=$((open - base_open))
	bytes=$(((peak - base_peak) * 1024 / more))
	echo "       memory: $base_peak KiB with $base_open connections at once, $peak KiB with $open: $bytes bytes for each"
	echo "       and at the end $base_last and $last KiB: $(((last - base_last) * 1024 / more)) bytes for each"
	[ $scheme = https ] || [ $bytes -le 4096 ] || {
		echo "bad    a plain connection takes more than 4096 bytes"
		bad=1
	}
done
if [ $bad -eq 0 ]; then echo "PASS"; else echo "FAIL"; fi
exit $bad
