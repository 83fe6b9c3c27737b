/* test_schedule.c - due times are exact, and counting ticks is their exact inverse. */
#include <squall/util.h>

#include "core/base/schedule.h"
#include "tests/tap.h"

#define ONE 1000000LL /* one request per second */
#define DAY (86400 * SQ_S)

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_number(void) /* xorshift64, George Marsaglia 2003 */
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void test_totals(void)
{
	static const struct {
		int64_t rate, duration;
		uint64_t total;
	} rows[] = {
	    {500 * ONE, 30 * SQ_S, 15000},
	    {10007 * ONE, 3 * SQ_S, 30021},
	    {ONE / 10, 60 * SQ_S, 6},
	    {ONE / 10, 61 * SQ_S, 7}, /* the seventh is due at 60 s */
	    {3 * ONE, SQ_S, 3},
	    {3 * ONE, SQ_S / 3, 1},
	    {3 * ONE, SQ_S / 3 + 1, 2}, /* due(1) = 333333333, just before the end */
	    {1, 1, 1}, /* the first request is always due at once */
	    {1, 30 * DAY, 3}, /* 2.592 of them */
	    {10000000 * ONE, 30 * DAY, 25920000000000ULL},
	    {10000000 * ONE, 30 * DAY - 1, 25920000000000ULL},
	    {10000000 * ONE, 30 * DAY - 100, 25919999999999ULL},
	    {9999999999999, 30 * DAY, 25919999999998ULL}, /* 25919999999997.408 */
	};

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		struct schedule s;

		schedule_constant(&s, rows[i].rate, rows[i].duration);
		ok(s.total == rows[i].total,
		   "%" PRId64 " millionths/s for %" PRId64 " ns: %" PRIu64 " of %" PRIu64, rows[i].rate,
		   rows[i].duration, s.total, rows[i].total);
	}
}

static void test_due(void)
{
	struct schedule s;

	schedule_constant(&s, 3 * ONE, 10 * SQ_S);
	is_int(schedule_due(&s, 0), 0, "the first is due at T0");
	is_int(schedule_due(&s, 1), 333333333, "a third of a second, floored");
	is_int(schedule_due(&s, 2), 666666666, "two thirds");
	is_int(schedule_due(&s, 3), SQ_S, "no drift: the fourth at exactly one second");
	is_int(schedule_due(&s, 29), 9666666666, "the last");
	schedule_constant(&s, ONE / 10, 60 * SQ_S);
	is_int(schedule_due(&s, 5), 50 * SQ_S, "a tenth per second");
	schedule_constant(&s, 10000000 * ONE, 30 * DAY);
	is_int(schedule_due(&s, s.total - 1), 30 * DAY - 100,
	       "30 days at 10 M/s: the last is 100 ns before the end");
	schedule_constant(&s, 1, 1);
	is_int(schedule_due(&s, UINT64_MAX), INT64_MAX, "beyond all time is the end of time");
}

static void test_ticks_until(void)
{
	struct schedule s;

	schedule_constant(&s, 3 * ONE, SQ_S);
	is_int(schedule_ticks_until(&s, -1), 0, "nothing before T0");
	is_int(schedule_ticks_until(&s, INT64_MIN), 0, "nothing long before T0");
	is_int(schedule_ticks_until(&s, 0), 1, "one at T0");
	is_int(schedule_ticks_until(&s, 333333332), 1, "one until just before the second");
	is_int(schedule_ticks_until(&s, 333333333), 2, "two at its very time");
	is_int(schedule_ticks_until(&s, INT64_MAX), 3, "never more than all");
}

/* For any rate and duration: the count at a due time includes that tick, one ns before it does not
 * (unless the one before falls on the same ns), and total is where due() crosses the duration. */
static void test_inverse(void)
{
	bool at = true, before = true, order = true, end = true;

	for (int i = 0; i < 20000; i++) {
		int64_t rate = 1 + (int64_t)(random_number() % (10000000ULL * ONE));
		int64_t duration = 1 + (int64_t)(random_number() % (30 * DAY));
		struct schedule s;
		uint64_t k, n;

		if (i % 2)
			rate = 1 + rate % (1000 * ONE);
		schedule_constant(&s, rate, duration);
		k = random_number() % s.total;
		n = schedule_ticks_until(&s, schedule_due(&s, k));
		at &= n > k && schedule_due(&s, n - 1) == schedule_due(&s, k);
		n = schedule_ticks_until(&s, schedule_due(&s, k) - 1);
		before &= n <= k && (n == 0 || schedule_due(&s, n - 1) < schedule_due(&s, k));
		order &= k == 0 || schedule_due(&s, k - 1) <= schedule_due(&s, k);
		end &= schedule_due(&s, s.total - 1) < duration && schedule_due(&s, s.total) >= duration;
	}
	ok(at, "ticks_until(due(k)) counts k and nothing due later");
	ok(before, "ticks_until(due(k) - 1) counts nothing due at that time");
	ok(order, "due times never go back");
	ok(end, "total is exactly the ticks due before the end");
}

int main(void)
{
	test_totals();
	test_due();
	test_ticks_until();
	test_inverse();
	return tap_done();
}
