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

static uint64_t greater(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Takes over what is new of these; those ticks of it that are due already are skipped, and counted. */
static void take_slots(struct share *s, const struct slots *slots, uint64_t due, uint64_t warm,
                       struct share_part *dropped)
{
	struct slots all = s->slots;

	for (uint32_t i = 0; i < slots->count && slots->count == all.count; i++) {
		uint64_t from = slots->from[i];

		if (all.from[i] != SCHEDULE_NEVER || from == SCHEDULE_NEVER)
			continue;
		dropped->warmup += slot_count_ticks(i, all.count, from, lesser(due, warm));
		dropped->load += slot_count_ticks(i, all.count, greater(from, warm), due);
		all.from[i] = greater(from, due);
	}
}

static struct share_part count(const struct share *s, uint64_t from, uint64_t to, uint64_t warm)
{
	return (struct share_part){.warmup = slots_count_ticks(&s->slots, from, lesser(to, warm)),
	                           .load = slots_count_ticks(&s->slots, greater(from, warm), to)};
}

struct share_part share_extend(struct share *s, const struct slots *slots, uint64_t until_tick, uint64_t due,
                               uint64_t warm)
{
	bool fenced = s->tick == SCHEDULE_NEVER;
	struct share_part dropped = {0};
	uint64_t was = s->until_tick;

	if (until_tick > s->until_tick)
		s->until_tick = until_tick;
	due = lesser(due, s->until_tick);
	if (fenced && due > was)
		dropped = count(s, was, due, warm);
	take_slots(s, slots, due, warm, &dropped);
	/* Whoever is behind has nothing of its old share between due and its next tick. */
	seek(s, fenced ? due : lesser(s->tick, due));
	return dropped;
}

struct share_part share_left(const struct share *s, uint64_t warm)
{
	return s->tick == SCHEDULE_NEVER ? (struct share_part){0} : count(s, s->tick, s->until_tick, warm);
}
