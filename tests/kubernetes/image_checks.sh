# shellcheck shell=bash
# image_checks.sh: what test_images.sh and test_arm64.sh share. Source it from the top of the tree.
#
# tag: that of the images. work: a folder, work/out the output of the last command.
most=120000000 # bytes of an image
work=$(mktemp -d) n=0
: "${tag:?}"

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

skip() { # skip NAME WHY
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

plan() { # the last line
	rm -rf "$work"
	echo "1..$n"
}

field() { podman image inspect --format "$2" "localhost/squall/$1"; }

is_small() { # is_small PART
	local size
	size=$(field "$1:$tag" '{{.Size}}') || return
	echo "$size bytes, at most $most"
	[ "$size" -le "$most" ]
}

# A target without variables counts in its own store, which is in /var/lib/squall. In a network of its own its port is free.
beside_target() { # beside_target USER COMMAND...: the command, where a target runs as USER
	local from
	from=$(buildah from --pull-never "localhost/squall/target-api:$tag") || return
	# shellcheck disable=SC2016 # for the inner shell
	unshare --net bash -c '
		user=$1 from=$2
		shift 2
		ip link set lo up
		buildah run --isolation chroot --user "$user" "$from" squalld -c /etc/squall/target.conf & server=$!
		until curl -sf http://127.0.0.1:8000/stats; do
			kill -0 $server || exit 1
			sleep 0.1
		done
		"$@"
		status=$?
		kill $server
		wait
		exit $status' - "$1" "$from" "${@:2}"
	set -- $?
	buildah rm "$from"
	return "$1"
}

counts() { # counts USER
	beside_target "$1" bash -c 'curl -sf -X POST http://127.0.0.1:8000/hit | grep -F "{\"total_hits\":1}"'
}
