/* test_share.c - a share that grows: every tick is looked at or dropped once, none beyond the fence. */
#include <stdlib.h>
#include <string.h>

#include "plugins/role/worker/share.h"
#include "tests/tap.h"

#define TICKS 4000
#define WORKERS 2

static struct slots deal(uint32_t place)
{
	struct slots s;

	if (slots_init(&s, WORKERS) < 0)
		exit(1);
	slots_deal(&s, place, WORKERS);
	return s;
}

static struct slots nothing(void)
{
	return (struct slots){0};
}

/* Without a warm-up. */
static uint64_t extend(struct share *s, const struct slots *slots, uint64_t until_tick, uint64_t due)
{
	struct share_part p = share_extend(s, slots, until_tick, due, 0);

	return p.load + p.warmup * 1000000;
}

static uint64_t left(const struct share *s)
{
	return share_left(s, 0).load;
}

static void test_fence(void)
{
	struct slots mine = deal(1), none = nothing();
	struct share s;

	if (share_init(&s, &mine, 4) < 0)
		exit(1);
	is_int(s.tick, 1, "the first tick is the first of the share");
	is_int(left(&s), 2, "two are left below the fence");
	share_next(&s);
	is_int(s.tick, 3, "then the next");
	share_next(&s);
	ok(s.tick == SCHEDULE_NEVER, "none at the fence");
	is_int(extend(&s, &none, 10, 4), 0, "raised in time: nothing is dropped");
	is_int(s.tick, 5, "and it goes on");
	is_int(extend(&s, &none, 6, 4), 0, "a lower fence is none");
	is_int(s.until_tick, 10, "the highest stays");
	for (int i = 0; i < 3; i++)
		share_next(&s);
	is_int(extend(&s, &none, 20, 15), 2, "raised too late: what was due is dropped");
	is_int(s.tick, 15, "and not caught up with");
	share_free(&s);
	slots_free(&mine);
}

static void test_behind(void)
{
	struct slots mine = deal(1), none = nothing();
	struct share s;

	if (share_init(&s, &mine, 10) < 0)
		exit(1);
	is_int(extend(&s, &none, 20, 9), 0, "who is behind by itself drops nothing of its own");
	is_int(s.tick, 1, "and looks at each of them");
	share_free(&s);
	slots_free(&mine);
}

static void test_take_over(void)
{
	struct slots mine = deal(1), more = deal(1);
	struct share s;

	if (share_init(&s, &mine, 100) < 0)
		exit(1);
	for (int i = 0; i < 5; i++)
		share_next(&s); /* 11 is the next */
	more.from[20] = 4; /* one round of 120 ticks: 20, 140, ... */
	more.from[6] = 4;
	is_int(extend(&s, &more, 100, 11), 1, "of what comes, what was due already is dropped");
	share_next(&s);
	is_int(s.tick, 13, "the rest waits for its time");
	for (int i = 0; i < 4; i++)
		share_next(&s);
	is_int(s.tick, 20, "and is sent then");
	is_int(extend(&s, &more, 100, 20), 0, "the same share again changes nothing");
	is_int(s.tick, 20, "nor the next tick");
	share_free(&s);
	slots_free(&mine);
	slots_free(&more);
}

/* Any order of raises, take-overs and looks: what was looked at and what was dropped is the share below
 * the fence, each tick once. */
static bool random_walk(uint32_t seed)
{
	struct slots mine = deal(0), whole = deal(0);
	uint8_t looked[TICKS] = {0};
	uint64_t due = 0, until = 30, dropped = 0, mark = 0, seen = 0, all;
	struct share s;
	bool good = true;

	srand(seed);
	if (share_init(&s, &mine, until) < 0)
		exit(1);
	while (due < TICKS) {
		due += (uint64_t)rand() % 40;
		due = due < TICKS ? due : TICKS;
		while (rand() % 8 && s.tick < due) {
			good &= !looked[s.tick] && s.tick < until && slots_own(&whole, s.tick);
			looked[s.tick] = 1;
			seen++;
			share_next(&s);
		}
		until += rand() % 3 ? (uint64_t)rand() % 60 : 0;
		until = until < TICKS ? until : TICKS;
		if (rand() % 10 == 0)
			whole.from[rand() % 120] = mark;
		for (uint32_t i = 0; i < 120; i++) /* what was ours from the beginning stays so */
			whole.from[i] = i % WORKERS == 0 ? 0 : whole.from[i];
		for (uint32_t i = 0; i < 120; i++) /* and a slot comes once */
			if (s.slots.from[i] != SCHEDULE_NEVER && i % WORKERS)
				whole.from[i] = mine.from[i];
			else if (whole.from[i] != SCHEDULE_NEVER)
				mine.from[i] = whole.from[i];
		mark = until;
		dropped += extend(&s, &whole, until, due);
	}
	all = slots_count_ticks(&whole, 0, s.until_tick);
	good &= seen + dropped + left(&s) == all;
	if (!(seen + dropped + left(&s) == all))
		printf("# seed %u: seen %llu dropped %llu left %llu all %llu\n", seed,
		       (unsigned long long)seen, (unsigned long long)dropped,
		       (unsigned long long)left(&s), (unsigned long long)all);
	share_free(&s);
	slots_free(&mine);
	slots_free(&whole);
	return good;
}

/* What is dropped, and what is left, is told apart at the end of the warm-up. */
static void test_warmup(void)
{
	struct slots whole, none = {0};
	struct share_part p;
	struct share s;

	if (slots_init(&whole, 1) < 0)
		return;
	slots_deal(&whole, 0, 1);
	share_init(&s, &whole, 10);
	p = share_left(&s, 4);
	ok(p.warmup == 4 && p.load == 6, "left: four of the warm-up, six of the load");
	while (s.tick != SCHEDULE_NEVER)
		share_next(&s);
	p = share_extend(&s, &none, 40, 30, 25);
	ok(p.warmup == 15 && p.load == 5, "dropped: fifteen of the warm-up, five of the load");
	share_free(&s);
	slots_free(&whole);
}

int main(void)
{
	bool good = true;

	test_fence();
	test_behind();
	test_take_over();
	for (uint32_t seed = 1; seed <= 200; seed++)
		good &= random_walk(seed);
	ok(good, "whatever the order, every tick below the fence is looked at, dropped or left, once");
	test_warmup();
	return tap_done();
}
