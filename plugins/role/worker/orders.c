/* orders.c - obeying an orchestrator, in pure logic. */
#include "orders.h"

#include <stdio.h>
#include <string.h>

#define EXIT_FAILED 97 /* as of the standalone worker */
#define EXIT_TERMINATED 143 /* 128 + SIGTERM, as shells count */
#define ORDERS_HOPS 3 /* redirections in a row that are followed at once */
#define ORDERS_RETRY (100 * SQ_MS)
#define ORDERS_RETRY_MAX SQ_S

void orders_init(struct orders *o, const char *const *urls, int64_t now, uint64_t seed)
{
	*o = (struct orders){.urls = urls,
	                     .next = now,
	                     .poll = CONTROL_POLL_ARMING,
	                     .deadline = now + ORDERS_SILENCE,
	                     .exit_code = EXIT_FAILED,
	                     .backoff = {.base = ORDERS_RETRY, .ceiling = ORDERS_RETRY_MAX, .seed = seed}};
}

void orders_fini(struct orders *o)
{
	slots_free(&o->slots);
}

static void orders_say(struct orders *o, const char *reason, const char *detail)
{
	snprintf(o->reason, sizeof o->reason, "%s", reason);
	snprintf(o->detail, sizeof o->detail, "%s", detail);
}

/* --- asking ---------------------------------------------------------------------------------- */

int64_t orders_next(const struct orders *o)
{
	return o->asking || o->stage == ORDERS_PREPARING ? INT64_MAX : o->next;
}

const char *orders_url(const struct orders *o)
{
	return *o->owner ? o->owner : o->urls[o->url];
}

static enum worker_state orders_state(const struct orders *o, int64_t now, enum drive_stage load)
{
	switch (o->stage) {
	case ORDERS_ARMED:
		return WORKER_ARMED;
	case ORDERS_GO:
		if (now < o->t0)
			return WORKER_ARMED;
		return load == DRIVE_LOADING ? WORKER_RUNNING : WORKER_DRAINING;
	case ORDERS_OVER:
		return o->closed ? WORKER_ENDED : WORKER_DRAINING;
	default:
		return WORKER_READY;
	}
}

uint64_t orders_ask(struct orders *o, int64_t now, enum drive_stage load, struct report *r)
{
	o->asking = true;
	o->urgent = false;
	if (o->stage == ORDERS_NEW)
		return ++o->asked;
	r->seq = ++o->seq;
	if (o->closed && !o->final_seq)
		o->final_seq = o->seq;
	r->state = orders_state(o, now, load);
	r->epoch = o->epoch;
	r->fence = o->fence;
	r->final = o->closed;
	r->stop_ack = o->stop_ack;
	memcpy(r->reason, o->reason, sizeof r->reason);
	memcpy(r->detail, o->detail, sizeof r->detail);
	r->clock_error = o->t0 ? o->t0_error : trips_error(&o->trips);
	r->round_trip = o->trips.worst;
	return ++o->asked;
}

/* Something is to be told at once. */
static void orders_hurry(struct orders *o, int64_t now)
{
	o->urgent = true;
	o->next = now;
}

/* After a good answer. Polls are counted from T0, so that the reports of all workers are about the same
 * seconds; before there is one, the first round trips follow each other at once, to know its clock. */
static void orders_wait(struct orders *o, int64_t now)
{
	int64_t since = now - o->t0, round = since % o->poll;

	if (o->urgent || (o->stage < ORDERS_GO && o->trips.count < TRIPS_KEPT))
		o->next = now;
	else if (o->stage == ORDERS_GO)
		o->next = now + o->poll - (round < 0 ? round + o->poll : round);
	else
		o->next = now + o->poll;
}

/* Nothing came of it: once more, at the next place. */
static void orders_retry(struct orders *o, int64_t now)
{
	if (!*o->owner)
		o->url = o->urls[o->url + 1] ? o->url + 1 : 0;
	o->owner[0] = '\0';
	o->hops = 0;
	o->next = now + backoff_next(&o->backoff);
}

