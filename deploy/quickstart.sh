#!/bin/bash
# quickstart.sh: from a clone to a load test in one command, on a bare Debian 12.
#
# Installs Debian packages, builds in ./build, starts gateway, orchestrator and target, has two
# workers load the target with 500 requests a second for 10 seconds, prints the result, checks that
# the target counted every one, and stops what it started. Nothing is installed outside this folder
# but the packages.
#
#   quickstart.sh            do it (again)
#   quickstart.sh --remove   remove ./build and the packages that quickstart.sh installed
set -euo pipefail
cd "$(dirname "$0")/.."

rate=500 seconds=10 workers=2
build=$PWD/build
record=$PWD/build/installed-packages

say() { printf '\n== %s\n' "$*"; }
die() { printf 'quickstart.sh: %s\n' "$*" >&2; exit 1; }

remove() {
	if [ -s "$record" ]; then
		mapfile -t packages <"$record"
		say "removing the ${#packages[@]} packages that were installed: ${packages[*]}"
		as_root=()
		[ "$(id -u)" -eq 0 ] || as_root=(sudo)
		"${as_root[@]}" apt-get purge -y -q "${packages[@]}" >/dev/null
	fi
	if [ -e "$build/autogen-was-run" ]; then
		rm -rf aclocal.m4 autom4te.cache build-aux config.h.in configure m4 Makefile.in
	fi
	rm -rf "$build"
	echo "removed $build"
}

case "${1:-}" in
'') ;;
--remove) remove; exit 0 ;;
*) echo "usage: quickstart.sh [--remove]" >&2; exit 2 ;;
esac

work=
daemon=
cleanup() {
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null || true
		wait "$daemon" 2>/dev/null || true
	fi
	[ -z "$work" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "packages"
mkdir -p "$build"
SQUALL_DEPS_RECORD=$record ./deploy/install-deps.sh build

say "building in ./build (log: build/build.log)"
{
	[ -x configure ] || { ./autogen.sh && touch "$build/autogen-was-run"; }
	cd "$build"
	[ -f Makefile ] || ../configure --prefix=/usr/local --sysconfdir=/etc --localstatedir=/var
	make -j"$(nproc)"
} >"$build/build.log" 2>&1 || { tail -n 20 "$build/build.log" >&2; die "the build failed: see build/build.log"; }
cd "$build/.."
squalld=("$build/squalld" -p "$build/.libs")

# conf/standalone.conf, with a state folder that is thrown away and ports that are free.
work=$(mktemp -d)
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
shift_by=0
while taken $((8000 + shift_by)) || taken $((8001 + shift_by)) || taken $((8080 + shift_by)); do
	shift_by=$((shift_by + 100))
done
gateway=http://127.0.0.1:$((8000 + shift_by)) target=http://127.0.0.1:$((8080 + shift_by))
sed -e "s#^state_dir = .*#state_dir = \"$work/state\";#" -e "s#127.0.0.1:8000#${gateway#http://}#" \
	-e "s#127.0.0.1:8001#127.0.0.1:$((8001 + shift_by))#" -e "s#127.0.0.1:8080#${target#http://}#" \
	conf/standalone.conf >"$work/standalone.conf"
cp conf/worker.conf "$work"

say "everything on this machine: squalld -c conf/standalone.conf (gateway $gateway)"
"${squalld[@]}" -c "$work/standalone.conf" 2>"$work/log" &
daemon=$!
failed() { cat "$work/log" >&2; die "$1"; }
for _ in $(seq 100); do
	curl -sf "$gateway/readyz" >/dev/null && break
	kill -0 "$daemon" 2>/dev/null || { daemon=; failed "squalld did not start"; }
	sleep 0.1
done
curl -sf "$gateway/readyz" >/dev/null || failed "squalld is not ready after 10 s"

# This machine may be too busy for the generator's numbers to be trusted; that is said in the
# result, and is no reason for a quick start to fail.
run=(run --gateway "$gateway" -r "$rate" -d "${seconds}s" -w "$workers" --allow-invalid)
say "a test: squall ${run[*]}"
"$build/squall" "${run[@]}" || failed "squall ended with status $?"

counted=$(curl -sf "$gateway/stats")
echo
echo "curl $gateway/stats"
echo "$counted"
[ "$counted" = "{\"total_hits\":$((rate * seconds))}" ] || failed "the target should have counted $((rate * seconds))"
say "all $((rate * seconds)) requests were sent, answered and counted; README.md says what to do next"
