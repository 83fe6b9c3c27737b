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

/* Of this place (or SLOT_NOBODY), in [from, to). */
static uint64_t count(const struct test *t, uint32_t place, uint64_t from, uint64_t to)
{
	if (to <= from)
		return 0;
	return slot_map_ticks(&t->spread.map, place, to) - slot_map_ticks(&t->spread.map, place, from);
}

/* Ticks of a place that it may have sent: below its until_tick, and due before its end is certain, by a
 * clock that may be ahead of ours. */
static uint64_t count_possible(const struct test *t, uint32_t place, uint64_t from, uint64_t to)
{
	const struct worker *w = &t->workers[place];
	uint64_t below = lesser(w->given, to);

	if (w->gone && w->clock_error >= 0 && !t->unsure)
		below = lesser(below,
		               schedule_ticks_until(t->setup.schedule, w->gone_at - t->t0 + w->clock_error));
	return count(t, place, from, below);
}

static bool was_stopped(const struct test *t)
{
	const struct outcome *o = &t->life.outcome;

	return o->state != T_STATES && o->state != T_COMPLETED;
}

void test_account(const struct test *t, uint32_t place, const struct account_range *range,
                  struct account *out)
{
	const struct worker *w = &t->workers[place];
	uint64_t all = count(t, place, range->from, range->to), known = lesser(range->known, all);
	uint64_t possible = w->final ? 0 : count_possible(t, place, range->from, range->to), left;

	*out = (struct account){0};
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

uint64_t test_account_nobody(const struct test *t, uint64_t from, uint64_t to)
{
	return count(t, SLOT_NOBODY, from, to);
}
