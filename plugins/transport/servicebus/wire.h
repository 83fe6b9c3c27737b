/*
 * wire.h - one AMQP connection: a socket on the loop, and proton's engine that makes bytes of it.
 *
 *     wire_open -> name -> TCP (each address in turn) -> TLS, SASL, open -> PN_CONNECTION_REMOTE_OPEN
 *
 * Every step has a time-out of its own. down() is called exactly once for each wire_open() that succeeded,
 * whatever ended it, and never inside a call of ours; the engine's objects may be used in it, to no effect,
 * and are gone when it has returned; wire_open() may be called again in it. Whoever changes engine objects
 * outside event() calls wire_kick(), and the bytes leave at the end of the loop turn.
 *
 * Proton does no I/O here and no thread runs in it. Loop thread only.
 */
#ifndef SERVICEBUS_WIRE_H
#define SERVICEBUS_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>
#include <proton/connection_driver.h>

#include <squall/host.h>

#include "plugins/common/address.h"

struct wire_target {
	const char *host;
	uint16_t port;
	bool tls;
	const char *ca; /* file with certificates to trust in place of the system's, or "" */
	const char *user, *password; /* SASL PLAIN; "" for ANONYMOUS */
	const char *container; /* our name for the other side's logs */
	int64_t step_timeout; /* ns for each of: name, connecting to one address, TLS + SASL + open */
	int64_t idle_timeout; /* ns without a byte from the other side until it counts as dead */
	bool trace; /* log the frames, without what is secret */
};

/* Why a connection is over. */
struct wire_end {
	const char *condition; /* "amqp:connection:forced", or NULL */
	const char *text; /* for people: what happened, where */
	bool refused; /* the other side does not believe who we are */
};

struct wire_events {
	void (*event)(void *owner, pn_event_t *e);
	void (*down)(void *owner, const struct wire_end *end);
};

enum wire_stage { WIRE_IDLE, WIRE_NAME, WIRE_CONNECT, WIRE_HANDSHAKE, WIRE_UP };

struct wire {
	const struct sq_host *host;
	const struct wire_events *events;
	void *owner;
	struct wire_target target;
	enum wire_stage stage;
	struct sq_timer step; /* the time-out of the present stage */
	struct sq_timer tick; /* proton's idle time-outs */
	struct sq_post kick;

	struct sq_work resolve;
	bool resolving; /* also when the stage is over: a name server cannot be called back */
	struct addresses found;
	uint32_t next; /* address to try */

	int fd;
	struct ev_io io;
	pn_connection_driver_t driver;
	bool live; /* driver is initialised */
	bool pumping, abort;
	char why[480]; /* of the last failure */
};

void wire_init(struct wire *w, const struct sq_host *host, const struct wire_events *events, void *owner);
/* Not while one is open. target's strings are borrowed. 0 or -ECANCELED. */
int wire_open(struct wire *w, const struct wire_target *target);
void wire_kick(struct wire *w);
/* Gives up the connection with this reason; down() follows. Harmless when idle. */
void SQ_PRINTF(2, 3) wire_abort(struct wire *w, const char *fmt, ...);
void wire_close(struct wire *w); /* says good-bye; down() follows */
void wire_free(struct wire *w); /* at once, without down() */

static inline pn_connection_t *wire_connection(struct wire *w)
{
	return w->live ? w->driver.connection : NULL;
}

#endif
