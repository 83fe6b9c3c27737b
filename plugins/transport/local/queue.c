/* queue.c - from free messages to deliveries, and back. */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define POLL (100 * SQ_MS)
#define POLL_FAILED (1 * SQ_S)
#define TAKE_MOST 64 /* in one transaction */

/* How long a message stays away that came back: whoever could not use it shall not spin. */
#define RETRY_PAUSE (1 * SQ_S)
#define RELEASE_PAUSE (100 * SQ_MS)

static void look(struct queue *q);

static uint32_t queue_room(const struct queue *q)
{
	return disk_is_open(q->disk) && q->credit > q->out ? q->credit - q->out : 0;
}

/* --- a delivery's end --- */

static void held_remove(struct held *h)
{
	struct held **p = &h->queue->held;

	while (*p != h)
		p = &(*p)->next;
	*p = h->next;
}

static void tell_dead(struct queue *q, const struct held *h, const char *why)
{
	++*q->dead;
	SQ_WARN(q->host, SQ_KV({"test", h->delivery.msg.id}), "put aside as a dead letter: %s", why);
}

static void settled(struct job *j)
{
	struct held *h = sq_container(j, struct held, settle);
	struct queue *q = h->queue;

	held_remove(h);
	q->out--;
	if (j->status > 0)
		tell_dead(q, h, "it failed at its last delivery (max_deliveries)");
	else if (j->status == 0 && h->how == SQ_DEAD)
		++*q->dead;
	q->host->op_done(q->host->ctx, &h->settling->op, j->status > 0 ? 0 : j->status);
	free(h);
	look(q);
}

static void returned(struct job *j)
{
	struct held *h = sq_container(j, struct held, settle);

	if (!disk_is_open(h->queue->disk))
		return; /* the role may look at it until the end */
	held_remove(h);
	free(h);
}

/* Back to the file by ourselves. */
static void give_back(struct held *h)
{
	h->how = SQ_RELEASE;
	h->settle.done = returned;
	batch_add(&h->queue->disk->batch, &h->settle);
}

static void lose(struct held *h)
{
	struct queue *q = h->queue;

	held_remove(h);
	q->out--;
	q->host->lost(q->host->ctx, &h->delivery);
	free(h);
	look(q);
}

static void lock_over(struct sq_timer *t)
{
	struct held *h = sq_container(t, struct held, expire);

	if (h->renewing == NULL) /* else its outcome decides */
		lose(h);
}

static void watch_lock(struct held *h)
{
	const struct sq_host *host = h->queue->host;

	if (h->settling == NULL)
		host->timer_start(host->ctx, &h->expire, h->delivery.lock_until - host->now(host->ctx));
}

static void renewed(struct job *j)
{
	struct held *h = sq_container(j, struct held, renew);
	struct queue *q = h->queue;
	struct sq_settling *rq = h->renewing;
	int status = j->status;

	h->renewing = NULL;
	if (status == 0)
		h->delivery.lock_until = h->asked + h->terms->lock;
	else if (q->host->now(q->host->ctx) >= h->delivery.lock_until)
		status = -SQ_EGONE;
	watch_lock(h);
	q->host->op_done(q->host->ctx, &rq->op, status);
	if (status != -SQ_EGONE || h->settling)
		return;
	q->host->timer_stop(q->host->ctx, &h->expire);
	lose(h);
}

/* --- a delivery's beginning --- */

static void deliver(struct queue *q, struct held *h, int64_t asked)
{
	if (h->dead) {
		tell_dead(q, h, "every delivery of it ran out unsettled (max_deliveries)");
		free(h);
		return;
	}
	h->queue = q;
	h->expire.fire = lock_over;
	h->settle.verb = &verb_settle;
	h->renew.verb = &verb_renew;
	h->renew.done = renewed;
	h->next = q->held;
	q->held = h;
	if (queue_room(q) == 0) {
		give_back(h);
		return;
	}
	q->out++;
	h->delivery.lock_until = asked + h->terms->lock;
	watch_lock(h);
	q->host->deliver(q->host->ctx, &h->delivery);
}

static void rest(struct queue *q, int64_t pause)
{
	if (queue_room(q) > 0)
		q->host->timer_start(q->host->ctx, &q->poll, pause);
}

static void take(struct queue *q)
{
	uint32_t room = queue_room(q);

	if (room == 0)
		return;
	q->looking = true;
	q->again = false;
	q->asked = q->host->now(q->host->ctx);
	q->taking.most = room < TAKE_MOST ? room : TAKE_MOST;
	batch_add(&q->disk->batch, &q->taking.job);
}

