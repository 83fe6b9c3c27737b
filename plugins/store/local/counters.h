/*
 * counters.h - the verbs add, read and reset. Loop thread.
 *
 * One process owns the counters of a state_dir: the first that adds or resets locks the file
 * counters.lock until it ends. Its counters live in memory (numbers.h). Other processes may read
 * what the owner has last written back.
 */
#ifndef STORE_LOCAL_COUNTERS_H
#define STORE_LOCAL_COUNTERS_H

#include <stdbool.h>

#include <squall/host.h>

#include "plugins/common/sqlite/batch.h"
#include "numbers.h"

enum count_verb { COUNT_ADD, COUNT_READ, COUNT_RESET };

struct waiter;

struct counters {
	const struct sq_host *host;
	struct batch *batch;
	struct numbers numbers;
	int lock; /* the locked file, -1 while the counters are not ours */
	bool refused; /* and that was logged */

	/* Requests that wait for the disk, in order; while there are any, later ones wait behind. */
	struct waiter *first, **last;
	unsigned waiting;

	struct job flush;
	bool flying; /* flush is on its way */
	bool settling; /* and its outcome is being dealt out */
	bool failing; /* the last one failed */
	bool closing;
	struct sq_timer write_back;
	bool write_back_set;
};

void counters_init(struct counters *c, const struct sq_host *host, struct batch *batch, int64_t block);
/* 0, or why it is refused: -EBUSY when another process owns the counters. */
int counters_submit(struct counters *c, enum count_verb verb, struct sq_store_count *rq);
int counters_cancel(struct counters *c, struct sq_op *op); /* as op.h says; -ENOENT: not one of ours */
/* Brings the exact values to the disk; the batch becomes idle when they are there. */
void counters_close(struct counters *c);
void counters_free(struct counters *c);

#endif
