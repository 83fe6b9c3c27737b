/* rpc.c - ask, wait, hear. */
#include "rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "amqp.h"
#include "bus.h"

#define WAIT (10 * SQ_S) /* for an answer */
#define CREDIT 64

static struct rpc_call *call_of(struct link *l)
{
	return sq_container(l, struct rpc_call, own.link);
}

static void end(struct rpc_call *c, int status, const struct rpc_answer *answer)
{
	rpc_forget(c);
	c->done(c, status, answer);
}

static void too_late(struct sq_timer *t)
{
	struct rpc_call *c = sq_container(t, struct rpc_call, own.timer);

	end(c, c->own.sent ? -SQ_EUNCERTAIN : -ENOTCONN, NULL);
}

/* --- asking ------------------------------------------------------------------------------------ */

static void send_one(struct rpc *r, struct rpc_call *c)
{
	pn_link_t *link = r->asks.link;
	pn_delivery_t *d = pn_delivery(link, pn_dtag((const char *)&c->own.id, sizeof c->own.id));

	if (!d)
		return; /* the time-out tells */
	pn_link_send(link, c->own.bytes, c->own.len);
	pn_link_advance(link);
	c->own.sent = true;
	explicit_bzero(c->own.bytes, c->own.len); /* it may be a token */
}

static void send_all(struct rpc *r)
{
	if (!r->asks.up || !r->hears.up)
		return;
	for (struct link *l = r->calls.next; l != &r->calls && pn_link_credit(r->asks.link) > 0; l = l->next)
		if (!call_of(l)->own.sent)
			send_one(r, call_of(l));
	bus_kick(r->bus);
}

int rpc_ask(struct rpc *r, struct rpc_call *c, pn_message_t *message)
{
	char id[32];
	int status;

	memset(&c->own, 0, sizeof c->own);
	c->own.id = ++r->serial;
	snprintf(id, sizeof id, "%llu", (unsigned long long)c->own.id);
	pn_message_set_id(message, (pn_msgid_t){.type = PN_STRING, .u.as_bytes = amqp_bytes(id)});
	pn_message_set_reply_to(message, r->reply_to);
	status = amqp_encode(message, &c->own.bytes, &c->own.len);
	if (status < 0)
		return status;
	c->own.owner = r;
	list_add_last(&r->calls, &c->own.link);
	c->own.timer.fire = too_late;
	bus_timer(r->bus, &c->own.timer, WAIT);
	endpoint_open(&r->asks);
	endpoint_open(&r->hears);
	send_all(r);
	return 0;
}

void rpc_forget(struct rpc_call *c)
{
	if (!c->own.owner)
		return;
	bus_timer_stop(c->own.owner->bus, &c->own.timer);
	list_remove(&c->own.link);
	explicit_bzero(c->own.bytes, c->own.len);
	free(c->own.bytes);
	c->own.bytes = NULL;
	c->own.owner = NULL;
}

/* --- hearing ----------------------------------------------------------------------------------- */

static struct rpc_call *find(struct rpc *r, pn_message_t *m)
{
	pn_data_t *id = pn_message_correlation_id(m);
	struct sq_slice text;
	char digits[24];
	uint64_t n;

	pn_data_rewind(id);
	if (!pn_data_next(id))
		return NULL;
	text = amqp_text(id);
	if (!text.data || text.len >= sizeof digits)
		return NULL;
	memcpy(digits, text.data, text.len);
	digits[text.len] = '\0';
	n = strtoull(digits, NULL, 10);
	for (struct link *l = r->calls.next; l != &r->calls; l = l->next)
		if (call_of(l)->own.id == n)
			return call_of(l);
	return NULL;
}

/* $cbs and $management spell their fields differently. */
static bool find_either(pn_data_t *d, const char *a, const char *b)
{
	return amqp_find(d, a) || amqp_find(d, b);
}

static void copy_text(pn_data_t *d, char *out, size_t size)
{
	struct sq_slice s = amqp_text(d);

	if (s.data)
		snprintf(out, size, "%.*s", (int)(s.len < size ? s.len : size - 1), s.data);
}

