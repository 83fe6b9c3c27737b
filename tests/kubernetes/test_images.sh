#!/bin/bash
# test_images.sh: the images of images.sh: their size, whether they start as any user; with SQUALL_TEST_FULL=1 also whether
# another build makes the same. Prints TAP. Needs root, podman and buildah; no cluster.
#
# The second build takes nothing from the cache (four minutes, hence the long form). Compared are layers and configuration,
# and not the images' ids: those hash the history, too, in which a step that came from the cache has the time of the
# build that it was first made by. Nor the revision: an image of which nothing changed keeps that of its commit.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
most=120000000 # bytes of an image
parts="target-api gateway-api orchestrator worker"
work=$(mktemp -d) n=0

ok() { # ok NAME COMMAND...: the command's success is the result
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/out" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/#   /' "$work/out"
	fi
}

field() { podman image inspect --format "$2" "localhost/squall/$1"; }

is_small() { # is_small IMAGE
	local size
	size=$(field "$1" '{{.Size}}') || return
	echo "$size bytes, at most $most"
	[ "$size" -le "$most" ]
}

# A target without variables counts in its own store, which is in /var/lib/squall. In a network of its own its port is free.
counts() { # counts USER
	local from
	from=$(buildah from --pull-never localhost/squall/target-api:test) || return
	# shellcheck disable=SC2016 # for the inner shell
	unshare --net bash -c '
		ip link set lo up
		buildah run --isolation chroot --user "$1" "$2" squalld -c /etc/squall/target.conf & server=$!
		until curl -sf -X POST http://127.0.0.1:8000/hit; do
			kill -0 $server || exit 1
			sleep 0.1
		done | grep -F "{\"total_hits\":1}"
		status=$?
		kill $server
		wait
		exit $status' - "$1" "$from"
	set -- $?
	buildah rm "$from"
	return "$1"
}

is_same() { # is_same PART: a build of now against the one that is there
	ENGINE=buildah SOURCE_DATE_EPOCH=1700000000 ./deploy/docker/build.sh -r localhost/squall -t again -o "$1" -- \
		-q --no-cache --pull-never --isolation chroot --network host || return
	for tag in test again; do
		field "$1:$tag" '{{range .RootFS.Layers}}{{println .}}{{end}}{{json .Config}}' | sed 's/,"/,\n"/g' |
			grep -v '"org.opencontainers.image.revision"' >"$work/$tag"
	done
	podman rmi "localhost/squall/$1:again"
	diff "$work/test" "$work/again"
}

for part in $parts; do
	ok "$part has at most $((most / 1000000)) MB" is_small "$part:test"
done
ok "an image starts as its own user" counts 65532:65532
ok "as a user that it does not know" counts 31337:31337
ok "as a number with group 0, as OpenShift does it" counts 1000650000:0
if [ "${SQUALL_TEST_FULL:-}" = 1 ]; then
	ok "another build makes the same image" is_same target-api
else
	n=$((n + 1))
	echo "ok $n - another build makes the same image # SKIP only with SQUALL_TEST_FULL=1"
fi
rm -rf "$work"
echo "1..$n"
