#!/bin/bash
# base.sh ARCH FILE: Debian 12 for images, as a tar file, from this machine's Debian sources; with the same cuts as in the
# slim image that Debian's packagers publish. ARCH is Debian's word: amd64, arm64. Leaves a FILE that is there alone.
set -euo pipefail
arch=$1 file=$2

[ ! -f "$file" ] || exit 0
echo "-- base image for $arch from $(grep -rhoE 'https?://[^ ]+/debian' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1)"
sources=(/etc/apt/sources.list.d/debian.sources)
[ -f "${sources[0]}" ] || sources=(/etc/apt/sources.list)
mkdir -p "$(dirname "$file")"
mmdebstrap --quiet --variant=apt --architectures="$arch" --aptopt='APT::Install-Recommends "false"' \
	--aptopt='Acquire::Check-Valid-Until "false"' \
	--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-include=/usr/share/doc/*/copyright' \
	--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include=usr-is-merged \
	bookworm "$file.new.tar" - <"${sources[0]}"
mv "$file.new.tar" "$file"
