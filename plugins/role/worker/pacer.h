/*
 * pacer.h - when the loop looks at the schedule.
 *
 * The schedule is looked at in every turn of the loop, before it sleeps. So that there is a turn
 * when a request is due, a timerfd wakes the loop; how much CPU a better hit may cost is the mode:
 *
 *     precise    wakes 50 us early and polls without sleeping until the request is due
 *     balanced   wakes at the due time (30-60 us late by the kernel's own path)
 *     economy    wakes at most once a millisecond
 *
 * Measured in notes of performance: median lateness 0.2-11, 27-62 and 500-700 us.
 *
 * There is no code for polling without sleep: an expired timerfd stays readable until it is set
 * anew, so the loop's poll returns at once, and answers are still served in every turn.
 */
#ifndef WORKER_PACER_H
#define WORKER_PACER_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include <squall/util.h>

#include "core/base/hist.h"
#include "plugins/common/plan.h"

#define PACER_EARLY (50 * SQ_US)
#define PACER_ECONOMY SQ_MS

struct pacer {
	struct ev_loop *loop;
	struct ev_prepare turn;
	struct ev_io wake;
	enum plan_timer mode; /* never PLAN_TIMER_AUTO */
	int64_t (*look)(struct pacer *p,
	                int64_t now); /* sends what is due; the next due time, or CLOCK_NEVER */
	int64_t armed; /* when the timerfd expires; CLOCK_NEVER = not set */
	int64_t looked; /* the last look */
	bool spinning; /* poll could not sleep since the last look */
	bool *worked; /* the owner sets it when it did something since then; cleared here */
	int64_t spun; /* ns spent polling for nothing; a turn that lasted longer was others' CPU */
	struct hist *lag; /* of each wake-up: the look - when it was asked for */
};

/* auto becomes precise with a whole CPU, else balanced. */
enum plan_timer pacer_mode(enum plan_timer asked, bool whole_cpu);

/* When to wake for a request due at due. Pure. */
int64_t pacer_wake(enum plan_timer mode, int64_t due, int64_t looked);

int pacer_start(struct pacer *p, struct ev_loop *loop, enum plan_timer mode, bool *worked,
                int64_t (*look)(struct pacer *p, int64_t now)); /* 0 or negative errno */
void pacer_stop(struct pacer *p); /* harmless when not started; keeps spun and lag */
void pacer_free(struct pacer *p);

#endif
