/* engine.c - the schedule on one side, dispatch on the other. */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "closed.h"
#include "dispatch.h"
#include "pacer.h"

/* Most due requests of one look, so that after a stall answers are read between them. */
#define ENGINE_LOOK_MAX 64

struct engine {
	struct engine_setup set;
	struct pacer pacer;
	struct dispatch dispatch;
	struct schedule_walk walk;
	struct closed closed; /* of the closed model */
	int64_t load_at,
	    end; /* monotonic ns: when the load begins; the closed model starts nothing from end on */
	uint64_t tick; /* the next one of ours, SCHEDULE_NEVER = no more */
	int64_t due; /* when it is due; CLOCK_NEVER without one, or when all connections are busy */
	bool scheduled, ended; /* told */
};

static bool engine_is_closed(const struct engine *e)
{
	return e->set.schedule->closed;
}

/* When the tick is due, after anything that may have changed it. */
static void engine_when(struct engine *e)
{
	if (e->tick == SCHEDULE_NEVER)
		e->due = CLOCK_NEVER;
	else if (engine_is_closed(e))
		e->due = closed_first(&e->closed);
	else
		e->due = e->set.t0 + schedule_walk_due(&e->walk, e->tick);
}

/* Moves on to the first tick of ours at or after this one. */
static void engine_next(struct engine *e, uint64_t tick)
{
	e->tick = slots_next(e->set.slots, tick);
	if (e->tick >= e->set.until_tick)
		e->tick = SCHEDULE_NEVER;
	engine_when(e);
}

static bool engine_is_warmup(const struct engine *e)
{
	return engine_is_closed(e) ? e->due < e->load_at : e->tick < e->set.schedule->warm;
}

/* The next request is due. */
static void engine_begin(struct engine *e, int64_t now)
{
	struct accounts *a = e->set.accounts;
	struct due due = {.tick = e->tick,
	                  .at = e->due,
	                  .message = messages_choose(e->set.messages, e->tick),
	                  .counted = !engine_is_warmup(e)};

	due.books = due.counted ? a->load[due.message] : a->warmup;
	if (due.counted && e->dispatch.books == a->warmup)
		dispatch_turn(&e->dispatch, a->common);
	if (engine_is_closed(e)) {
		closed_take(&e->closed);
		e->closed.left -= due.counted;
	}
	/* The tick is spent first: what becomes of the request may come back in here. */
	engine_next(e, e->closed.left == 0 && engine_is_closed(e) ? SCHEDULE_NEVER : e->tick + 1);
	dispatch_due(&e->dispatch, &due, now);
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

/* The closed model has no last tick, but a last moment. */
static void engine_expire(struct engine *e, int64_t now)
{
	if (!engine_is_closed(e) || now < e->end)
		return;
	e->tick = SCHEDULE_NEVER;
	e->due = CLOCK_NEVER;
}

/* In every turn of the loop. The clock is read for each request: sending takes time, and the next
 * one's lateness is ours. */
static int64_t engine_look(struct pacer *p, int64_t now)
{
	struct engine *e = sq_container(p, struct engine, pacer);
	int64_t begun = now;

	engine_expire(e, now);
	for (int n = 0; e->due <= begun && n < ENGINE_LOOK_MAX; n++) {
		engine_begin(e, now);
		now = clock_now();
	}
	engine_tell(e);
	return e->tick != SCHEDULE_NEVER && e->due > e->end ? e->end : e->due;
}

/* --- the closed model ------------------------------------------------------------------------ */

static void engine_freed(void *owner, int64_t now, bool sent)
{
	struct engine *e = owner;

	closed_give(&e->closed, now, sent);
	engine_when(e);
}

/* The next request goes out with the answer to the last one, and not in the next turn of the loop. */
static void engine_refill(void *owner, int64_t now)
{
	struct engine *e = owner;

	if (e->due <= now && now < e->end)
		engine_begin(e, now);
}

static int engine_open_closed(struct engine *e)
{
	const struct engine_setup *s = &e->set;
	int r = closed_init(&e->closed, s->slots, (uint64_t)s->plan->connections,
	                    (uint64_t)s->plan->max_requests, s->plan->think, s->t0);

	if (r < 0)
		return r;
	e->end = e->load_at + s->schedule->duration;
	e->dispatch.max_connections = e->dispatch.max_in_flight = e->closed.size;
	e->dispatch.request_ended = engine_freed;
	e->dispatch.refill = engine_refill;
	e->dispatch.owner = e;
	return 0;
}

/* --- life ------------------------------------------------------------------------------------ */

int engine_new(const struct engine_setup *setup, struct engine **ret)
{
	struct engine *e = calloc(1, sizeof *e);
	struct accounts *a = setup->accounts;
	int r;

	if (!e)
		return -ENOMEM;
	e->set = *setup;
	e->load_at = setup->t0 + setup->schedule->warmup;
	e->end = CLOCK_NEVER;
	schedule_walk_init(&e->walk, setup->schedule);
	r = dispatch_init(&e->dispatch, setup->loop, setup->plan, setup->addresses, setup->messages,
	                  a->warmup ? a->warmup : a->common);
	if (r == 0 && engine_is_closed(e))
		r = engine_open_closed(e);
	if (r == 0)
		engine_next(e, 0);
	if (r == 0 && engine_is_closed(e) && e->closed.left == 0)
		e->tick = SCHEDULE_NEVER;
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
	closed_free(&e->closed);
	free(e);
}

/* Ticks of ours in [from, to) that are not looked at any more. */
static void engine_drop(struct engine *e, struct books *b, uint64_t from, uint64_t to)
{
	from = e->tick > from ? e->tick : from;
	to = e->set.until_tick < to ? e->set.until_tick : to;
	if (from < to)
		books_dropped_many(b, slots_count_ticks(e->set.slots, from, to), DROPPED_ABORTED);
}

void engine_stop(struct engine *e)
{
	uint64_t warm = e->set.schedule->warm;

	/* In the closed model nothing was scheduled that was not started. */
	if (e->tick != SCHEDULE_NEVER && !engine_is_closed(e)) {
		if (e->tick < warm)
			engine_drop(e, e->set.accounts->warmup, 0, warm);
		engine_drop(e, e->set.accounts->common, warm, SCHEDULE_NEVER);
	}
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

void engine_tally(struct engine *e)
{
	dispatch_tally(&e->dispatch);
}
