/* share.c - a worker's own ticks, one after the other. */
#include "share.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first tick of ours at or after this one. */
static void seek(struct share *s, uint64_t tick)
{
	s->tick = slots_next(&s->slots, tick);
	if (s->tick >= s->until_tick)
		s->tick = SCHEDULE_NEVER;
}

int share_init(struct share *s, const struct slots *slots, uint64_t until_tick)
{
	uint64_t *from = malloc(slots->count * sizeof *from);

	if (!from)
		return -ENOMEM;
	memcpy(from, slots->from, slots->count * sizeof *from);
	*s = (struct share){.slots = {slots->count, from}, .until_tick = until_tick};
	seek(s, 0);
	return 0;
}

void share_free(struct share *s)
{
	slots_free(&s->slots);
}

void share_next(struct share *s)
{
	seek(s, s->tick + 1);
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Takes over what is new of these; those ticks of it that are due already are skipped, and counted. */
static uint64_t take_slots(struct share *s, const struct slots *slots, uint64_t due)
{
	struct slots all = s->slots;
	uint64_t dropped = 0;

	for (uint32_t i = 0; i < slots->count && slots->count == all.count; i++) {
		uint64_t from = slots->from[i];

		if (all.from[i] != SCHEDULE_NEVER || from == SCHEDULE_NEVER)
			continue;
		dropped += slot_count_ticks(i, all.count, from, due);
		all.from[i] = from > due ? from : due;
	}
	return dropped;
}

uint64_t share_extend(struct share *s, const struct slots *slots, uint64_t until_tick, uint64_t due)
{
	bool fenced = s->tick == SCHEDULE_NEVER;
	uint64_t was = s->until_tick, dropped = 0;

	if (until_tick > s->until_tick)
		s->until_tick = until_tick;
	due = lesser(due, s->until_tick);
	if (fenced && due > was)
		dropped = slots_count_ticks(&s->slots, was, due);
	dropped += take_slots(s, slots, due);
	/* Whoever is behind has nothing of its old share between due and its next tick. */
	seek(s, fenced ? due : lesser(s->tick, due));
	return dropped;
}

uint64_t share_left(const struct share *s)
{
	return s->tick == SCHEDULE_NEVER ? 0 : slots_count_ticks(&s->slots, s->tick, s->until_tick);
}
