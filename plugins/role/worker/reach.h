/*
 * reach.h - before the load begins, one connection (TCP, and TLS where the target has it; no request) to
 * every address of the target: those that refuse are left out and named, so that "localhost" with a dead
 * ::1 works.
 */
#ifndef WORKER_REACH_H
#define WORKER_REACH_H

#include <stdbool.h>

#include <ev.h>

#include "conn.h"
#include "plugins/common/address.h"

struct reach;

struct reach_try {
	struct conn conn;
	bool pending, settling;
	int error; /* errno of the failure, EPROTO where TLS failed, 0 = accepted */
	int64_t limit; /* of the step that it is in, monotonic ns */
};

struct reach {
	/* Set by the owner; all must stay until done() or reach_stop(). */
	struct ev_loop *loop;
	const struct addresses *all;
	struct tls_context *tls; /* NULL: plain */
	const char *host; /* with TLS */
	int64_t connect, shake; /* the longest steps, ns */
	void (*done)(struct reach *r); /* once, when each address accepted, refused or timed out */

	struct ev_timer limit;
	uint32_t pending;
	bool over; /* told, or stopped */
	struct conn_env *env;
	struct reach_try *tries; /* one for each address, until reach_stop() */
};

/* 0 or -ENOMEM. done() may run inside. */
int reach_start(struct reach *r);
void reach_stop(struct reach *r); /* frees all it has; harmless on a zeroed one */

/* Keeps those that accepted, in order; out may be the list that was tried. */
void reach_accepted(const struct reach *r, struct addresses *out);
/* Why an address was left out, for people: "certificate has expired". */
const char *reach_why(const struct reach *r, uint32_t address);

#endif
