/* engine.c - the schedule on one side, dispatch on the other. */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "closed.h"
#include "dispatch.h"
#include "pacer.h"
#include "share.h"

/* Most due requests of one look, so that after a stall answers are read between them. */
#define ENGINE_LOOK_MAX 64
/* How long answers are read in one turn of the loop before requests go out, in the closed model. */
#define ENGINE_GATHER (50 * SQ_US)

struct engine {
	struct engine_setup set;
	struct pacer pacer;
	struct dispatch dispatch;
	struct share share; /* our ticks; the next one is share.tick */
	struct schedule_walk walk;
	struct closed closed; /* of the closed model */
	/* monotonic ns: when the load begins; nothing is started from end on, in the closed model, and nobody
	 * waits longer for more ticks */
	int64_t load_at, end;
	int64_t due; /* when the next tick is; CLOCK_NEVER without one, or when all connections are busy */
	bool over; /* no tick will come any more */
	bool scheduled, ended; /* told */
};

static bool engine_is_closed(const struct engine *e)
{
	return e->set.schedule->closed;
}

static void engine_finish(struct engine *e)
{
	e->over = true;
	e->due = CLOCK_NEVER;
}

/* When the next tick is due, after anything that may have changed it. A share that has come to its until_tick
 * waits for more of it, up to the end. */
static void engine_when(struct engine *e)
{
	if (e->over)
		e->due = CLOCK_NEVER;
	else if (e->share.tick == SCHEDULE_NEVER && e->share.until_tick < e->set.schedule->total)
		e->due = e->end;
	else if (e->share.tick == SCHEDULE_NEVER)
		engine_finish(e);
	else if (engine_is_closed(e))
		e->due = closed_first(&e->closed);
	else
		e->due = e->set.t0 + schedule_walk_due(&e->walk, e->share.tick);
}

static bool engine_is_warmup(const struct engine *e)
{
	return engine_is_closed(e) ? e->due < e->load_at : e->share.tick < e->set.schedule->warm;
}

