/* receiver.c - from link credit to deliveries. */
#include "receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "amqp.h"
#include "bus.h"
#include "message.h"

#define RAISE_PAUSE (10 * SQ_MS)
#define PARK (200 * SQ_MS)
#define DRAIN_WAIT (5 * SQ_S)
#define STOP_WAIT (2 * SQ_S) /* for the same when this process stops */
#define REMEMBER (3600 * SQ_S)
#define LOCK_UNKNOWN (30 * SQ_S) /* when the clocks make no sense */
#define LOCK_MOST (300 * SQ_S) /* Service Bus knows no longer one */

static uint32_t room(const struct receiver *r)
{
	return !r->stopped && r->credit > r->out ? r->credit - r->out : 0;
}

static void settle_unseen(struct held *h, enum sq_settle how, const char *reason, const char *description);

static void hand_over(struct receiver *r, struct held *h)
{
	h->stage = HELD_OUT;
	h->counted = true;
	r->out++;
	bus_timer_stop(r->bus, &h->pause);
	bus_deliver(r->bus, &h->delivery);
}

/* The oldest come first: those that are parked came before all that the link will bring. */
static void hand_over_parked(struct receiver *r)
{
	struct link *l = r->held.next;

	while (l != &r->held && room(r) > 0) {
		struct held *h = sq_container(l, struct held, link);

		if (h->stage == HELD_PARKED) {
			hand_over(r, h);
			l = r->held.next; /* whatever the role did */
		} else {
			l = l->next;
		}
	}
}

/* --- credit ------------------------------------------------------------------------------------ */

static void adjust(struct sq_post *p)
{
	struct receiver *r = sq_container(p, struct receiver, flow);
	pn_link_t *link;
	int want, have;

	hand_over_parked(r);
	link = r->endpoint.link;
	want = (int)room(r);
	if (!r->endpoint.up)
		return;
	have = pn_link_credit(link);
	if (r->draining && have > 0)
		return;
	if (r->draining) {
		r->draining = false;
		bus_timer_stop(r->bus, &r->drain);
		pn_link_set_drain(link, false);
	}
	if (r->stopped && have == 0)
		bus_quiet(r->bus);
	if (want > have) {
		pn_link_flow(link, want - have);
	} else if (want < have) {
		pn_link_drain(link, 0);
		r->draining = true;
		bus_timer(r->bus, &r->drain, r->stopped ? STOP_WAIT : DRAIN_WAIT);
	}
	bus_kick(r->bus);
}

/* At the end of the turn, for a role may change its mind within it. */
static void flow_later(struct receiver *r)
{
	bus_later(r->bus, &r->flow);
}

static void drain_late(struct sq_timer *t)
{
	struct receiver *r = sq_container(t, struct receiver, drain);

	if (!r->stopped) {
		endpoint_again(&r->endpoint);
		return;
	}
	r->unheard = true;
	bus_quiet(r->bus);
}

void receiver_credit(struct receiver *r, uint32_t most)
{
	r->asked = most;
	if (most > r->credit)
		bus_timer(r->bus, &r->raise, RAISE_PAUSE);
	else
		r->credit = most;
	if (most > 0 && !r->stopped)
		endpoint_open(&r->endpoint);
	flow_later(r);
}

static void raised(struct sq_timer *t)
{
	struct receiver *r = sq_container(t, struct receiver, raise);

	r->credit = r->asked;
	flow_later(r);
}

/* Nobody had room for it. */
static void parked(struct sq_timer *t)
{
	settle_unseen(sq_container(t, struct held, pause), SQ_RELEASE, NULL, NULL);
}

void receiver_left(struct receiver *r, struct held *h)
{
	list_remove(&h->link);
	if (h->counted)
		r->out--;
	h->counted = false;
	flow_later(r);
	bus_quiet(r->bus);
}

/* --- what was settled and nobody knows how it went ---------------------------------------------- */

void receiver_remember(struct receiver *r, const struct held *h)
{
	if ((h->how != SQ_ACK && h->how != SQ_DEAD) || h->sequence == 0)
		return;
	r->remembered[r->next++ % REMEMBERED] = (struct remembered){h->sequence, h->enqueued,
	                                                            bus_now(r->bus) + REMEMBER, h->how};
}

static const struct remembered *recall(const struct receiver *r, const struct arrival *a)
{
	for (unsigned i = 0; i < REMEMBERED; i++) {
		const struct remembered *m = &r->remembered[i];

		if (m->until > bus_now(r->bus) && m->sequence == a->sequence && m->enqueued == a->enqueued)
			return m;
	}
	return NULL;
}

/* --- arrivals ---------------------------------------------------------------------------------- */

/* The service says until when by its own clock, and how long is the same by anybody's. Ours may be wrong. */
int64_t receiver_lock_end(struct receiver *r, int64_t asked, int64_t until_ms)
{
	int64_t now = bus_now(r->bus), left = (until_ms - bus_wall(r->bus)) * SQ_MS;

	if (r->lock)
		return asked + r->lock;
	if (until_ms > 0 && left > 0 && left <= LOCK_MOST)
		return now + left;
	if (!r->clock_told)
		bus_warn(r->bus, "a message came whose lock is over, or endless: unless this process was "
		                 "asleep, set the clock of "
		                 "this machine (NTP), or the option lock to the queue's lock duration");
	r->clock_told = true;
	return now + LOCK_UNKNOWN;
}

