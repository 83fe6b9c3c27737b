/*
 * schedule.h - when each request is due, and whose it is. Pure integer arithmetic, no clock.
 *
 * Tick k (0, 1, 2, ...) is one request of the whole test. Its due time depends on k alone, so any
 * number of workers agree without talking: worker totals add up exactly whatever the rate and
 * the number of workers, and they interleave evenly.
 *
 * Tick k belongs to slot k mod V, V = 60 N for N planned workers; a worker owns a set of slots,
 * each from a tick on, and never sends a tick at or above its until_tick (design: fencing
 * without clocks).
 */
#ifndef COMMON_SCHEDULE_H
#define COMMON_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_NEVER UINT64_MAX

struct schedule {
	int64_t rate; /* millionths of a request per second, > 0 */
	int64_t duration; /* ns, > 0 */
	uint64_t total; /* ticks: those due before duration ends */
};

/* total = the number of k with due(k) < duration, = ceil(duration * rate / 1e15) in 128 bit. */
void schedule_constant(struct schedule *s, int64_t rate, int64_t duration);

/* ns after T0: floor(k * 1e15 / rate), without drift. */
int64_t schedule_due(const struct schedule *s, uint64_t tick);

/* How many ticks are due at or before this many ns after T0 (0 when negative), at most total. */
uint64_t schedule_ticks_until(const struct schedule *s, int64_t offset);

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
