/*
 * accounts.h - all the books of one load: the warm-up's, and one for each request of the plan.
 *
 * Each event of a request goes into exactly one of them, so that several requests cost no more than one;
 * the sum is made by who reports. What belongs to no request stands in common, which is the only one when
 * the plan has no named requests: connections, bytes, and ticks that nobody looked at.
 */
#ifndef COMMON_ACCOUNTS_H
#define COMMON_ACCOUNTS_H

#include "books.h"

struct plan;
struct schedule;

struct accounts {
	struct books **load; /* of each named request, in the plan's order; then common */
	uint32_t count; /* at least 1 */
	struct books *common;
	struct books *warmup; /* NULL: there is none */
};

int accounts_init(struct accounts *a, const struct plan *plan); /* 0, or -ENOMEM with nothing left */
void accounts_free(struct accounts *a); /* harmless on a zeroed one */

int64_t accounts_last_sent(const struct accounts *a); /* of the load, as in books */

/* The load begins warmup after T0 (monotonic ns). */
void accounts_begin(struct accounts *a, int64_t t0, int64_t warmup);

#endif