static void answered(struct rpc_call *c, pn_message_t *m)
{
	pn_data_t *p = pn_message_properties(m);
	char condition[96] = "", text[240] = "";
	struct rpc_answer answer = {.text = text, .body = pn_message_body(m)};
	int64_t code = 0;

	if (find_either(p, "status-code", "statusCode"))
		amqp_number(p, &code);
	if (find_either(p, "status-description", "statusDescription"))
		copy_text(p, text, sizeof text);
	if (find_either(p, "error-condition", "errorCondition"))
		copy_text(p, condition, sizeof condition);
	answer.code = (int)code;
	answer.condition = *condition ? condition : error_of_status(answer.code);
	pn_data_rewind(answer.body);
	end(c, 0, &answer);
}

static void heard(struct endpoint *e, pn_delivery_t *d)
{
	struct rpc *r = e->owner;
	pn_message_t *m = NULL;
	struct buf bytes = {0};
	struct rpc_call *c;

	if (!pn_delivery_readable(d) || pn_delivery_partial(d))
		return;
	if (amqp_read(d, &bytes) == 0 && (m = pn_message()) &&
	    amqp_decode(m, (struct sq_slice){bytes.data, bytes.len}) == 0) {
		c = find(r, m);
		if (c)
			answered(c, m);
	}
	pn_message_free(m);
	buf_free(&bytes);
	pn_delivery_update(d, PN_ACCEPTED);
	pn_delivery_settle(d);
	pn_link_flow(pn_delivery_link(d), 1);
}

static void asked(struct endpoint *e, pn_delivery_t *d)
{
	(void)e;
	if (pn_delivery_updated(d))
		pn_delivery_settle(d);
}

/* --- links ------------------------------------------------------------------------------------- */

static void up(struct endpoint *e)
{
	struct rpc *r = e->owner;

	if (e == &r->hears)
		pn_link_flow(e->link, CREDIT);
	send_all(r);
}

static void more_credit(struct endpoint *e)
{
	send_all(e->owner);
}

/* The oldest, up to this id: what is asked in a done() is not among them. */
static struct rpc_call *first(struct rpc *r, uint64_t last, bool sent)
{
	for (struct link *l = r->calls.next; l != &r->calls && call_of(l)->own.id <= last; l = l->next)
		if (call_of(l)->own.sent || !sent)
			return call_of(l);
	return NULL;
}

/* What was asked will not be answered; what was not waits for the next attachment. An idle pair stays away
 * until there is something to ask. */
static void down(struct endpoint *e, bool connection)
{
	struct rpc *r = e->owner;
	struct rpc_call *c;
	uint64_t last = r->serial;

	if (connection)
		return; /* rpc_lost() ends them */
	while ((c = first(r, last, true)))
		end(c, -SQ_EUNCERTAIN, NULL);
	if (list_empty(&r->calls))
		r->asks.wanted = r->hears.wanted = false;
}

static const struct endpoint_events asks_events = {up, down, asked, more_credit};
static const struct endpoint_events hears_events = {up, down, heard, NULL};

void rpc_init(struct rpc *r, struct bus *bus, const char *address)
{
	*r = (struct rpc){.bus = bus};
	list_init(&r->calls);
	bus_link_name(bus, r->reply_to, sizeof r->reply_to);
	endpoint_init(&r->asks, bus, ENDPOINT_ASKS, address, &asks_events, r);
	endpoint_init(&r->hears, bus, ENDPOINT_HEARS, address, &hears_events, r);
	r->hears.reply_to = r->reply_to;
}

void rpc_session(struct rpc *r)
{
	endpoint_session(&r->asks);
	endpoint_session(&r->hears);
}

void rpc_lost(struct rpc *r)
{
	struct rpc_call *c;
	uint64_t last = r->serial;

	endpoint_lost(&r->asks);
	endpoint_lost(&r->hears);
	while ((c = first(r, last, false)))
		end(c, c->own.sent ? -SQ_EUNCERTAIN : -ENOTCONN, NULL);
}

void rpc_free(struct rpc *r)
{
	while (!list_empty(&r->calls))
		rpc_forget(call_of(r->calls.next));
	endpoint_free(&r->asks);
	endpoint_free(&r->hears);
}
