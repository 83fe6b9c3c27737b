/*
 * held.h - one message in this process's hands, from the file to its settlement.
 */
#ifndef TRANSPORT_LOCAL_HELD_H
#define TRANSPORT_LOCAL_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/host.h>

#include "plugins/common/sqlite/batch.h"

struct queue;

/* Options that the pool thread needs too. Constant. */
struct terms {
	int64_t lock; /* ns */
	int64_t max_deliveries;
};

struct held {
	struct held *next;
	struct sq_delivery delivery; /* msg points behind this structure */
	struct queue *queue;
	const struct terms *terms;
	int64_t num, lock; /* in the file */
	bool dead; /* not to be delivered: it was put aside */

	struct sq_timer expire;
	struct sq_settling *settling, *renewing; /* the role's requests, on their way */
	struct job settle, renew;
	enum sq_settle how;
	int64_t pause; /* ns for which it stays away after it came back */
	int64_t asked; /* monotonic ns at which the renewal was asked for */
	char data[]; /* id with its NUL, body */
};

#endif
