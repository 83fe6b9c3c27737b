#!/bin/bash
# installed.sh DESTDIR LIBDIR SBINDIR: what `make installcheck` runs on an installed tree.
# Builds the example plugin as its author would, with nothing but the installed headers and
# pkg-config, loads it with the installed squalld, and asks it something.
set -eu
destdir=$1 libdir=$2 sbindir=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
pid=
cleanup() {
	if [ -n "$pid" ]; then
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT

export PKG_CONFIG_PATH=$destdir$libdir/pkgconfig
[ -z "$destdir" ] || export PKG_CONFIG_SYSROOT_DIR=$destdir
cp "$here/example/role_hello.c" "$work/"
cd "$work"
# shellcheck disable=SC2046 # flags are meant to be split
${CC:-cc} -shared -fPIC -fvisibility=hidden -Wall -Wextra -Werror $(pkg-config --cflags squall) -o role_hello.so role_hello.c

squalld=$destdir$sbindir/squalld
plugins=$work:$destdir$libdir/squall
sed 's/127.0.0.1:8099/127.0.0.1:0/' "$here/example/hello.conf" >hello.conf
"$squalld" -p "$plugins" -t -c hello.conf
"$squalld" -p "$plugins" --describe=hello | grep -q greeting
"$squalld" -p "$plugins" -c hello.conf 2>log &
pid=$!
url=
for _ in $(seq 100); do
	url=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' log)
	[ -n "$url" ] && break
	sleep 0.1
done
[ -n "$url" ] || { cat log >&2; echo "installed.sh: squalld did not listen" >&2; exit 1; }
answer=$(curl -sf "$url/hello/world")
[ "$answer" = "good morning, world" ] || { echo "installed.sh: unexpected answer: $answer" >&2; exit 1; }
kill "$pid"
wait "$pid"
pid=
for name in conf/target.conf conf/worker.conf; do
	TARGET_URL=http://127.0.0.1:1/hit "$squalld" -p "$plugins" -t -c "$here/../$name"
done
echo "installed.sh: an out-of-tree plugin built, loaded and answered"
