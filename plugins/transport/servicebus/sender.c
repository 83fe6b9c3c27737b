/* sender.c - from publish() to the queue's word. */
#include "sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <proton/condition.h>

#include "bus.h"
#include "message.h"

#define OUTGOING_MOST (1u << 20) /* bytes given to proton and not yet to the socket */

struct post {
	struct link link;
	struct sq_publish *rq; /* NULL: its caller gave up */
	char *bytes;
	size_t len;
};

static void post_free(struct post *p)
{
	list_remove(&p->link);
	free(p->bytes);
	free(p);
}

static void post_end(struct sender *s, struct post *p, int status)
{
	struct sq_publish *rq = p->rq;

	post_free(p);
	if (rq)
		bus_op_done(s->bus, &rq->op, status);
}

/* --- sending ----------------------------------------------------------------------------------- */

static bool send_one(struct sender *s, struct post *p)
{
	pn_link_t *link = s->endpoint.link;
	uint64_t tag = ++s->serial;
	pn_delivery_t *d = pn_delivery(link, pn_dtag((const char *)&tag, sizeof tag));

	if (!d)
		return false;
	pn_delivery_set_context(d, p);
	pn_link_send(link, p->bytes, p->len);
	pn_link_advance(link);
	list_remove(&p->link);
	list_add_last(&s->sent, &p->link);
	return true;
}

static void send_all(struct sender *s)
{
	if (!s->endpoint.up || s->resting)
		return;
	while (!list_empty(&s->waiting) && pn_link_credit(s->endpoint.link) > 0 &&
	       pn_session_outgoing_bytes(pn_link_session(s->endpoint.link)) < OUTGOING_MOST)
		if (!send_one(s, sq_container(s->waiting.next, struct post, link)))
			break;
	bus_kick(s->bus);
}

static int too_large(const struct sender *s, size_t len)
{
	uint64_t most = s->endpoint.up ? pn_link_remote_max_message_size(s->endpoint.link) : 0;

	return most > 0 && len > most;
}

int sender_publish(struct sender *s, struct sq_publish *rq)
{
	struct post *p;
	int r;

	if (!bus_hopeful(s->bus))
		return -ENOTCONN;
	p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	r = message_write(&rq->msg, &p->bytes, &p->len);
	if (r == 0 && too_large(s, p->len))
		r = -E2BIG;
	if (r < 0) {
		free(p->bytes);
		free(p);
		return r;
	}
	p->rq = rq;
	rq->op.driver = p;
	list_add_last(&s->waiting, &p->link);
	send_all(s);
	return 0;
}

static bool is_in(const struct link *list, const struct sq_op *op, struct post **ret)
{
	for (struct link *l = list->next; l != list; l = l->next) {
		struct post *p = sq_container(l, struct post, link);

		if (p->rq && &p->rq->op == op) {
			*ret = p;
			return true;
		}
	}
	return false;
}

int sender_cancel(struct sender *s, struct sq_op *op)
{
	struct post *p;

	if (is_in(&s->waiting, op, &p)) {
		post_free(p);
		return 0;
	}
	if (!is_in(&s->sent, op, &p) && !is_in(&s->ending, op, &p))
		return -ENOENT;
	p->rq = NULL;
	return 1;
}

/* --- the queue's word -------------------------------------------------------------------------- */

static void busy(struct sender *s, struct post *p, const struct error_rule *rule)
{
	list_remove(&p->link);
	list_add_first(&s->waiting, &p->link);
	if (s->resting)
		return;
	s->resting = true;
	bus_busy(s->bus, rule);
	bus_timer(s->bus, &s->rest, error_pause(rule->trouble, &s->backoff));
}

static void rested(struct sq_timer *t)
{
	struct sender *s = sq_container(t, struct sender, rest);

	s->resting = false;
	send_all(s);
}

