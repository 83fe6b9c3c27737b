/*
 * share.h - which tick a worker looks at next, and how its share grows while it runs. Pure.
 *
 * It never looks at a tick at or above its until_tick, and classes none: those belong to whoever gets
 * them. Both the slots and until_tick only grow. A tick that came to it when it was due already is
 * dropped as fenced, so that nothing is caught up in a burst.
 */
#ifndef WORKER_SHARE_H
#define WORKER_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "plugins/common/slots.h"

struct share {
	struct slots slots; /* owned */
	uint64_t until_tick;
	uint64_t tick; /* the next one to look at, SCHEDULE_NEVER = none below until_tick */
};

/* A copy of the slots, from tick 0 on. 0 or -ENOMEM. */
int share_init(struct share *s, const struct slots *slots, uint64_t until_tick);
void share_free(struct share *s); /* harmless on a zeroed one */

void share_next(struct share *s); /* this tick was looked at */

/* A number of ticks, apart for the warm-up: those below warm. */
struct share_part {
	uint64_t warmup, load;
};

/*
 * slots: the whole share, of as many slots; count 0 = nothing new. due: how many ticks of the test are due
 * by now. Returns how many ticks were dropped: fenced until now and due already.
 */
struct share_part share_extend(struct share *s, const struct slots *slots, uint64_t until_tick, uint64_t due,
                               uint64_t warm);

/* How many ticks below until_tick were not looked at yet. */
struct share_part share_left(const struct share *s, uint64_t warm);

#endif
