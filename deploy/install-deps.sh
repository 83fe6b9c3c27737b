#!/bin/sh
# install-deps.sh [build|run|test|full|bench|images|arm64|deb]: the one list of Debian packages that squall needs.
#
#   build   compile it, and run deploy/quickstart.sh (default)
#   run     run an installed squall
#   test    build, and run tests/run.sh
#   full    test, and what the long forms of the tests take (run.sh --full)
#   bench   test, and the peers that tests/bench compares with
#   images  build the images of the Kubernetes tests without a registry
#   arm64   images, and run those for arm64 on another machine
#   deb     build, and make deb
#
# Debian 12 or newer; nothing comes from anywhere but Debian. Needs root or sudo, and only when a
# package is missing. With SQUALL_DEPS_RECORD=FILE the names of all that was newly installed, also
# what the packages brought with them, are added to FILE, so that quickstart.sh --remove can undo it.
set -eu

run="libev4 libconfig9 libcurl4 libhiredis0.14 libjson-c5 libqpid-proton11 libsqlite3-0 libssl3 zlib1g ca-certificates"
build="gcc libc6-dev make autoconf automake libtool pkg-config curl
	libev-dev libconfig-dev libcurl4-openssl-dev libhiredis-dev libjson-c-dev libqpid-proton11-dev libsqlite3-dev
	libssl-dev zlib1g-dev"
test="binutils mount python3 groff-base shellcheck xz-utils procps
	libhdrhistogram-java openjdk-17-jdk-headless nodejs npm openssl redis-server"
bench="wrk nghttp2-client python3-fastapi python3-uvicorn python3-uvloop python3-httptools python3-redis"
images="mmdebstrap podman buildah"
arm64="$images qemu-user-static file"
deb="debhelper dpkg-dev"
full="$deb mmdebstrap iproute2 systemd systemd-container docker-registry skopeo"

case "${1:-build}" in
run) want=$run ;;
build) want="$run $build" ;;
test) want="$run $build $test" ;;
bench) want="$run $build $test $bench" ;;
full) want="$run $build $test $full" ;;
images) want=$images ;;
arm64) want=$arm64 ;;
deb) want="$run $build $deb" ;;
*)
	echo "usage: install-deps.sh [build|run|test|full|bench|images|arm64|deb]" >&2
	exit 2
	;;
esac

command -v dpkg-query >/dev/null 2>&1 || {
	echo "install-deps.sh: this is not Debian; install the like of: $want" >&2
	exit 1
}

missing=
for package in $want; do
	# Node.js from elsewhere brings npm with it, and does not go together with Debian's.
	[ "$package" != npm ] || ! command -v npm >/dev/null 2>&1 || continue
	dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 || {
		echo "install-deps.sh: run this as root (no sudo here): apt-get install$missing" >&2
		exit 1
	}
	as_root=sudo
fi

installed() { dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u; }

echo "installing:$missing"
[ -z "${SQUALL_DEPS_RECORD:-}" ] || installed >"$SQUALL_DEPS_RECORD.before"
export DEBIAN_FRONTEND=noninteractive
# A package index that is there may still be too old to download from, hence the second try.
# shellcheck disable=SC2086 # the list is meant to be split
if ! $as_root apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1; then
	$as_root apt-get update -q >/dev/null
	$as_root apt-get install -y -q --no-install-recommends $missing >/dev/null
fi
if [ -n "${SQUALL_DEPS_RECORD:-}" ]; then
	installed | comm -13 "$SQUALL_DEPS_RECORD.before" - >>"$SQUALL_DEPS_RECORD"
	rm -f "$SQUALL_DEPS_RECORD.before"
fi
