#!/bin/sh
# changelog.sh PACKAGE VERSION: the changelog that Debian's tools ask for; what changed stands in CHANGELOG.md.
set -eu
epoch=${SOURCE_DATE_EPOCH:-$(date +%s)}
cat <<END
$1 ($2) unstable; urgency=medium

  * See /usr/share/doc/$1/CHANGELOG.md.

 -- squall <squall@localhost>  $(LC_ALL=C date -u -R -d "@$epoch")
END
