/*
 * slots.h - whose each request is. Pure.
 *
 * Tick k (core/base/schedule.h) belongs to slot k mod V, V = 60 N for N planned workers; a worker owns a set
 * of slots, each from a tick on, and never sends a tick at or above its until_tick (design: fencing without
 * clocks).
 */
#ifndef COMMON_SLOTS_H
#define COMMON_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/schedule.h"

#define SLOTS_PER_WORKER 60

/* What one worker owns. */
struct slots {
	uint32_t count; /* V */
	uint64_t *from; /* per slot: first tick that is ours, SCHEDULE_NEVER = not ours */
};

int slots_init(struct slots *s, uint32_t workers); /* nothing owned; 0 or -ENOMEM */
void slots_free(struct slots *s);
/* The share of worker index of workers from tick 0 on: slots index, index + N, ... */
void slots_deal(struct slots *s, uint32_t index, uint32_t workers);
bool slots_own(const struct slots *s, uint64_t tick);
/* The first owned tick >= tick, or SCHEDULE_NEVER. At most one pass over the slots. */
uint64_t slots_next(const struct slots *s, uint64_t tick);
/* How many owned ticks lie in [from, to): exact, without walking the ticks. */
uint64_t slots_count_ticks(const struct slots *s, uint64_t from, uint64_t to);
/* The same for one slot of so many, whoever owns it. */
uint64_t slot_count_ticks(uint32_t slot, uint32_t count, uint64_t from, uint64_t to);

#endif
