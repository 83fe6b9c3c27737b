/* queue.c - from free messages to deliveries, and back. */
#include "queue.h"

#include <errno.h>
#include <stddef.h>

#define POLL (100 * SQ_MS)
#define POLL_FAILED (1 * SQ_S)
#define TAKE_MOST 64 /* at once */

/* How long a message stays away that came back: whoever could not use it shall not spin. */
#define RETRY_PAUSE (1 * SQ_S)
#define RELEASE_PAUSE (100 * SQ_MS)

static uint32_t queue_room(const struct queue *q)
{
	return q->credit > q->out ? q->credit - q->out : 0;
}

static bool is_open(struct queue *q)
{
	return !q->stopped && q->carrier->is_open(q);
}

/* --- looking ----------------------------------------------------------------------------------- */

static void take(struct queue *q, bool sure)
{
	uint32_t room = queue_room(q);

	q->looking = true;
	q->again = false;
	q->asked = q->host->now(q->host->ctx);
	q->carrier->take(q, room < TAKE_MOST ? room : TAKE_MOST, sure);
}

static void look(struct queue *q)
{
	if (q->looking)
		q->again = true;
	else if (queue_room(q) > 0 && is_open(q))
		take(q, false);
}

static void rest(struct queue *q, int64_t pause)
{
	if (queue_room(q) > 0)
		q->host->timer_start(q->host->ctx, &q->poll, pause);
}

static void poll(struct sq_timer *t)
{
	struct queue *q = sq_container(t, struct queue, poll);

	if (is_open(q))
		look(q);
	else
		rest(q, POLL);
}

/* --- a delivery's end -------------------------------------------------------------------------- */

static void hold_remove(struct hold *h)
{
	struct hold **p = &h->queue->held;

	while (*p != h)
		p = &(*p)->next;
	*p = h->next;
}

void queue_dead(struct queue *q, const char *id, const char *why)
{
	++*q->dead;
	SQ_WARN(q->host, SQ_KV({"test", id}), "put aside as a dead letter: %s", why);
}

/* What went back by itself. In the end the role may still look at it. */
static void returned(struct hold *h)
{
	if (h->queue->stopped)
		return;
	hold_remove(h);
	h->queue->carrier->drop(h);
}

void queue_settled(struct hold *h, int status)
{
	struct queue *q = h->queue;

	if (!h->settling) {
		returned(h);
		return;
	}
	hold_remove(h);
	q->out--;
	if (status > 0)
		queue_dead(q, h->delivery.msg.id, "it failed at its last delivery (max_deliveries)");
	else if (status == 0 && h->how == SQ_DEAD)
		++*q->dead;
	q->host->op_done(q->host->ctx, &h->settling->op, status > 0 ? 0 : status);
	q->carrier->drop(h);
	look(q);
}

/* When it cannot go back its lock will run out. */
static void give_back(struct hold *h)
{
	h->how = SQ_RELEASE;
	h->going = true;
	if (h->queue->carrier->settle(h) < 0)
		returned(h);
}

static void lose(struct hold *h)
{
	struct queue *q = h->queue;

	hold_remove(h);
	q->out--;
	q->host->lost(q->host->ctx, &h->delivery);
	q->carrier->drop(h);
	look(q);
}

static void lock_over(struct sq_timer *t)
{
	struct hold *h = sq_container(t, struct hold, expire);

	if (h->renewing == NULL) /* else its outcome decides */
		lose(h);
}

static void watch_lock(struct hold *h)
{
	const struct sq_host *host = h->queue->host;

	if (!h->going)
		host->timer_start(host->ctx, &h->expire, h->delivery.lock_until - host->now(host->ctx));
}

void queue_renewed(struct hold *h, int status)
{
	struct queue *q = h->queue;
	struct sq_settling *rq = h->renewing;

	h->renewing = NULL;
	if (status == 0)
		h->delivery.lock_until = h->asked + q->lock;
	else if (q->host->now(q->host->ctx) >= h->delivery.lock_until)
		status = -SQ_EGONE;
	watch_lock(h);
	q->host->op_done(q->host->ctx, &rq->op, status);
	if (status != -SQ_EGONE || h->going)
		return;
	q->host->timer_stop(q->host->ctx, &h->expire);
	lose(h);
}

