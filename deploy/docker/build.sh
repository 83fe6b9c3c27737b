#!/bin/sh
# build.sh [OPTION...] [-- BUILDER_OPTION...]: builds all images and prints their sizes.
#
#   -r REGISTRY   names them REGISTRY/target-api and so on; push them yourself
#   -t TAG        default: latest
#   -o TARGET     only this one, also more than once
#
# With docker, podman or buildah, whichever works here; ENGINE names one. SOURCE_DATE_EPOCH (seconds of Unix time)
# is the time of all files, by default that of the last commit: the same tree, base image and packages make the same
# layers and configuration.
#
# Another architecture than this machine's: build.sh -t TAG -- --platform linux/arm64 (one at a time; the kernel has to
# run its programs: package qemu-user-static). amd64 and arm64 are tried, arm64 under qemu alone
# (tests/kubernetes/test_arm64.sh).
set -eu
cd "$(dirname "$0")/../.."

registry='' tag=latest targets=''
while getopts r:t:o: option; do
	case $option in
	r) registry=${OPTARG%/}/ ;;
	t) tag=$OPTARG ;;
	o) targets="$targets $OPTARG" ;;
	*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p;}' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
: "${targets:=target-api gateway-api orchestrator worker cli}"

# A client without its server is no engine.
works() {
	case $1 in
	docker) docker info >/dev/null 2>&1 ;;
	*) command -v "$1" >/dev/null 2>&1 ;;
	esac
}
if [ -z "${ENGINE:-}" ]; then
	for ENGINE in docker podman buildah ''; do
		if [ -z "$ENGINE" ]; then
			echo "build.sh: no docker (with its server), podman or buildah here: install one of them" >&2
			exit 1
		elif works "$ENGINE"; then
			break
		fi
	done
fi

epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y configure.ac)}
export SOURCE_DATE_EPOCH="$epoch"
version=$(sed -n 's/^AC_INIT(\[squall\], \[\([^]]*\)\].*/\1/p' configure.ac)
revision=$(git rev-parse HEAD 2>/dev/null || true)
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)

build() { # build TARGET NAME [BUILDER_OPTION...]
	target=$1 name=$2
	shift 2
	case $ENGINE in
	docker) set -- buildx build --output "type=docker,rewrite-timestamp=true" "$@" ;;
	podman) set -- build --timestamp "$epoch" --format docker "$@" ;;
	*) set -- bud --timestamp "$epoch" --format docker --layers "$@" ;;
	esac
	"$ENGINE" "$@" -f deploy/docker/Dockerfile --target "$target" -t "$name" \
		--build-arg SOURCE_DATE_EPOCH="$epoch" --build-arg VERSION="$version" \
		--build-arg REVISION="$revision" --build-arg CREATED="$created" .
}

size_of() { # bytes, layers that it shares with others included
	case $ENGINE in
	docker | podman) "$ENGINE" image inspect --format '{{.Size}}' "$1" ;;
	*) buildah images --json "$1" | sed -n 's/.*"size": "\([^"]*\)".*/\1/p' ;;
	esac
}

names=
for target in $targets; do
	name=$registry$target:$tag
	build "$target" "$name" "$@"
	names="$names $name"
done
for name in $names; do
	size=$(size_of "$name")
	case $size in
	*[!0-9]*) ;;
	*) size="$((size / 1000000)) MB" ;;
	esac
	printf '%-40s %s\n' "$name" "$size"
done
