/*
 * endpoint.h - our end of one AMQP link, which is kept attached.
 *
 * Wanted (endpoint_open) and with a session it attaches; detached by the other side it attaches again, at
 * once when that was normal life, else after the pause that the error asks for. Each attachment has a name of
 * its own, as the other side may still hold the last one. An attach that is not answered in time ends the
 * whole connection. Loop thread only.
 */
#ifndef SERVICEBUS_ENDPOINT_H
#define SERVICEBUS_ENDPOINT_H

#include <stdbool.h>

#include <proton/delivery.h>
#include <proton/event.h>
#include <proton/link.h>

#include <squall/host.h>

#include "core/base/backoff.h"
#include "errors.h"

struct bus;
struct endpoint;

struct endpoint_events {
	void (*up)(struct endpoint *e);
	/* The link is gone with all its deliveries (which are still there in this call). connection: with the
	 * connection; else it attaches again. */
	void (*down)(struct endpoint *e, bool connection);
	void (*delivery)(struct endpoint *e, pn_delivery_t *d);
	void (*flow)(struct endpoint *e); /* NULL: not interested */
};

enum endpoint_role {
	ENDPOINT_SENDS,
	ENDPOINT_LOCKS, /* receives in peek-lock, settled in second mode */
	ENDPOINT_ASKS, /* the sending half of a request link */
	ENDPOINT_HEARS, /* its answering half */
};

struct endpoint {
	struct bus *bus;
	const struct endpoint_events *events;
	void *owner;
	enum endpoint_role role;
	const char *address; /* borrowed */
	const char *reply_to; /* ENDPOINT_HEARS: our address for answers, borrowed */

	pn_link_t *link; /* NULL: not attached */
	bool wanted, up;
	int64_t since; /* monotonic ns: when it was attached last */
	struct sq_timer timer; /* attached: the time-out of the attach; else: the pause before the next one */
	struct backoff backoff;
};

void endpoint_init(struct endpoint *e, struct bus *bus, enum endpoint_role role, const char *address,
                   const struct endpoint_events *events, void *owner);
void endpoint_open(struct endpoint *e); /* harmless when it is wanted already */
void endpoint_session(struct endpoint *e); /* there is a session, and the right to use it */
void endpoint_lost(struct endpoint *e); /* there is none any more */
void endpoint_again(struct endpoint *e); /* detach and attach anew */
void endpoint_free(struct endpoint *e); /* stops its timer */

/* The endpoint that an event of a link belongs to handles it. */
void endpoint_event(struct endpoint *e, pn_event_t *event);

#endif
