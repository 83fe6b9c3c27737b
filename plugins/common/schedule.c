/* schedule.c - when tick k is due, and how many are by then: exact inverses in 128-bit integers. */
#include "schedule.h"

#include <assert.h>

/* Rate in millionths per second and time in ns: tick k is due at k * 1e15 / rate. */
#define SCALE 1000000000000000LL

typedef unsigned __int128 u128;

/* How many ticks are due before this many ns: k * SCALE / rate < ns holds for k < ns * rate / SCALE.
 * The product stays below 2^63 * 2^63, the quotient is checked. */
static uint64_t ticks_before(int64_t rate, uint64_t ns)
{
	u128 ticks = ((u128)ns * (u128)rate + (SCALE - 1)) / SCALE;

	return ticks < SCHEDULE_NEVER ? (uint64_t)ticks : SCHEDULE_NEVER;
}

void schedule_constant(struct schedule *s, int64_t rate, int64_t duration)
{
	assert(rate > 0 && duration > 0);
	s->rate = rate;
	s->duration = duration;
	s->total = ticks_before(rate, (uint64_t)duration);
}

int64_t schedule_due(const struct schedule *s, uint64_t tick)
{
	u128 ns = (u128)tick * SCALE / (u128)s->rate;

	return ns < INT64_MAX ? (int64_t)ns : INT64_MAX;
}

uint64_t schedule_ticks_until(const struct schedule *s, int64_t offset)
{
	uint64_t ticks;

	if (offset < 0)
		return 0;
	/* due() is floored to whole ns, so "at or before offset" is "before offset + 1". */
	ticks = ticks_before(s->rate, (uint64_t)offset + 1);
	return ticks < s->total ? ticks : s->total;
}
