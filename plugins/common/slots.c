/* slots.c - which ticks belong to one worker. Declared in slots.h. */
#include "slots.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int slots_init(struct slots *s, uint32_t workers)
{
	uint32_t count;
	uint64_t *from;

	assert(workers > 0);
	if (__builtin_mul_overflow(workers, SLOTS_PER_WORKER, &count))
		return -ENOMEM;
	from = calloc(count, sizeof *from);
	if (!from)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		from[i] = SCHEDULE_NEVER;
	s->count = count;
	s->from = from;
	return 0;
}

void slots_free(struct slots *s)
{
	free(s->from);
	s->from = NULL;
	s->count = 0;
}

void slots_deal(struct slots *s, uint32_t index, uint32_t workers)
{
	assert(index < workers && s->count / SLOTS_PER_WORKER == workers);
	for (uint32_t i = 0; i < s->count; i++)
		s->from[i] = i % workers == index ? 0 : SCHEDULE_NEVER;
}

bool slots_own(const struct slots *s, uint64_t tick)
{
	return tick != SCHEDULE_NEVER && s->from[tick % s->count] <= tick;
}

/* The first tick of a slot that is not before start. */
static uint64_t first_from(uint32_t slot, uint32_t count, uint64_t start)
{
	uint64_t ahead = ((uint64_t)slot + count - start % count) % count;

	return start < SCHEDULE_NEVER - ahead ? start + ahead : SCHEDULE_NEVER;
}

/* The first tick of this slot that is ours and not before at. */
static uint64_t first_of_slot(const struct slots *s, uint32_t slot, uint64_t at)
{
	uint64_t from = s->from[slot];

	return first_from(slot, s->count, from > at ? from : at);
}

/* Steps from tick to tick while slots are not ours: as many steps as there are workers, no division. */
uint64_t slots_next(const struct slots *s, uint64_t tick)
{
	uint64_t best = SCHEDULE_NEVER;
	uint32_t slot = (uint32_t)(tick % s->count);

	for (uint32_t i = 0; i < s->count && tick < SCHEDULE_NEVER - i; i++) {
		/* A slot that starts later has its first tick in a later round than all of this one. */
		if (s->from[slot] <= tick + i)
			return tick + i;
		if (s->from[slot] != SCHEDULE_NEVER) {
			uint64_t first = first_of_slot(s, slot, tick);

			best = first < best ? first : best;
		}
		slot = slot + 1 < s->count ? slot + 1 : 0;
	}
	return best;
}

uint64_t slot_count_ticks(uint32_t slot, uint32_t count, uint64_t from, uint64_t to)
{
	uint64_t first = first_from(slot, count, from);

	return first < to ? (to - 1 - first) / count + 1 : 0;
}

uint64_t slots_count_ticks(const struct slots *s, uint64_t from, uint64_t to)
{
	uint64_t ticks = 0;

	for (uint32_t i = 0; i < s->count; i++)
		if (s->from[i] != SCHEDULE_NEVER)
			ticks += slot_count_ticks(i, s->count, s->from[i] > from ? s->from[i] : from, to);
	return ticks;
}
