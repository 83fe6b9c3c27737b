/* test_backoff.c - delays stay within their bounds, grow, spread, and start over. */
#include "core/base/backoff.h"
#include "tests/tap.h"

#include <squall/util.h>

static void bounds(void)
{
	struct backoff b = {.base = 100 * SQ_MS, .ceiling = 10 * SQ_S, .seed = 7};
	int64_t top = b.base, most = 0;
	bool within = true;

	for (int i = 0; i < 1000; i++) {
		int64_t wait = backoff_next(&b);

		within &= wait >= b.base / 2 && wait <= top;
		most = wait > most ? wait : most;
		top = top * 2 < b.ceiling ? top * 2 : b.ceiling;
	}
	ok(within, "each wait is at least half the base and at most base * 2^tries, up to the ceiling");
	ok(most > b.ceiling * 9 / 10, "it uses the whole width");
	is_int(b.tries, 1000, "tries are counted");
	backoff_reset(&b);
	ok(backoff_next(&b) <= b.base, "after a success it starts over");
}

static void extremes(void)
{
	struct backoff huge = {.base = INT64_MAX, .ceiling = INT64_MAX, .tries = UINT32_MAX, .seed = 1};
	struct backoff small = {.base = 10 * SQ_S, .ceiling = SQ_S};
	struct backoff none = {0};
	struct backoff doubling = {.base = 1, .ceiling = INT64_MAX, .tries = 200};

	ok(backoff_next(&huge) >= INT64_MAX / 2, "the largest base does not overflow");
	is_int(huge.tries, UINT32_MAX, "nor does the count of tries");
	is_int(backoff_next(&small), SQ_S, "a ceiling below half the base wins");
	is_int(backoff_next(&none), 0, "no base, no wait");
	ok(backoff_next(&doubling) >= 0, "nor does doubling");
}

static void seeds(void)
{
	struct backoff a = {.base = SQ_S, .ceiling = 60 * SQ_S, .seed = 1};
	struct backoff b = {.base = SQ_S, .ceiling = 60 * SQ_S, .seed = 2};
	struct backoff c = a;
	bool same = true, differ = false;

	for (int i = 0; i < 20; i++) {
		int64_t wait = backoff_next(&a);

		differ |= wait != backoff_next(&b);
		same &= wait == backoff_next(&c);
	}
	ok(same, "equal seeds, equal waits");
	ok(differ, "different seeds, different waits");
}

int main(void)
{
	bounds();
	extremes();
	seeds();
	return tap_done();
}
