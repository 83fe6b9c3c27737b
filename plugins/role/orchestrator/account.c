/*
 * account.c - in which class of the ledger are the ticks that no stored report has in one (design 5).
 *
 * A worker classes only ticks below its until_tick. The rest is ours: of a worker that said all it knew,
 * what it was never given; of one that is lost, what nobody can know, and what it surely did not send.
 */
#include "test_parts.h"

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Ticks of a place that it may have sent: below its until_tick, and due before its end is certain, by a
 * clock that may be ahead of ours. */
static uint64_t count_possible(const struct test *t, uint32_t place)
{
	const struct worker *w = &t->workers[place];
	uint64_t below = lesser(w->given, t->setup.schedule->total);

	if (w->gone && w->clock_error >= 0 && !t->unsure)
		below = lesser(below,
		               schedule_ticks_until(t->setup.schedule, w->gone_at - t->t0 + w->clock_error));
	return slot_map_ticks(&t->spread.map, place, below);
}

static bool was_stopped(const struct test *t)
{
	const struct outcome *o = &t->life.outcome;

	return o->state != T_STATES && o->state != T_COMPLETED;
}

void test_account(const struct test *t, uint32_t place, uint64_t known, struct account *out)
{
	const struct worker *w = &t->workers[place];
	uint64_t all = slot_map_ticks(&t->spread.map, place, t->setup.schedule->total);
	uint64_t possible = w->final ? 0 : count_possible(t, place), left;

	*out = (struct account){0};
	known = lesser(known, all);
	if (possible > known)
		out->unconfirmed = possible - known;
	left = all - known - out->unconfirmed;
	if (!w->final || w->lost || *w->problem)
		out->worker_lost = left;
	else if (was_stopped(t))
		out->aborted = left;
	else
		out->fenced = left;
}

uint64_t test_account_nobody(const struct test *t)
{
	return slot_map_ticks(&t->spread.map, SLOT_NOBODY, t->setup.schedule->total);
}
