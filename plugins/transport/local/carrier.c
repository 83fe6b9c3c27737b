/* carrier.c - the file's side of the queue: one job for each thing that is done. */
#include "carrier.h"

#include <errno.h>
#include <stdlib.h>

static struct carrier *carrier_of(struct queue *q)
{
	return sq_container(q, struct carrier, queue);
}

static struct held *held_of(struct hold *h)
{
	return sq_container(h, struct held, hold);
}

static bool is_open(struct queue *q)
{
	return disk_is_open(carrier_of(q)->disk);
}

/* --- taking ------------------------------------------------------------------------------------ */

static void peeked(struct job *j)
{
	struct carrier *c = sq_container(j, struct carrier, peek);

	if (j->status > 0 && is_open(&c->queue))
		batch_add(&c->disk->batch, &c->taking.job);
	else
		queue_taken(&c->queue, j->status < 0 ? j->status : 0, NULL, false);
}

/* What is to be delivered, in order; what was put aside is told of and freed. */
static struct hold *chain(struct carrier *c)
{
	struct hold *first = NULL, **last = &first;

	while (c->taking.first) {
		struct held *h = c->taking.first;

		c->taking.first = h->next;
		if (h->dead) {
			queue_dead(&c->queue, h->hold.delivery.msg.id,
			           "every delivery of it ran out unsettled (max_deliveries)");
			free(h);
			continue;
		}
		*last = &h->hold;
		last = &h->hold.next;
	}
	*last = NULL;
	return first;
}

static void taken(struct job *j)
{
	struct carrier *c = sq_container(j, struct carrier, taking.job);
	bool more = c->taking.count == c->taking.most;

	if (j->status < 0) {
		taking_drop(&c->taking);
		queue_taken(&c->queue, j->status, NULL, false);
		return;
	}
	c->taking.count = 0;
	queue_taken(&c->queue, 0, chain(c), more);
}

/* A look costs less than a transaction that writes. */
static void take(struct queue *q, uint32_t most, bool sure)
{
	struct carrier *c = carrier_of(q);

	c->taking.most = most;
	batch_add(&c->disk->batch, sure ? &c->taking.job : &c->peek);
}

/* --- settling and renewing --------------------------------------------------------------------- */

static void settled(struct job *j)
{
	queue_settled(&sq_container(j, struct held, settle)->hold, j->status);
}

static int settle(struct hold *hold)
{
	struct held *h = held_of(hold);

	h->settle.verb = &verb_settle;
	h->settle.done = settled;
	if (!disk_is_open(carrier_of(hold->queue)->disk))
		return -ENOTCONN;
	batch_add(&carrier_of(hold->queue)->disk->batch, &h->settle);
	return 0;
}

static void renewed(struct job *j)
{
	queue_renewed(&sq_container(j, struct held, renew)->hold, j->status);
}

static int renew(struct hold *hold)
{
	struct held *h = held_of(hold);

	h->renew.verb = &verb_renew;
	h->renew.done = renewed;
	batch_add(&carrier_of(hold->queue)->disk->batch, &h->renew);
	return 0;
}

static void drop(struct hold *hold)
{
	free(held_of(hold));
}

static const struct queue_carrier local_carrier = {
    .is_open = is_open, .take = take, .settle = settle, .renew = renew, .drop = drop};

void carrier_init(struct carrier *c, const struct sq_host *host, struct disk *disk, struct terms terms)
{
	queue_init(&c->queue, host, &local_carrier, terms.lock);
	c->disk = disk;
	c->terms = terms;
	c->peek.verb = &verb_peek;
	c->peek.done = peeked;
	c->taking.job.verb = &verb_take;
	c->taking.job.done = taken;
	c->taking.terms = &c->terms;
}

void carrier_free(struct carrier *c)
{
	taking_drop(&c->taking);
	queue_free(&c->queue);
}