static void look(struct queue *q)
{
	if (q->looking)
		q->again = true;
	if (q->looking || queue_room(q) == 0)
		return;
	q->looking = true;
	q->again = false;
	batch_add(&q->disk->batch, &q->peek);
}

static void peeked(struct job *j)
{
	struct queue *q = sq_container(j, struct queue, peek);

	q->looking = false;
	if (j->status > 0)
		take(q);
	else if (j->status < 0)
		rest(q, POLL_FAILED);
	else if (q->again)
		look(q);
	else
		rest(q, POLL);
}

static void taken(struct job *j)
{
	struct queue *q = sq_container(j, struct queue, taking.job);
	bool more = q->again || q->taking.count == q->taking.most;
	int64_t asked = q->asked; /* the role may start the next taking meanwhile */
	struct held *h, *next;

	q->looking = false;
	if (j->status < 0) {
		taking_drop(&q->taking);
		rest(q, POLL_FAILED);
		return;
	}
	h = q->taking.first;
	q->taking.first = NULL;
	q->taking.count = 0;
	rest(q, POLL);
	for (; h; h = next) {
		next = h->next;
		deliver(q, h, asked);
	}
	if (more)
		look(q);
}

static void poll(struct sq_timer *t)
{
	look(sq_container(t, struct queue, poll));
}

/* --- for the verbs --- */

void queue_init(struct queue *q, const struct sq_host *host, struct disk *disk, struct terms terms)
{
	q->host = host;
	q->disk = disk;
	q->terms = terms;
	q->poll.fire = poll;
	q->peek.verb = &verb_peek;
	q->peek.done = peeked;
	q->taking.job.verb = &verb_take;
	q->taking.job.done = taken;
	q->taking.terms = &q->terms;
	q->dead = host->counter(host->ctx, "queue_dead_letters", "Messages that were put aside for good.");
}

void queue_credit(struct queue *q, uint32_t most)
{
	q->credit = most;
	if (queue_room(q) > 0)
		look(q);
	else
		q->host->timer_stop(q->host->ctx, &q->poll);
}

void queue_published(struct queue *q)
{
	if (q->looking)
		q->again = true;
	else
		take(q);
}

/* 0, or why the request is refused. */
static int held_open(const struct queue *q, const struct sq_settling *rq)
{
	const struct held *h = rq->delivery ? rq->delivery->driver : NULL;

	if (h == NULL)
		return -EINVAL;
	if (!disk_is_open(q->disk))
		return -ENOTCONN;
	return h->settling ? -EALREADY : 0;
}

static int settle_check(const struct sq_settling *rq)
{
	if ((unsigned)rq->how > SQ_DEAD)
		return -EINVAL;
	return rq->how == SQ_DEAD && rq->reason == NULL ? -EINVAL : 0;
}

int queue_settle(struct queue *q, struct sq_settling *rq)
{
	int r = held_open(q, rq);
	struct held *h;

	if (r == 0)
		r = settle_check(rq);
	if (r < 0)
		return r;
	h = rq->delivery->driver;
	h->settling = rq;
	h->how = rq->how;
	h->pause = rq->how == SQ_RETRY ? RETRY_PAUSE : RELEASE_PAUSE;
	h->settle.done = settled;
	q->host->timer_stop(q->host->ctx, &h->expire);
	batch_add(&q->disk->batch, &h->settle);
	return 0;
}

int queue_renew(struct queue *q, struct sq_settling *rq)
{
	int r = held_open(q, rq);
	struct held *h;

	if (r < 0)
		return r;
	h = rq->delivery->driver;
	if (h->renewing)
		return -EBUSY;
	h->renewing = rq;
	h->asked = q->host->now(q->host->ctx);
	batch_add(&q->disk->batch, &h->renew);
	return 0;
}

void queue_stop(struct queue *q)
{
	q->credit = 0;
	q->host->timer_stop(q->host->ctx, &q->poll);
	if (!disk_is_open(q->disk))
		return;
	for (struct held *h = q->held; h; h = h->next) {
		q->host->timer_stop(q->host->ctx, &h->expire);
		if (h->settle.done == NULL)
			give_back(h);
	}
}

void queue_free(struct queue *q)
{
	q->host->timer_stop(q->host->ctx, &q->poll);
	taking_drop(&q->taking);
	while (q->held) {
		struct held *h = q->held;

		q->held = h->next;
		q->host->timer_stop(q->host->ctx, &h->expire);
		free(h);
	}
}