/* The request has come to its end; false: it was not the last one, nothing of it counts. */
static bool orders_close(struct orders *o, uint64_t number)
{
	if (!o->asking || number != o->asked)
		return false;
	o->asking = false;
	return true;
}

/* --- stages ---------------------------------------------------------------------------------- */

static unsigned orders_exit(struct orders *o, int code)
{
	o->exit_code = o->terminated ? EXIT_TERMINATED : code;
	return ORDERS_EXIT;
}

/* Sends nothing from here on. What is in flight is awaited, then orders_ended() comes; without a load
 * there is nothing to wait for. */
static unsigned orders_finish(struct orders *o, int64_t now)
{
	enum orders_stage was = o->stage;

	if (was == ORDERS_OVER)
		return 0;
	o->stage = ORDERS_OVER;
	o->deadline = now + ORDERS_GRACE;
	o->closed = was == ORDERS_NEW;
	orders_hurry(o, now);
	return o->closed ? 0 : ORDERS_STOP;
}

static void orders_convert(struct orders *o)
{
	o->t0 = trips_convert(&o->trips, o->t0_theirs);
	o->t0_error = trips_error(&o->trips);
}

static unsigned orders_arm(struct orders *o, int64_t now, const struct directive *d)
{
	bool again = o->stage == ORDERS_ARMED && d->epoch == o->epoch && d->t0 == o->t0_theirs;

	if ((o->stage != ORDERS_READY && o->stage != ORDERS_ARMED) || o->slots.count == 0)
		return 0;
	if (o->stage == ORDERS_ARMED && d->fence == o->armed_fence && d->epoch < o->epoch)
		return 0;
	o->stage = ORDERS_ARMED;
	o->epoch = d->epoch;
	o->t0_theirs = d->t0;
	o->armed_fence = d->fence;
	orders_convert(o);
	o->until_tick = d->until_tick;
	if (!again)
		orders_hurry(o, now);
	return 0;
}

static unsigned orders_run(struct orders *o, int64_t now, const struct directive *d)
{
	char late[96];

	if (o->stage != ORDERS_ARMED || d->epoch != o->epoch || d->t0 != o->t0_theirs)
		return 0;
	/* The best conversion is the latest, as long as it is the clock that chose T0. */
	if (d->fence == o->armed_fence)
		orders_convert(o);
	o->until_tick = d->until_tick;
	if (now >= o->t0) {
		snprintf(late, sizeof late, "the order to run came %lld ms after T0",
		         (long long)((now - o->t0) / SQ_MS));
		orders_say(o, "late", late);
		return orders_finish(o, now);
	}
	o->stage = ORDERS_GO;
	o->deadline = o->t0 + o->span + ORDERS_GRACE;
	return ORDERS_BEGIN;
}

static unsigned orders_stop(struct orders *o, int64_t now)
{
	if (!o->stop_ack)
		orders_hurry(o, now);
	o->stop_ack = true;
	return orders_finish(o, now);
}

/* --- what came of a request ------------------------------------------------------------------ */

/* The share that came, out of d. */
static void orders_take(struct orders *o, struct directive *d)
{
	if (d->slots.count == 0)
		return;
	slots_free(&o->slots);
	o->slots = d->slots;
	d->slots = (struct slots){0};
}

/* It runs already: the share may grow. */
static unsigned orders_extend(struct orders *o, struct directive *d)
{
	bool more = d->until_tick > o->until_tick || d->slots.count;

	if (d->state != DIRECTIVE_RUN || d->epoch != o->epoch || d->t0 != o->t0_theirs || !more)
		return 0;
	orders_take(o, d);
	if (d->until_tick > o->until_tick)
		o->until_tick = d->until_tick;
	return ORDERS_EXTEND;
}

