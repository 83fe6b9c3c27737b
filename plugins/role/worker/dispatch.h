/*
 * dispatch.h - brings due requests and connections together, and sees each request to its end.
 *
 * A due request takes an idle connection; if there is none it waits in a queue, and one more
 * connection is opened for it as long as max_connections allows. Whichever connection gets free
 * first serves the head of the queue. Nothing is lost silently; a request ends exactly once:
 *
 *     due -> dropped     max_in_flight, patience, or the run was stopped
 *         -> unsent      the connection that was opened for it failed
 *         -> sent -> answered | broken (reset, timeout, protocol) | unanswered at the end
 *
 * It does not know the schedule: the engine says what is due. Memory grows with max_in_flight and
 * max_connections and with nothing else.
 */
#ifndef WORKER_DISPATCH_H
#define WORKER_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include <squall/util.h>

#include "plugins/common/address.h"
#include "conn.h"
#include "plugins/common/list.h"
#include "plugins/common/books.h"
#include "plugins/common/plan.h"
#include "request.h"
#include "slab.h"

/* What was scarce on our side, for the verdict on the generator. */
struct dispatch_limits {
	int64_t fd_exhausted, port_exhausted;
};

struct dispatch {
	uint32_t magic;
	/* Set at init; what they point to is the caller's. */
	struct ev_loop *loop;
	const struct plan *plan;
	const struct addresses
	    *addresses; /* all of them accepted a connection; may change, dispatch_moved() */
	struct messages *messages;
	struct books *books; /* of connections and bytes */
	int64_t max_connections, max_in_flight; /* the plan's, unless the engine sets others */
	/* Which of how many workers this is, so that together they spread over the addresses; 0 of 1, unless
	 * the engine sets others. */
	uint32_t index, workers;
	/* Each request that has ended, for who counts on it; may be NULL. Nothing of d may be asked inside.
	 */
	void (*request_ended)(void *owner, int64_t now, bool sent);
	/* Right after an answer; may be NULL; dispatch_due may be called. */
	void (*refill)(void *owner, int64_t now);
	void *owner;

	struct conn_env *env;
	struct slab requests, conns;
	/* In the order of time, so that the first of each has the earliest limit. */
	struct link waiting; /* requests by due time: patience */
	struct link sent; /* requests by sent time: timeout */
	struct link quiet; /* of these, the ones without a byte of an answer: timeouts_ms.first_byte */
	struct link connecting; /* connections by start: timeouts_ms.connect */
	struct link shaking; /* and by the start of TLS: timeouts_ms.tls */
	struct link idle; /* connections, the last used first */
	struct ev_timer limit; /* runs to the earliest of these limits, or to one that has moved since */
	int64_t limit_at; /* CLOCK_NEVER = not running */

	int64_t live; /* requests: waiting and sent */
	int64_t waiting_count, conn_count, connecting_count; /* connecting: also those that are shaking */
	uint64_t opened; /* connections, or tries, since the addresses changed */
	uint32_t generation; /* of the addresses */
	uint64_t tallied_sent, tallied_received; /* bytes that stand in other books than these */
	bool worked; /* set whenever something was done; the engine clears it */
	struct dispatch_limits limits;
	int64_t start_lag; /* of the first request that was sent: sent - due; -1 = none yet */
};

int dispatch_init(struct dispatch *d, struct ev_loop *loop, const struct plan *plan,
                  const struct addresses *addresses, struct tls_context *tls, struct messages *messages,
                  struct books *books); /* 0 or -ENOMEM */
void dispatch_free(struct dispatch *d); /* books nothing */

/* A request that is due. */
struct due {
	uint64_t tick;
	int64_t at;
	uint32_t message; /* which of the plan's */
	bool counted; /* not of the warm-up */
	struct books *books; /* where all that becomes of it is written */
};

/* now: as read for it alone, since sending the one before took time. */
void dispatch_due(struct dispatch *d, const struct due *due, int64_t now);

/* Connections and bytes go into these books from now on. */
void dispatch_turn(struct dispatch *d, struct books *books);

/* The addresses are others now: idle connections to those that are gone are closed, busy ones behind their
 * answer. With none left requests that need a connection end as unsent{dns}. */
void dispatch_moved(struct dispatch *d);

void dispatch_drop_waiting(struct dispatch *d); /* aborted */

void dispatch_tally(struct dispatch *d); /* brings the bytes in the books up to date */

/* The end of waiting: what is in flight is booked as unanswered, what still waits as aborted, and
 * every connection is closed. */
void dispatch_close(struct dispatch *d);

#endif