/* --- a delivery's beginning -------------------------------------------------------------------- */

static void deliver(struct queue *q, struct hold *h, int64_t asked)
{
	h->queue = q;
	h->expire.fire = lock_over;
	h->next = q->held;
	q->held = h;
	if (queue_room(q) == 0) {
		give_back(h);
		return;
	}
	q->out++;
	h->delivery.lock_until = asked + q->lock;
	watch_lock(h);
	q->host->deliver(q->host->ctx, &h->delivery);
}

void queue_taken(struct queue *q, int status, struct hold *first, bool more)
{
	int64_t asked = q->asked; /* the role may start the next taking meanwhile */
	struct hold *next;

	more |= q->again;
	q->looking = false;
	rest(q, status < 0 ? POLL_FAILED : POLL);
	for (struct hold *h = first; h; h = next) {
		next = h->next;
		deliver(q, h, asked);
	}
	if (more && status >= 0)
		look(q);
}

void queue_opened(struct queue *q)
{
	look(q);
}

/* --- for the verbs ----------------------------------------------------------------------------- */

void queue_init(struct queue *q, const struct sq_host *host, const struct queue_carrier *carrier,
                int64_t lock)
{
	q->host = host;
	q->carrier = carrier;
	q->lock = lock;
	q->poll.fire = poll;
	q->dead = host->counter(host->ctx, "queue_dead_letters", "Messages that were put aside for good.");
}

void queue_credit(struct queue *q, uint32_t most)
{
	q->credit = most;
	if (queue_room(q) == 0) {
		q->host->timer_stop(q->host->ctx, &q->poll);
		return;
	}
	if (is_open(q))
		look(q);
	else
		rest(q, POLL);
}

void queue_published(struct queue *q)
{
	if (q->looking)
		q->again = true;
	else if (queue_room(q) > 0)
		take(q, true);
}

/* 0, or why the request is refused. */
static int hold_open(struct queue *q, const struct sq_settling *rq)
{
	const struct hold *h = rq->delivery ? rq->delivery->driver : NULL;

	if (h == NULL)
		return -EINVAL;
	if (!is_open(q))
		return -ENOTCONN;
	return h->going ? -EALREADY : 0;
}

static int settle_check(const struct sq_settling *rq)
{
	if ((unsigned)rq->how > SQ_DEAD)
		return -EINVAL;
	return rq->how == SQ_DEAD && rq->reason == NULL ? -EINVAL : 0;
}

int queue_settle(struct queue *q, struct sq_settling *rq)
{
	int r = hold_open(q, rq);
	struct hold *h;

	if (r == 0)
		r = settle_check(rq);
	if (r < 0)
		return r;
	h = rq->delivery->driver;
	h->settling = rq;
	h->how = rq->how;
	h->pause = rq->how == SQ_RETRY ? RETRY_PAUSE : RELEASE_PAUSE;
	r = q->carrier->settle(h);
	if (r < 0) {
		h->settling = NULL;
		return r;
	}
	h->going = true;
	q->host->timer_stop(q->host->ctx, &h->expire);
	return 0;
}

int queue_renew(struct queue *q, struct sq_settling *rq)
{
	int r = hold_open(q, rq);
	struct hold *h;

	if (r < 0)
		return r;
	h = rq->delivery->driver;
	if (h->renewing)
		return -EBUSY;
	h->renewing = rq;
	h->asked = q->host->now(q->host->ctx);
	r = q->carrier->renew(h);
	if (r < 0)
		h->renewing = NULL;
	return r;
}

void queue_stop(struct queue *q)
{
	struct hold *next;

	q->credit = 0;
	q->stopped = true;
	q->host->timer_stop(q->host->ctx, &q->poll);
	for (struct hold *h = q->held; h; h = next) {
		next = h->next;
		q->host->timer_stop(q->host->ctx, &h->expire);
		if (!h->going)
			give_back(h);
	}
}

void queue_free(struct queue *q)
{
	if (q->host)
		q->host->timer_stop(q->host->ctx, &q->poll);
	while (q->held) {
		struct hold *h = q->held;

		q->held = h->next;
		q->host->timer_stop(q->host->ctx, &h->expire);
		q->carrier->drop(h);
	}
}
