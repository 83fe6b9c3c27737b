#!/bin/sh
# borders.sh - the arrows of CONTRIBUTING.md, proved: who includes whom, what a plugin exports,
# what the top of the tree holds. Prints TAP.
set -u
src=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
build=${top_builddir:-$src}
cd "$src" || exit 1

n=0
bad=0
check() { # check NAME LINES: passes when LINES is empty
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/#   /'
		bad=1
	fi
}

# files FOLDER...: their C files
files() { find "$@" -name '*.[ch]' 2>/dev/null | sort; }
# includes FOLDER... : "file:line:#include ..." of all of them
includes() { files "$@" | xargs -r grep -n '^#include' /dev/null; }

check "include/squall knows nothing but libc and itself" \
	"$(includes include | grep -vE '#include <(squall/[a-z]+\.h|std[a-z]+\.h|string\.h|errno\.h)>')"
check "core/base includes neither the host nor a plugin" \
	"$(includes core/base | grep -E 'core/(host|cli)|plugins/|<ev\.h>|<libconfig')"
check "core/host and core/cli include no plugin" "$(includes core/host core/cli | grep -E 'plugins/')"
check "core/host and core/cli do not include each other" \
	"$(includes core/host | grep core/cli; includes core/cli | grep core/host)"
check "plugins include nothing of core but core/base" "$(includes plugins | grep -E 'core/(host|cli)')"
check "no path climbs out of its folder" "$(includes core plugins include | grep -F '"..')"
check "plugins/common includes no plugin" "$(includes plugins/common | grep -E 'plugins/(transport|store|scheduler|role)')"

others=
for dir in plugins/*/*/; do
	case $dir in plugins/common/*) continue ;; esac
	others=$others$(includes "$dir" | grep -E '"plugins/' | grep -vE "\"(plugins/common/|${dir})")
done
check "no plugin includes another" "$others"

check "libconfig is used in core/host/conf*.c alone" "$(includes core plugins | grep libconfig | grep -v '^core/host/conf')"
check "SQLite is used in the local plugins alone" "$(includes core plugins | grep sqlite3 | grep -vE '^plugins/((store|transport)/local|common/sqlite)/')"
check "AMQP is spoken in transport servicebus alone" "$(includes core plugins | grep '<proton/' | grep -v '^plugins/transport/servicebus/')"

# What the built plugins export. The build tree holds them in .libs, an installed tree does not come here.
found=0
exports=
for so in "$build"/.libs/store_*.so "$build"/.libs/transport_*.so "$build"/.libs/scheduler_*.so "$build"/.libs/role_*.so; do
	[ -f "$so" ] || continue
	found=$((found + 1))
	names=$(nm -D --defined-only "$so" | awk '{ print $3 }' | grep -vE '^(__asan|__ubsan|__odr_asan|_init$|_fini$)' | tr '\n' ' ')
	[ "$names" = "sq_plugin " ] || exports="$exports$so exports: $names
"
done
check "every plugin exports sq_plugin and nothing else ($found looked at)" "$exports"
check "there are plugins to look at" "$([ "$found" -gt 0 ] || echo "none in $build/.libs")"

check "public headers are at most 150 lines" "$(wc -l include/squall/*.h | awk '$2 != "total" && $1 > 150')"
check "source files are at most 550 lines" "$(files core plugins | xargs -r wc -l | awk '$2 != "total" && $1 > 550')"

if [ -e .git ]; then
	known=" core plugins conf deploy include tests autogen.sh configure.ac Makefile.am README.md LICENSE CHANGELOG.md CONTRIBUTING.md MIGRATING.md "
	strange=$(git ls-files | cut -d/ -f1 | sort -u | grep -v '^\.' | while read -r name; do
		case $known in *" $name "*) ;; *) echo "$name" ;; esac
	done)
	check "the top folder holds what CONTRIBUTING.md lists" "$strange"
else
	echo "ok $((n = n + 1)) - the top folder holds what CONTRIBUTING.md lists # SKIP not a git checkout"
fi
echo "1..$n"
exit $bad
