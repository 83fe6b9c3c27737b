#!/bin/bash
# test_images.sh: the images of images.sh: their size, whether they start as any user; with SQUALL_TEST_FULL=1 also whether
# another build makes the same. Prints TAP. Needs root, podman and buildah; no cluster.
#
# The second build takes nothing from the cache (four minutes, hence the long form). Compared are layers and configuration,
# and not the images' ids: those hash the history, too, in which a step that came from the cache has the time of the
# build that it was first made by. Nor the revision: an image of which nothing changed keeps that of its commit.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
parts="target-api gateway-api orchestrator worker"
tag='test'
. tests/kubernetes/image_checks.sh

is_same() { # is_same PART: a build of now against the one that is there
	ENGINE=buildah SOURCE_DATE_EPOCH=1700000000 ./deploy/docker/build.sh -r localhost/squall -t again -o "$1" -- \
		-q --no-cache --pull-never --isolation chroot --network host || return
	local of
	for of in test again; do
		field "$1:$of" '{{range .RootFS.Layers}}{{println .}}{{end}}{{json .Config}}' | sed 's/,"/,\n"/g' |
			grep -v '"org.opencontainers.image.revision"' >"$work/$of"
	done
	podman rmi "localhost/squall/$1:again"
	diff "$work/test" "$work/again"
}

for part in $parts; do
	ok "$part has at most $((most / 1000000)) MB" is_small "$part"
done
ok "an image starts as its own user" counts 65532:65532
ok "as a user that it does not know" counts 31337:31337
ok "as a number with group 0, as OpenShift does it" counts 1000650000:0
if [ "${SQUALL_TEST_FULL:-}" = 1 ]; then
	ok "another build makes the same image" is_same target-api
else
	skip "another build makes the same image" "only with SQUALL_TEST_FULL=1"
fi
plan
