/*
 * reach.h - before the load begins, one connection (no request) to every address of the target:
 * those that refuse are left out and named, so that "localhost" with a dead ::1 works.
 */
#ifndef WORKER_REACH_H
#define WORKER_REACH_H

#include <stdbool.h>

#include <ev.h>

#include "plugins/common/address.h"

struct reach;

struct reach_try {
	struct ev_io io;
	struct reach *reach;
	bool pending;
	int error; /* errno of the failure, 0 = accepted */
};

struct reach {
	/* Set by the owner; all must stay until done() or reach_stop(). */
	struct ev_loop *loop;
	const struct addresses *all;
	void (*done)(struct reach *r); /* once, when each address accepted, refused or timed out */

	struct ev_timer limit;
	uint32_t pending;
	struct reach_try tries[ADDRESS_MAX];
};

/* done() may run inside. */
void reach_start(struct reach *r, int64_t timeout);
void reach_stop(struct reach *r); /* harmless when it is over */

/* Keeps those that accepted, in order; out may be the list that was tried. */
void reach_accepted(const struct reach *r, struct addresses *out);

#endif
