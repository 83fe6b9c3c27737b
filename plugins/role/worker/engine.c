/* engine.c - the schedule on one side, dispatch on the other. */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "dispatch.h"
#include "pacer.h"
#include "share.h"

/* Most due requests of one look, so that after a stall answers are read between them. */
#define ENGINE_LOOK_MAX 64

struct engine {
	struct engine_setup set;
	struct pacer pacer;
	struct dispatch dispatch;
	struct share share;
	int64_t due; /* when the next tick is, or when to give up waiting for more; CLOCK_NEVER without one */
	bool over; /* no tick will come any more */
	bool scheduled, ended; /* told */
};

static void engine_set_due(struct engine *e)
{
	const struct schedule *s = e->set.schedule;

	if (e->share.tick != SCHEDULE_NEVER)
		e->due = e->set.t0 + schedule_due(s, e->share.tick);
	else if (e->over || e->share.until_tick >= s->total)
		e->due = CLOCK_NEVER;
	else
		e->due = e->set.t0 + s->duration; /* fenced: until_tick may be raised up to the end */
	e->over |= e->due == CLOCK_NEVER;
}

static void engine_tell(struct engine *e)
{
	if (e->over && !e->scheduled) {
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
		if (e->share.tick == SCHEDULE_NEVER) {
			e->over = true;
			e->due = CLOCK_NEVER;
			break;
		}
		dispatch_due(&e->dispatch, e->share.tick, e->due, now);
		share_next(&e->share);
		engine_set_due(e);
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
	r = share_init(&e->share, setup->slots, setup->until_tick);
	if (r < 0) {
		free(e);
		return r;
	}
	engine_set_due(e);
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
	share_free(&e->share);
	free(e);
}

void engine_extend(struct engine *e, const struct slots *slots, uint64_t until_tick)
{
	const struct schedule *s = e->set.schedule;
	uint64_t due = schedule_ticks_until(s, clock_now() - e->set.t0), dropped;

	if (e->over)
		return;
	dropped = share_extend(&e->share, slots, until_tick < s->total ? until_tick : s->total, due);
	books_dropped_many(e->set.books, dropped, DROPPED_FENCED);
	engine_set_due(e);
}

void engine_stop(struct engine *e)
{
	if (!e->over)
		books_dropped_many(e->set.books, share_left(&e->share), DROPPED_ABORTED);
	e->share.tick = SCHEDULE_NEVER;
	e->over = true;
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