static unsigned orders_obey(struct orders *o, int64_t now, struct directive *d)
{
	unsigned todo = 0;

	if (d->state == DIRECTIVE_STOP)
		return orders_stop(o, now);
	if (o->stage == ORDERS_GO)
		return orders_extend(o, d);
	if (o->stage < ORDERS_GO)
		orders_take(o, d);
	if (o->stage == ORDERS_NEW) {
		o->stage = ORDERS_PREPARING;
		todo = ORDERS_PREPARE;
	} else if (d->state == DIRECTIVE_ARM) {
		todo = orders_arm(o, now, d);
	} else if (d->state == DIRECTIVE_RUN) {
		todo = orders_run(o, now, d);
	}
	return todo;
}

unsigned orders_heard(struct orders *o, uint64_t number, int64_t now, int64_t sent, int64_t answered,
                      struct directive *d)
{
	unsigned todo;

	if (!orders_close(o, number))
		return 0;
	if (d->fence < o->fence) {
		orders_retry(o, now);
		return 0;
	}
	if (d->fence > o->fence)
		trips_forget(&o->trips);
	o->fence = d->fence;
	o->poll = d->poll;
	o->hops = 0;
	backoff_reset(&o->backoff);
	trips_add(&o->trips, sent, answered, d->now);
	if (o->stage < ORDERS_GO)
		o->deadline = now + ORDERS_SILENCE;
	if (o->final_seq && d->stored >= o->final_seq)
		return orders_exit(o, 0);
	todo = orders_obey(o, now, d);
	orders_wait(o, now);
	return todo;
}

/* "http://10.0.0.7:8001/control/..." without its path. */
static bool orders_follow(struct orders *o, const char *location)
{
	const char *host = location ? strstr(location, "://") : NULL;
	size_t len = host ? (size_t)(host + 3 - location) + strcspn(host + 3, "/?#") : 0;

	if (++o->hops > ORDERS_HOPS || len == 0 || len >= sizeof o->owner)
		return false;
	memcpy(o->owner, location, len);
	o->owner[len] = '\0';
	return true;
}

unsigned orders_refused(struct orders *o, uint64_t number, int64_t now, int status, const char *location)
{
	if (!orders_close(o, number))
		return 0;
	if (status == 410)
		return orders_exit(o, 0);
	if ((status == 401 || status == 409) && o->stage == ORDERS_NEW)
		return orders_exit(o, EXIT_FAILED);
	if (status == 307 && orders_follow(o, location))
		o->next = now;
	else
		orders_retry(o, now);
	return 0;
}

unsigned orders_unheard(struct orders *o, uint64_t number, int64_t now)
{
	if (orders_close(o, number))
		orders_retry(o, now);
	return 0;
}

/* --- what happens in this process ------------------------------------------------------------ */

void orders_prepared(struct orders *o, int64_t now, int64_t span)
{
	if (o->stage != ORDERS_PREPARING)
		return;
	o->stage = ORDERS_READY;
	o->span = span;
	o->deadline = now + ORDERS_SILENCE;
	orders_hurry(o, now);
}

unsigned orders_fail(struct orders *o, int64_t now, const char *reason, const char *detail)
{
	if (o->stage != ORDERS_OVER)
		orders_say(o, reason, detail);
	return orders_finish(o, now);
}

void orders_ended(struct orders *o, int64_t now)
{
	orders_finish(o, now);
	o->closed = true;
	orders_hurry(o, now);
}

unsigned orders_terminate(struct orders *o, int64_t now)
{
	unsigned todo;

	o->terminated = true;
	if (o->stage == ORDERS_NEW)
		return orders_exit(o, EXIT_TERMINATED);
	todo = orders_fail(o, now, "terminated", "the worker's process was told to end");
	o->deadline = now + ORDERS_TERM;
	return todo;
}

unsigned orders_check(struct orders *o, int64_t now)
{
	return now < o->deadline ? 0 : orders_exit(o, EXIT_FAILED);
}
