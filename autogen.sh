#!/bin/sh
# Makes ./configure from configure.ac. Needed once after a clone, and never from a release tarball.
set -e
cd "$(dirname "$0")"
command -v autoreconf >/dev/null || {
	echo "autogen.sh: autoreconf is missing: run ./deploy/install-deps.sh build" >&2
	exit 1
}
exec autoreconf --install --force --warnings=all