/* Before it was accepted nothing is in the queue: what passes may be sent again. */
static void rejected(struct sender *s, struct post *p, pn_condition_t *c)
{
	const struct error_rule *rule = error_rule(pn_condition_get_name(c));

	switch (rule->trouble) {
	case TROUBLE_BUSY:
		if (p->rq)
			busy(s, p, rule);
		else
			post_free(p);
		return;
	case TROUBLE_SIZE:
		post_end(s, p, -E2BIG);
		return;
	case TROUBLE_ACCESS:
		post_end(s, p, -EACCES);
		break;
	case TROUBLE_SETUP:
		post_end(s, p, -ENOSPC);
		break;
	case TROUBLE_NORMAL:
	case TROUBLE_PASSING:
		post_end(s, p, -SQ_EUNCERTAIN);
		break;
	default:
		post_end(s, p, -EIO);
	}
	bus_refused(s->bus, "a message", pn_condition_get_name(c), pn_condition_get_description(c));
}

static void answered(struct endpoint *e, pn_delivery_t *d)
{
	struct sender *s = e->owner;
	struct post *p = pn_delivery_get_context(d);
	uint64_t state = pn_delivery_remote_state(d);

	if (!pn_delivery_updated(d) || (state == 0 && !pn_delivery_settled(d)))
		return;
	if (p && state == PN_ACCEPTED) {
		backoff_reset(&s->backoff);
		bus_accepted(s->bus);
		post_end(s, p, 0);
	} else if (p && state == PN_REJECTED) {
		rejected(s, p, pn_disposition_condition(pn_delivery_remote(d)));
	} else if (p) {
		post_end(s, p, -SQ_EUNCERTAIN);
	}
	pn_delivery_set_context(d, NULL);
	pn_delivery_settle(d);
	send_all(s);
}

/* --- the link ---------------------------------------------------------------------------------- */

/* Lists change in done(): what is added there is not ended here. */
static void end_all(struct sender *s, struct link *list, int status)
{
	while (!list_empty(list)) {
		struct link *l = list->next;

		list_remove(l);
		list_add_last(&s->ending, l);
	}
	while (!list_empty(&s->ending))
		post_end(s, sq_container(s->ending.next, struct post, link), status);
}

static void up(struct endpoint *e)
{
	struct sender *s = e->owner;
	struct link *next;

	for (struct link *l = s->waiting.next; l != &s->waiting; l = next) {
		struct post *p = sq_container(l, struct post, link);

		next = l->next;
		if (too_large(s, p->len)) {
			post_end(s, p, -E2BIG);
			next = s->waiting.next;
		}
	}
	send_all(s);
}

static void down(struct endpoint *e, bool connection)
{
	(void)connection; /* what waits is ended by sender_lost() */
	end_all(e->owner, &((struct sender *)e->owner)->sent, -SQ_EUNCERTAIN);
}

static void flow(struct endpoint *e)
{
	send_all(e->owner);
}

static const struct endpoint_events events = {up, down, answered, flow};

void sender_init(struct sender *s, struct bus *bus, const char *queue)
{
	*s = (struct sender){.bus = bus, .backoff = bus_backoff(bus)};
	list_init(&s->waiting);
	list_init(&s->sent);
	list_init(&s->ending);
	s->rest.fire = rested;
	endpoint_init(&s->endpoint, bus, ENDPOINT_SENDS, queue, &events, s);
	endpoint_open(&s->endpoint);
}

void sender_lost(struct sender *s)
{
	endpoint_lost(&s->endpoint);
	end_all(s, &s->waiting, -ENOTCONN);
}

void sender_free(struct sender *s)
{
	bus_timer_stop(s->bus, &s->rest);
	endpoint_free(&s->endpoint);
	while (!list_empty(&s->waiting))
		post_free(sq_container(s->waiting.next, struct post, link));
	while (!list_empty(&s->sent))
		post_free(sq_container(s->sent.next, struct post, link));
}
