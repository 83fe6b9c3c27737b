/* endpoint.c - attach, and attach again. */
#include "endpoint.h"

#include <string.h>

#include <proton/condition.h>
#include <proton/session.h>
#include <proton/terminus.h>

#include "bus.h"

#define HELD (5 * SQ_S) /* an attachment that lasted so long was a success */

static void attach(struct endpoint *e)
{
	char name[96];
	pn_session_t *session = bus_session(e->bus, e->address);
	bool sends = e->role == ENDPOINT_SENDS || e->role == ENDPOINT_ASKS;

	bus_link_name(e->bus, name, sizeof name);
	e->link = sends ? pn_sender(session, name) : pn_receiver(session, name);
	if (!e->link) {
		bus_abort(e->bus, "no memory");
		return;
	}
	pn_link_set_context(e->link, e);
	pn_terminus_set_address(pn_link_source(e->link), sends ? name : e->address);
	pn_terminus_set_address(pn_link_target(e->link), sends         ? e->address
	                                                 : e->reply_to ? e->reply_to
	                                                               : name);
	pn_link_set_snd_settle_mode(e->link, PN_SND_UNSETTLED);
	pn_link_set_rcv_settle_mode(e->link, e->role == ENDPOINT_LOCKS ? PN_RCV_SECOND : PN_RCV_FIRST);
	pn_link_open(e->link);
	bus_timer(e->bus, &e->timer, bus_step_timeout(e->bus));
	bus_kick(e->bus);
}

static void fired(struct sq_timer *t)
{
	struct endpoint *e = sq_container(t, struct endpoint, timer);

	if (e->link)
		bus_abort(e->bus, "no answer about the link to %s", e->address);
	else if (e->wanted && bus_session(e->bus, e->address))
		attach(e);
}

static void forget(struct endpoint *e, bool connection)
{
	bool had = e->link != NULL;

	bus_timer_stop(e->bus, &e->timer);
	e->up = false;
	if (had)
		e->events->down(e, connection);
	e->link = NULL;
}

/* --- what the other side says ------------------------------------------------------------------ */

/* An attach without a terminus is a refusal, and the detach that says why follows. */
static bool is_refusal(const struct endpoint *e)
{
	bool sends = pn_link_is_sender(e->link);
	pn_terminus_t *t = sends ? pn_link_remote_target(e->link) : pn_link_remote_source(e->link);

	return pn_terminus_get_type(t) == PN_UNSPECIFIED || !pn_terminus_get_address(t);
}

static void opened(struct endpoint *e)
{
	if (is_refusal(e) || e->up)
		return;
	bus_timer_stop(e->bus, &e->timer);
	e->up = true;
	e->since = bus_now(e->bus);
	e->events->up(e);
	bus_attached(e->bus, e);
}

/* One that had held is attached again at once, if its end was normal. */
static int64_t pause_before(struct endpoint *e, enum trouble trouble)
{
	bool held = e->since > 0 && bus_now(e->bus) - e->since >= HELD;

	e->since = 0; /* the next one may never be attached */
	if (held)
		backoff_reset(&e->backoff);
	return held && trouble == TROUBLE_NORMAL ? 0 : error_pause(trouble, &e->backoff);
}

static void closed(struct endpoint *e)
{
	pn_condition_t *c = pn_link_remote_condition(e->link);
	char condition[96], text[320];
	const struct error_rule *rule;
	pn_link_t *link = e->link;

	snprintf(condition, sizeof condition, "%s", pn_condition_is_set(c) ? pn_condition_get_name(c) : "");
	snprintf(text, sizeof text, "%s",
	         pn_condition_is_set(c) && pn_condition_get_description(c) ? pn_condition_get_description(c)
	                                                                   : "closed without a reason");
	rule = error_rule(condition);
	if (!*condition)
		rule = error_rule(NULL);
	forget(e, false);
	pn_link_close(link);
	pn_link_free(link);
	if (!e->wanted)
		return;
	bus_detached(e->bus, e, rule, condition, text);
	bus_timer(e->bus, &e->timer, pause_before(e, rule->trouble));
}

void endpoint_event(struct endpoint *e, pn_event_t *event)
{
	if (pn_event_link(event) != e->link)
		return; /* an attachment of before */
	switch (pn_event_type(event)) {
	case PN_LINK_REMOTE_OPEN:
		opened(e);
		break;
	case PN_LINK_REMOTE_CLOSE:
	case PN_LINK_REMOTE_DETACH:
		closed(e);
		break;
	case PN_LINK_FLOW:
		if (e->up && e->events->flow)
			e->events->flow(e);
		break;
	case PN_DELIVERY:
		e->events->delivery(e, pn_event_delivery(event));
		break;
	default:
		break;
	}
}

/* --- for the owner ----------------------------------------------------------------------------- */

void endpoint_init(struct endpoint *e, struct bus *bus, enum endpoint_role role, const char *address,
                   const struct endpoint_events *events, void *owner)
{
	*e = (struct endpoint){
	    .bus = bus, .events = events, .owner = owner, .role = role, .address = address};
	e->timer.fire = fired;
	e->backoff = bus_backoff(bus);
}

void endpoint_open(struct endpoint *e)
{
	if (e->wanted)
		return;
	e->wanted = true;
	endpoint_session(e);
}

void endpoint_session(struct endpoint *e)
{
	if (!e->wanted || e->link || !bus_session(e->bus, e->address))
		return;
	bus_timer_stop(e->bus, &e->timer);
	attach(e);
}

void endpoint_lost(struct endpoint *e)
{
	forget(e, true);
}

void endpoint_again(struct endpoint *e)
{
	pn_link_t *link = e->link;

	if (!link)
		return;
	forget(e, false);
	pn_link_close(link);
	pn_link_free(link);
	attach(e);
}

void endpoint_free(struct endpoint *e)
{
	bus_timer_stop(e->bus, &e->timer);
	e->wanted = false;
}