static struct held *held_new(struct receiver *r, pn_delivery_t *d, struct arrival *a)
{
	struct held *h = calloc(1, sizeof *h);
	pn_delivery_tag_t tag = pn_delivery_tag(d);

	if (!h)
		return NULL;
	h->receiver = r;
	h->pn = d;
	h->body = a->body;
	h->sequence = a->sequence;
	h->enqueued = a->enqueued;
	snprintf(h->id, sizeof h->id, "%s", a->id);
	h->has_tag = tag.size == sizeof h->tag;
	if (h->has_tag)
		memcpy(h->tag, tag.start, sizeof h->tag);
	h->delivery = (struct sq_delivery){.msg = {.id = h->id,
	                                           .edition = a->edition,
	                                           .body = {a->body, a->body_len},
	                                           .submitted_at = a->submitted_at},
	                                   .attempt = a->delivery_count + 1,
	                                   .attempt_max = (uint32_t)r->max_deliveries,
	                                   .driver = h};
	pn_delivery_set_context(d, h);
	list_add_last(&r->held, &h->link);
	return h;
}

/* Settles it without asking the role. */
static void settle_unseen(struct held *h, enum sq_settle how, const char *reason, const char *description)
{
	h->ours = true;
	h->how = how;
	h->reason = reason;
	h->description = description;
	held_settle(h);
}

static void arrived(struct receiver *r, struct held *h, const struct arrival *a)
{
	const struct remembered *m = recall(r, a);

	held_watch(h, receiver_lock_end(r, bus_now(r->bus), a->locked_until));
	if (m) {
		settle_unseen(h, m->how, "settled_before", "it was put aside before, and came again");
	} else if (h->delivery.attempt > h->delivery.attempt_max + 1) {
		bus_tell_dead(r->bus, h->id, "every delivery of it ran out unsettled (max_deliveries)");
		settle_unseen(h, SQ_DEAD, "max_deliveries", "every delivery of it ran out unsettled");
	} else if (room(r) == 0) {
		h->stage = HELD_PARKED;
		h->pause.fire = parked;
		bus_timer(r->bus, &h->pause, r->stopped ? 0 : PARK);
	} else {
		hand_over(r, h);
	}
}

/* Nobody will ever read it. a: as far as it could be read. */
static void unreadable(struct receiver *r, pn_delivery_t *d, const struct arrival *a)
{
	bus_warn(
	    r->bus,
	    "the message of sequence number %lld cannot be read, and was put aside as a dead letter: is its "
	    "body JSON text, as a data section or a string?",
	    (long long)a->sequence);
	++*r->dead;
	settle_reason(d, "unreadable", "its body is no JSON text: send one, as a data section or a string");
	pn_delivery_update(d, PN_REJECTED);
	pn_delivery_settle(d);
}

static void take(struct receiver *r, pn_delivery_t *d)
{
	struct buf bytes = {0};
	struct arrival a = {0};
	struct held *h;
	int status = amqp_read(d, &bytes);

	if (status == 0)
		status = message_read((struct sq_slice){bytes.data, bytes.len}, &a);
	buf_free(&bytes);
	if (status == -EBADMSG) {
		unreadable(r, d, &a);
		return;
	}
	h = status == 0 ? held_new(r, d, &a) : NULL;
	if (h) {
		arrived(r, h, &a);
		return;
	}
	if (status == 0)
		free(a.body);
	pn_delivery_update(d, PN_RELEASED); /* no memory now */
	pn_delivery_settle(d);
}

static void delivery(struct endpoint *e, pn_delivery_t *d)
{
	struct receiver *r = e->owner;
	struct held *h = pn_delivery_get_context(d);

	if (h)
		held_settled(h);
	else if (pn_delivery_readable(d) && !pn_delivery_partial(d))
		take(r, d);
	flow_later(r);
}

/* --- the link ---------------------------------------------------------------------------------- */

static void up(struct endpoint *e)
{
	struct receiver *r = e->owner;

	r->draining = false;
	flow_later(r);
}

static void down(struct endpoint *e, bool connection)
{
	struct receiver *r = e->owner;
	struct link *next;

	(void)connection;
	r->draining = false;
	bus_timer_stop(r->bus, &r->drain);
	for (struct link *l = r->held.next; l != &r->held; l = next) {
		next = l->next;
		held_unlinked(sq_container(l, struct held, link));
	}
}

static void flow(struct endpoint *e)
{
	flow_later(e->owner);
}

static const struct endpoint_events events = {up, down, delivery, flow};

