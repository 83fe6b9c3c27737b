#!/bin/bash
# images.sh: squall's images, as deploy/docker/build.sh makes them, for the cluster of the tests.
#
# Needs no registry: base.sh makes the base from this machine's Debian sources, buildah builds upon it. They go
# into img/squall-images.tar of the cluster's folder, which up.sh imports, and into the cluster when it is up.
# Their names are localhost/squall/PART:test; localhost/squall/redis:test is a Redis for the tests.
set -euo pipefail
cd "$(dirname "$0")/../.."
home=${SQUALL_K8S:-${K8S_HOME:-/var/cache/squall-k8s}}
base=docker.io/library/debian:bookworm-slim

./deploy/install-deps.sh images
mkdir -p "$home/img"
tests/kubernetes/base.sh amd64 "$home/base/debian.tar"
podman image exists "$base" || podman import -q "$home/base/debian.tar" "$base" >/dev/null

# chroot: crun refuses mixed cgroups, and plain podman leaves a bridge and iptables chains behind.
offline=(--pull-never --isolation chroot --network host)
export ENGINE=buildah SOURCE_DATE_EPOCH=1700000000 # the same for all commits: layers that did not change are kept
./deploy/docker/build.sh -r localhost/squall -t test -- -q "${offline[@]}" 2>&1 | grep -v '^[0-9a-f]\{64\}$'
buildah bud -q --layers "${offline[@]}" -t localhost/squall/redis:test tests/kubernetes/redis >/dev/null
names=(localhost/squall/{target-api,gateway-api,orchestrator,worker,redis}:test)

rm -f "$home/img/squall-images.tar"
podman save -q --format docker-archive -m -o "$home/img/squall-images.tar" "${names[@]}"
if [ -s "$home/run/ns.pid" ] && kill -0 "$(cat "$home/run/ns.pid")" 2>/dev/null; then
	tests/kubernetes/cluster/ctl.sh exec ctr -a /run/ltk8s/containerd.sock -n k8s.io images import \
		"$home/img/squall-images.tar" >/dev/null
fi
echo "-- $home/img/squall-images.tar: ${names[*]}"