/* The next request is due. */
static void engine_begin(struct engine *e, int64_t now)
{
	struct accounts *a = e->set.accounts;
	struct due due = {.tick = e->share.tick,
	                  .at = e->due,
	                  .message = messages_choose(e->set.messages, e->share.tick),
	                  .counted = !engine_is_warmup(e)};

	due.books = due.counted ? a->load[due.message] : a->warmup;
	if (due.counted && e->dispatch.books == a->warmup)
		dispatch_turn(&e->dispatch, a->common);
	if (engine_is_closed(e)) {
		closed_take(&e->closed);
		e->closed.left -= due.counted;
	}
	/* The tick is spent first: what becomes of the request may come back in here. */
	share_next(&e->share);
	if (engine_is_closed(e) && e->closed.left == 0)
		engine_finish(e);
	engine_when(e);
	dispatch_due(&e->dispatch, &due, now);
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

/* The closed model has no last tick, but a last moment; so has waiting for more. */
static void engine_expire(struct engine *e, int64_t now)
{
	if ((engine_is_closed(e) || e->share.tick == SCHEDULE_NEVER) && now >= e->end)
		engine_finish(e);
}

/* The clock is read for each request: sending takes time, and the next one's lateness is ours. */
static void engine_send(struct engine *e, int64_t now)
{
	int64_t begun = now;

	engine_expire(e, now);
	for (int n = 0; e->share.tick != SCHEDULE_NEVER && e->due <= begun && n < ENGINE_LOOK_MAX; n++)
		engine_begin(e, n > 0 ? clock_now() : now);
}

/* In every turn of the loop. */
static int64_t engine_look(struct pacer *p, int64_t now)
{
	struct engine *e = sq_container(p, struct engine, pacer);

	engine_send(e, now);
	engine_tell(e);
	return !e->over && engine_is_closed(e) && e->due > e->end ? e->end : e->due;
}

/* --- the closed model ------------------------------------------------------------------------ */

static void engine_freed(void *owner, int64_t now, bool sent)
{
	struct engine *e = owner;

	closed_give(&e->closed, now, sent);
	engine_when(e);
}

/* Answers are read for a moment before the next requests go out: who is sent to is woken once for all of
 * them, and what has come already is not stamped behind our own sending. */
static void engine_refill(void *owner, int64_t now)
{
	struct engine *e = owner;

	if (now - e->due >= ENGINE_GATHER)
		engine_send(e, now);
}

static int engine_open_closed(struct engine *e)
{
	const struct engine_setup *s = &e->set;
	int r = closed_init(&e->closed, s->slots, (uint64_t)s->plan->connections,
	                    (uint64_t)s->plan->max_requests, s->plan->think, s->t0);

	if (r < 0)
		return r;
	e->dispatch.max_connections = e->dispatch.max_in_flight = e->closed.size;
	e->dispatch.request_ended = engine_freed;
	e->dispatch.refill = engine_refill;
	e->dispatch.owner = e;
	return 0;
}

/* --- life ------------------------------------------------------------------------------------ */

/* By its share: slots are dealt in turn. One that has none yet takes over from others. */
static void engine_place(struct engine *e)
{
	const struct slots *s = e->set.slots;

	e->dispatch.workers = s->count / SLOTS_PER_WORKER;
	for (uint32_t i = 0; i < e->dispatch.workers; i++)
		if (s->from[i] != SCHEDULE_NEVER) {
			e->dispatch.index = i;
			return;
		}
}

int engine_new(const struct engine_setup *setup, struct engine **ret)
{
	struct engine *e = calloc(1, sizeof *e);
	struct accounts *a = setup->accounts;
	int r;

	if (!e)
		return -ENOMEM;
	e->set = *setup;
	e->load_at = setup->t0 + setup->schedule->warmup;
	e->end = e->load_at + (setup->schedule->closed ? setup->schedule->duration : setup->schedule->end);
	schedule_walk_init(&e->walk, setup->schedule);
	r = dispatch_init(&e->dispatch, setup->loop, setup->plan, setup->addresses, setup->tls,
	                  setup->messages, a->warmup ? a->warmup : a->common);
	if (r == 0)
		r = share_init(&e->share, setup->slots, setup->until_tick);
	engine_place(e);
	if (r == 0 && engine_is_closed(e))
		r = engine_open_closed(e);
	if (r == 0 && engine_is_closed(e) && e->closed.left == 0)
		engine_finish(e);
	if (r == 0) {
		engine_when(e);
		r = pacer_start(&e->pacer, setup->loop, setup->timer, &e->dispatch.worked, engine_look);
	}
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
	share_free(&e->share);
	free(e);
}

/* Ticks that are not looked at any more, of the warm-up and of the load. */
static void engine_drop(struct engine *e, const struct share_part *part, enum ledger_dropped why)
{
	if (part->warmup > 0)
		books_dropped_many(e->set.accounts->warmup, part->warmup, why);
	if (part->load > 0)
		books_dropped_many(e->set.accounts->common, part->load, why);
}

void engine_extend(struct engine *e, const struct slots *slots, uint64_t until_tick)
{
	const struct schedule *s = e->set.schedule;
	struct share_part dropped;
	uint64_t due;

	if (e->over || engine_is_closed(e))
		return;
	due = schedule_ticks_until(s, clock_now() - e->set.t0);
	dropped = share_extend(&e->share, slots, until_tick < s->total ? until_tick : s->total, due, s->warm);
	engine_drop(e, &dropped, DROPPED_FENCED);
	engine_when(e);
}

void engine_stop(struct engine *e)
{
	/* In the closed model nothing was scheduled that was not started. */
	if (!e->over && !engine_is_closed(e)) {
		struct share_part left = share_left(&e->share, e->set.schedule->warm);

		engine_drop(e, &left, DROPPED_ABORTED);
	}
	e->share.tick = SCHEDULE_NEVER;
	engine_finish(e);
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
