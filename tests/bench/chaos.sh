#!/bin/bash
# chaos.sh [ROUNDS [SEED]]: tests/integration/chaos.py for long, 200 rounds by default: whatever dies or sleeps, no
# test is lost, run twice or stuck. Prints how the tests ended.
#
# Pass line: no failure in any round. SQUALL_BUILD names the build folder (default ./build; better one with
# --enable-sanitizers).
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${SQUALL_BUILD:-$PWD/build}
rounds=${1:-200} seed=${2:-$RANDOM}

[ -x "$build/squalld" ] || { echo "chaos.sh: no $build/squalld: build first (deploy/quickstart.sh) or set SQUALL_BUILD" >&2; exit 2; }
./deploy/install-deps.sh test
if top_builddir=$build top_srcdir=$PWD /usr/bin/python3 tests/integration/chaos.py "$rounds" "$seed" | { grep --line-buffered -v "^ok" || true; }; then
	result=PASS
else
	result=FAIL
fi
echo "$rounds rounds from seed $seed: $result"
[ "$result" = PASS ]
