/*
 * engine.h - sends the requests of a schedule when they are due, or those of the closed model when a
 * connection is free.
 *
 * The pieces: schedule and slots (when, and which of them are ours), closed (when, in that model),
 * pacer (when to look), request (which bytes), dispatch (which connection), conn (sockets and HTTP), books
 * (what is written down).
 */
#ifndef WORKER_ENGINE_H
#define WORKER_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

#include "plugins/common/address.h"
#include "plugins/common/accounts.h"
#include "plugins/common/plan.h"
#include "plugins/common/slots.h"
#include "plugins/common/validity.h"
#include "request.h"

struct ev_loop;
struct engine;

/* All that is pointed to stays with the caller and must outlive the engine. */
struct engine_setup {
	struct ev_loop *loop;
	const struct plan *plan;
	const struct schedule *schedule;
	const struct slots *slots; /* those of this worker; copied */
	uint64_t until_tick; /* ticks from here on are not ours to send; at most the schedule's total */
	const struct addresses *addresses; /* all of them accepted a connection; see engine_moved() */
	struct tls_context *tls; /* NULL: plain HTTP */
	struct messages *messages;
	enum plan_timer timer; /* not auto */
	int64_t t0; /* monotonic ns */
	struct accounts *accounts; /* t0 is set in them */
	/* Each at most once, from the loop; the engine must not be freed inside. */
	void (*scheduled)(void *owner); /* every tick was looked at, or the schedule's time is over */
	void (*ended)(void *owner); /* and every request has ended */
	void *owner;
};

int engine_new(const struct engine_setup *setup, struct engine **ret); /* 0 or negative errno */
void engine_free(struct engine *e); /* NULL is fine */

/* The share grows (share.h); slots of count 0: only until_tick. What comes too late is dropped as fenced. */
void engine_extend(struct engine *e, const struct slots *slots, uint64_t until_tick);

/* Sends nothing more: what is not sent yet, of the whole plan, is dropped as aborted. Requests in
 * flight go on, and ended() follows. */
void engine_stop(struct engine *e);

/* The end of waiting: closes the books and every connection. Nothing is called afterwards. */
void engine_close(struct engine *e);

/* Adds what the engine knows about itself: loop lag and exhausted resources. Returns the ns of CPU spent
 * on waiting precisely, which are no sign of saturation. */
int64_t engine_health(const struct engine *e, struct health *h);

int64_t
engine_start_lag(const struct engine *e); /* of the first request that was sent: sent - due; -1 = none yet */

/* The addresses are others now; with none left no connection can be opened. */
void engine_moved(struct engine *e);

void engine_tally(struct engine *e); /* brings the bytes in the books up to date */

#endif
