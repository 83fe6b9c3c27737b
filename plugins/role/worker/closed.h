/*
 * closed.h - the closed model: so many connections, each sends its next request a while after the last one
 * has ended. Pure.
 *
 * Connections are alike, so all that is kept is when each of those that have nothing in flight may send
 * again. A request is due at that moment; what passes until it is looked at is the generator's lag, as in
 * the open model. Ticks are names, dealt to the workers by slots, so that no two requests of a test have the
 * same; connections are dealt in the same way: connection c belongs to slot c mod V.
 */
#ifndef WORKER_CLOSED_H
#define WORKER_CLOSED_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

#include "plugins/common/slots.h"

/* A connection that could not be had is tried again after this time, or the think time if that is longer:
 * a target that refuses would be asked as fast as the machine can otherwise. */
#define CLOSED_RETRY (100 * SQ_MS)

struct closed {
	int64_t *ready; /* heap: when each may send, the earliest first */
	uint32_t count, size;
	int64_t think;
	uint64_t left; /* requests of the load that may still be started here */
};

/* connections of the whole test; max: its most requests, 0 = no limit. All are ready at begin. 0 or -ENOMEM.
 */
int closed_init(struct closed *c, const struct slots *slots, uint64_t connections, uint64_t max,
                int64_t think, int64_t begin);
void closed_free(struct closed *c); /* harmless on a zeroed one */

int64_t closed_first(const struct closed *c); /* when one may send, INT64_MAX: all have something to do */
void closed_take(struct closed *c); /* that one does */
/* Its request has ended. sent: bytes of it were sent. */
void closed_give(struct closed *c, int64_t now, bool sent);

#endif
