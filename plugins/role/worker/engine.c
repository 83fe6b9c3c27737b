/* engine.c - the schedule on one side, dispatch on the other. */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "dispatch.h"
#include "pacer.h"

/* Most due requests of one look, so that after a stall answers are read between them. */
#define ENGINE_LOOK_MAX 64

struct engine {
	struct engine_setup set;
	struct pacer pacer;
	struct dispatch dispatch;
	uint64_t tick; /* the next one of ours, SCHEDULE_NEVER = no more */
	int64_t due; /* when it is due; CLOCK_NEVER without one */
	bool scheduled, ended; /* told */
};

/* Moves on to the first tick of ours at or after this one. */
static void engine_next(struct engine *e, uint64_t tick)
{
	e->tick = slots_next(e->set.slots, tick);
	if (e->tick >= e->set.until_tick)
		e->tick = SCHEDULE_NEVER;
	e->due = e->tick == SCHEDULE_NEVER ? CLOCK_NEVER : e->set.t0 + schedule_due(e->set.schedule, e->tick);
}

static void engine_tell(struct engine *e)
{
	if (e->tick == SCHEDULE_NEVER && !e->scheduled) {
		e->scheduled = true;
		e->set.scheduled(e->set.owner);
	}
	if (e->scheduled && !e->ended && e->dispatch.live == 0) {
		e->ended = true;
		e->set.ended(e->set.owner);
	}
}

/* In every turn of the loop. The clock is read for each request: sending takes time, and the next
 * one's lateness is ours. */
static int64_t engine_look(struct pacer *p, int64_t now)
{
	struct engine *e = sq_container(p, struct engine, pacer);
	int64_t begun = now;

	for (int n = 0; e->due <= begun && n < ENGINE_LOOK_MAX; n++) {
		dispatch_due(&e->dispatch, e->tick, e->due, now);
		engine_next(e, e->tick + 1);
		now = clock_now();
	}
	engine_tell(e);
	return e->due;
}

int engine_new(const struct engine_setup *setup, struct engine **ret)
{
	struct engine *e = calloc(1, sizeof *e);
	int r;

	if (!e)
		return -ENOMEM;
	e->set = *setup;
	engine_next(e, 0);
	r = dispatch_init(&e->dispatch, setup->loop, setup->plan, setup->addresses, setup->tls,
	                  setup->request, setup->books);
	if (r == 0)
		r = pacer_start(&e->pacer, setup->loop, setup->timer, &e->dispatch.worked, engine_look);
	if (r < 0) {
		engine_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	pacer_free(&e->pacer);
	dispatch_free(&e->dispatch);
	free(e);
}

void engine_stop(struct engine *e)
{
	if (e->tick != SCHEDULE_NEVER)
		books_dropped_many(e->set.books, slots_count_ticks(e->set.slots, e->tick, e->set.until_tick),
		                   DROPPED_ABORTED);
	e->tick = SCHEDULE_NEVER;
	e->due = CLOCK_NEVER;
	dispatch_drop_waiting(&e->dispatch);
}

void engine_close(struct engine *e)
{
	engine_stop(e);
	pacer_stop(&e->pacer);
	dispatch_close(&e->dispatch);
}

int64_t engine_health(const struct engine *e, struct health *h)
{
	const struct hist *lag = e->pacer.lag;

	h->loop_lag_p99 = lag->count ? hist_percentile(lag, 99) : -1;
	h->fd_exhausted = e->dispatch.limits.fd_exhausted;
	h->port_exhausted = e->dispatch.limits.port_exhausted;
	return e->pacer.spun;
}

int64_t engine_start_lag(const struct engine *e)
{
	return e->dispatch.start_lag;
}

void engine_moved(struct engine *e)
{
	dispatch_moved(&e->dispatch);
}

void engine_tally(struct engine *e)
{
	dispatch_tally(&e->dispatch);
}
