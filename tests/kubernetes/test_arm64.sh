#!/bin/bash
# test_arm64.sh: the images for arm64: whether they build, hold what they say, and run a load test. Prints TAP.
#
# On another machine under qemu-user-static, where the kernel is told of it. From nothing it takes ten minutes or
# more, hence the long form (run.sh). Needs root and the packages of install-deps.sh arm64; no cluster. The images
# stay, as localhost/squall/PART:arm64, so that the next build takes from them what did not change.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
home=${SQUALL_K8S:-${K8S_HOME:-/var/cache/squall-k8s}}
parts="target-api gateway-api orchestrator worker cli"
base=localhost/squall/base-arm64
tag=arm64
. tests/kubernetes/image_checks.sh

# Where systemd runs, it has told the kernel already. F: the interpreter is found in images that do not have it.
can_run() {
	local binfmt=/proc/sys/fs/binfmt_misc
	./deploy/install-deps.sh arm64 || return
	[ "$(uname -m)" != aarch64 ] || return 0
	[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt || return
	[ -e $binfmt/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$binfmt/register || return
	grep -x 'flags: .*F.*' $binfmt/qemu-aarch64
}

# The same time for all commits, as in images.sh: layers that did not change are kept.
builds() {
	tests/kubernetes/base.sh arm64 "$home/base/debian-arm64.tar" || return
	podman image exists $base || podman import -q --arch arm64 --variant v8 "$home/base/debian-arm64.tar" $base || return
	ENGINE=buildah SOURCE_DATE_EPOCH=1700000000 ./deploy/docker/build.sh -r localhost/squall -t $tag -- \
		--platform linux/arm64 --build-arg BASE=$base --pull-never --isolation chroot --network host
}

is_arm64() { # is_arm64 PART: says its configuration
	field "$1:$tag" '{{.Os}}/{{.Architecture}}' | grep -x linux/arm64
}

programs_are() { # all that was installed
	local from root files
	from=$(buildah from --pull-never localhost/squall/worker:$tag) || return
	root=$(buildah mount "$from") &&
		files=$(file "$root"/usr/bin/squall "$root"/usr/sbin/squalld "$root"/usr/lib/squall/*.so) &&
		echo "$files" && [ "$(echo "$files" | wc -l)" -ge 10 ] && ! echo "$files" | grep -v 'ELF 64-bit LSB.* ARM aarch64'
	set -- $?
	buildah rm "$from"
	return "$1"
}

# 250 requests by all parts in one container. How exactly they leave is not the question under qemu.
is_exact() {
	python3 - "$1" "$(curl -sf http://127.0.0.1:8000/stats)" <<-'END'
		import json, sys
		doc, stats = json.load(open(sys.argv[1])), json.loads(sys.argv[2])
		ledger = doc["ledger"]
		print(doc["state"], ledger, stats)
		sys.exit(not (doc["state"] == "completed" and ledger["balanced"] and ledger["scheduled"] == ledger["ok"] == 250
		              and stats["total_hits"] == 250))
	END
}

runs_a_test() {
	local from status
	from=$(buildah from --pull-never localhost/squall/cli:$tag) || return
	export -f is_exact
	# shellcheck disable=SC2016 # for the inner shell
	beside_target 65532:65532 bash -c '
		buildah run --isolation chroot --user 65532:65532 "$1" squall run http://127.0.0.1:8000/hit -X POST \
			-r 50 -d 5s --allow-invalid --json >"$2" && is_exact "$2"' - "$from" "$work/result"
	status=$?
	buildah rm "$from"
	return $status
}

ok "this machine runs programs for arm64" can_run
ok "the images build" builds
for part in $parts; do
	ok "$part is for arm64" is_arm64 "$part"
	ok "$part has at most $((most / 1000000)) MB" is_small "$part"
done
ok "so are its programs and plugins" programs_are
ok "an image starts as its own user, and counts" counts 65532:65532
ok "as a user that it does not know" counts 31337:31337
ok "a load test in the image cli: the ledger balances, all is answered and counted" runs_a_test
plan
