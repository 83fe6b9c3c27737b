/*
 * held.h - one message in this process's hands, from the file to its settlement.
 */
#ifndef TRANSPORT_LOCAL_HELD_H
#define TRANSPORT_LOCAL_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "plugins/common/queue.h"
#include "plugins/common/sqlite/batch.h"

/* Options that the pool thread needs too. Constant. */
struct terms {
	int64_t lock; /* ns */
	int64_t max_deliveries;
};

struct held {
	struct held *next; /* as it was taken */
	struct hold hold; /* its message points behind this structure */
	const struct terms *terms;
	int64_t num, lock; /* in the file */
	bool dead; /* not to be delivered: it was put aside */
	struct job settle, renew;
	char data[]; /* id with its NUL, body */
};

#endif