void receiver_init(struct receiver *r, struct bus *bus, const char *queue, struct rpc *management,
                   struct receiver_terms terms, int64_t *dead)
{
	*r = (struct receiver){.bus = bus,
	                       .management = management,
	                       .name = queue,
	                       .lock = terms.lock,
	                       .max_deliveries = terms.max_deliveries,
	                       .dead = dead};
	list_init(&r->held);
	r->drain.fire = drain_late;
	r->raise.fire = raised;
	r->flow.run = adjust;
	endpoint_init(&r->endpoint, bus, ENDPOINT_LOCKS, queue, &events, r);
}

void receiver_session(struct receiver *r)
{
	struct link *next;

	endpoint_session(&r->endpoint);
	for (struct link *l = r->held.next; l != &r->held; l = next) {
		next = l->next;
		held_connected(sq_container(l, struct held, link));
	}
}

void receiver_lost(struct receiver *r)
{
	endpoint_lost(&r->endpoint);
}

/* --- the role's verbs -------------------------------------------------------------------------- */

/* 0, or why the request is refused. */
static int is_open(const struct sq_settling *rq, struct held **ret)
{
	struct held *h = rq->delivery ? rq->delivery->driver : NULL;

	if (!h)
		return -EINVAL;
	if (h->stage != HELD_OUT || h->ours)
		return -EALREADY;
	*ret = h;
	return 0;
}

int receiver_settle(struct receiver *r, struct sq_settling *rq)
{
	struct held *h;
	int status = is_open(rq, &h);

	if (status < 0)
		return status;
	if ((unsigned)rq->how > SQ_DEAD || (rq->how == SQ_DEAD && !rq->reason))
		return -EINVAL;
	h->settling = rq;
	h->how = rq->how;
	h->reason = rq->reason;
	h->description = rq->description;
	if (rq->how == SQ_RETRY && h->delivery.attempt >= h->delivery.attempt_max) {
		h->how = SQ_DEAD;
		h->reason = "max_deliveries";
		h->description = "it failed at its last delivery";
		bus_tell_dead(r->bus, h->id, "it failed at its last delivery (max_deliveries)");
	} else if (rq->how == SQ_DEAD) {
		++*r->dead;
	}
	held_settle(h);
	return 0;
}

int receiver_renew(struct receiver *r, struct sq_settling *rq)
{
	struct held *h;
	int status = is_open(rq, &h);

	(void)r;
	return status < 0 ? status : held_renew(h, rq);
}

/* Its reason is borrowed and goes with it. */
static void keep_reason(struct held *h)
{
	size_t a = h->reason ? strlen(h->reason) + 1 : 0, b = h->description ? strlen(h->description) + 1 : 0;

	if (h->how != SQ_DEAD || h->reason != h->settling->reason)
		return;
	h->own = malloc(a + b + 1);
	if (h->own && a)
		memcpy(h->own, h->reason, a);
	if (h->own && b)
		memcpy(h->own + a, h->description, b);
	h->reason = h->own ? h->own : "dead";
	h->description = h->own && b ? h->own + a : NULL;
}

int receiver_cancel(struct receiver *r, struct sq_op *op)
{
	for (struct link *l = r->held.next; l != &r->held; l = l->next) {
		struct held *h = sq_container(l, struct held, link);

		if (h->renewing && &h->renewing->op == op) {
			rpc_forget(&h->renew_call);
			h->renewing = NULL;
			if (h->stage == HELD_OUT) /* its end may have passed meanwhile */
				held_watch(h, h->delivery.lock_until);
			return 1;
		}
		if (h->settling && &h->settling->op == op) {
			keep_reason(h);
			h->settling = NULL;
			h->ours = true;
			return 1;
		}
	}
	return -ENOENT;
}

void receiver_stop(struct receiver *r)
{
	struct link *next;

	r->stopped = true;
	r->asked = r->credit = 0;
	if (r->draining)
		bus_timer(r->bus, &r->drain, STOP_WAIT);
	flow_later(r);
	for (struct link *l = r->held.next; l != &r->held; l = next) {
		struct held *h = sq_container(l, struct held, link);

		next = l->next;
		if ((h->stage == HELD_OUT || h->stage == HELD_PARKED) && h->pn)
			settle_unseen(h, SQ_RELEASE, NULL, NULL);
		else if (h->stage == HELD_PAUSING)
			h->pause.fire(&h->pause);
	}
}

bool receiver_quiet(const struct receiver *r)
{
	/* What the service sends until it has heard that there is no credit would stay locked. */
	if (r->endpoint.up && !r->unheard && (r->draining || pn_link_credit(r->endpoint.link) > 0))
		return false;
	for (const struct link *l = r->held.next; l != &r->held; l = l->next)
		if (sq_container(l, const struct held, link)->stage != HELD_OUT &&
		    sq_container(l, const struct held, link)->stage != HELD_OVER)
			return false;
	return true;
}

void receiver_free(struct receiver *r)
{
	bus_timer_stop(r->bus, &r->drain);
	bus_timer_stop(r->bus, &r->raise);
	bus_unpost(r->bus, &r->flow);
	endpoint_free(&r->endpoint);
	while (!list_empty(&r->held)) {
		struct held *h = sq_container(r->held.next, struct held, link);

		list_remove(&h->link);
		held_free(h);
	}
}
