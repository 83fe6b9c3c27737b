/* test_slots.c - every tick has exactly one owner, whatever the rate and the number of workers. */
#include <errno.h>
#include <stdlib.h>

#include <squall/util.h>

#include "plugins/common/slots.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

#define ONE 1000000LL

/* The primes of the design: 10007/s over 7 workers, as each worker walks its own ticks. */
static void test_walk(void)
{
	enum { WORKERS = 7 };
	struct schedule sched;
	uint64_t total = 0, counted = 0;
	uint8_t *owners;
	bool once = true, even = true, gaps = true;

	schedule_constant(&sched, 10007 * ONE, 3 * SQ_S);
	owners = calloc(sched.total, 1);
	for (uint32_t w = 0; owners && w < WORKERS; w++) {
		struct slots s = {0};
		uint64_t mine = 0, last = SCHEDULE_NEVER;

		once &= slots_init(&s, WORKERS) == 0;
		slots_deal(&s, w, WORKERS);
		for (uint64_t k = slots_next(&s, 0); k < sched.total; k = slots_next(&s, k + 1)) {
			owners[k]++;
			mine++;
			gaps &= last == SCHEDULE_NEVER || k - last == WORKERS;
			last = k;
		}
		even &= mine == sched.total / WORKERS || mine == sched.total / WORKERS + 1;
		total += mine;
		counted += slots_count_ticks(&s, 0, sched.total);
		slots_free(&s);
	}
	for (uint64_t k = 0; owners && k < sched.total; k++)
		once &= owners[k] == 1;
	is_int(total, 30021, "7 workers at 10007/s for 3 s have 30,021 ticks");
	is_int(counted, 30021, "and by arithmetic as many");
	ok(once, "each tick has exactly one owner");
	ok(even, "shares differ by one tick at most");
	ok(gaps, "neighbouring ticks go to different workers");
	free(owners);
}

/* The slow truth. */
static uint64_t walk_next(const struct slots *s, uint64_t tick)
{
	for (uint64_t k = tick; k < tick + 100000; k++)
		if (slots_own(s, k))
			return k;
	return SCHEDULE_NEVER;
}

static uint64_t walk_count(const struct slots *s, uint64_t from, uint64_t to)
{
	uint64_t n = 0;

	for (uint64_t k = from; k < to; k++)
		n += slots_own(s, k);
	return n;
}

/* Slots that came from a lost worker at different ticks, against the walk. */
static void test_uneven(void)
{
	bool next = true, count = true;
	struct slots s;

	if (!ok(slots_init(&s, 3) == 0, "3 workers, 180 slots"))
		return;
	is_int(s.count, 180, "60 slots for each worker");
	srand(1);
	for (int round = 0; round < 200; round++) {
		for (uint32_t i = 0; i < s.count; i++)
			s.from[i] = rand() % 3 ? SCHEDULE_NEVER : (uint64_t)rand() % 2000;
		for (int i = 0; i < 20; i++) {
			uint64_t a = (uint64_t)rand() % 3000, b = (uint64_t)rand() % 3000;

			next &= slots_next(&s, a) == walk_next(&s, a);
			count &= slots_count_ticks(&s, a, b) == walk_count(&s, a, b);
		}
	}
	ok(next, "next agrees with a walk over all ticks");
	ok(count, "count agrees with a walk over all ticks");
	slots_free(&s);
}

static void test_edges(void)
{
	struct slots s;

	if (!ok(slots_init(&s, 1) == 0, "one worker"))
		return;
	ok(slots_next(&s, 0) == SCHEDULE_NEVER, "nothing owned: never");
	is_int(slots_count_ticks(&s, 0, SCHEDULE_NEVER), 0, "nothing owned: no ticks");
	ok(!slots_own(&s, 0), "nothing owned: not tick 0");
	slots_deal(&s, 0, 1);
	ok(slots_next(&s, 12345) == 12345, "a lone worker owns every tick");
	ok(slots_count_ticks(&s, 0, SCHEDULE_NEVER) == SCHEDULE_NEVER, "and all of them");
	is_int(slots_count_ticks(&s, 10, 10), 0, "an empty range");
	is_int(slots_count_ticks(&s, 10, 3), 0, "a range that ends before it starts");
	ok(!slots_own(&s, SCHEDULE_NEVER), "the last number is not a tick");
	for (uint32_t i = 0; i < s.count; i++)
		s.from[i] = SCHEDULE_NEVER;
	s.from[7] = 1000; /* 1000 = 16 * 60 + 40: the slot's first tick from there is 17 * 60 + 7 */
	ok(slots_next(&s, 0) == 1027, "a slot that starts later");
	ok(slots_next(&s, 1028) == 1087, "its next round");
	ok(slots_next(&s, SCHEDULE_NEVER - 1) == SCHEDULE_NEVER, "no wrap at the end of the numbers");
	is_int(slots_count_ticks(&s, 0, 1088), 2, "two ticks by then");
	slots_free(&s);
	slots_free(&s); /* harmless */
}

static void test_memory(void)
{
	struct slots s = {.count = 1};

	failmalloc_after(1);
	is_int(slots_init(&s, 4), -ENOMEM, "no memory is said");
	ok(failmalloc_stop() && s.count == 1, "and nothing was written");
	is_int(slots_init(&s, UINT32_MAX), -ENOMEM, "more workers than can be counted");
}

int main(void)
{
	test_walk();
	test_uneven();
	test_edges();
	test_memory();
	return tap_done();
}
