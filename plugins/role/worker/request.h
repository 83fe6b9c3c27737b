/*
 * request.h - the plan's requests as bytes: compiled before the load begins, chosen by tick, rendered without
 * allocation. Pure.
 *
 * Which request a tick is follows from the tick alone. Weights are exact: of each W ticks in a row (W = the
 * sum of the weights without their common divisor, from a tick that W divides on) every request gets as many
 * as its weight says. Their order is an even one, turned by a hash of (seed, row), so that no worker or
 * connection meets the same request time after time.
 */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include "check.h"
#include "core/base/buf.h"
#include "plugins/common/plan.h"
#include "core/base/template.h"

struct message {
	/* Up to the length of the body, or, without a body's length, the whole head. [1] has X-Squall-Test,
	 * by which our target counts; the warm-up's requests are [0]. */
	struct template head[2];
	struct template body;
	struct buf text[2]; /* that head's source; the whole request when nothing varies */
	bool varies, has_length;
	bool to_head; /* HEAD: the answer has no body */
	int64_t expect_status;
	struct checks checks;
};

struct messages {
	struct message *list;
	uint32_t count; /* at least 1 */
	uint16_t *order; /* of one row; NULL with one request */
	uint32_t row; /* W */
	uint64_t seed;
	struct template_values values;
	struct buf rendered;
};

/* plan outlives it. With Content-Length, and Connection: close when each request has a connection of its
 * own; Host and User-Agent are ours unless the plan has its own. 0 or
 * -ENOMEM. */
int messages_init(struct messages *m, const struct plan *plan, const char *version, const char *test_id);
void messages_free(struct messages *m); /* harmless on a zeroed one */

uint32_t messages_choose(const struct messages *m, uint64_t tick);

/* Its bytes, valid until the next call when it varies, else for ever. counted: not of a warm-up. Empty
 * without memory, which only growing needs. */
struct sq_slice messages_render(struct messages *m, uint32_t which, uint64_t tick, bool counted);

#endif
