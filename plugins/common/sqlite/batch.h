/*
 * batch.h - jobs on the SQLite file, many in one transaction.
 *
 * Jobs that come during one loop turn, or while a batch is running, form the next batch: one
 * transaction on one pool thread, in the order they came, one fsync for all of them. They end on
 * the loop in that order. If the transaction fails, each of its jobs is run once more in one of
 * its own, so that none fails through the fault of another.
 */
#ifndef SQLITE_BATCH_H
#define SQLITE_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include <squall/host.h>

#include "plugins/common/arena.h"
#include "db.h"

struct job;

/* What a job does. run is called on a pool thread inside a transaction, perhaps twice; it decides
 * before its first write: only SQLite itself may make it fail behind that. */
struct verb {
	size_t size; /* of the request, which begins with its op; 0 for a job of the plugin's own */
	enum db_mode mode;
	int (*check)(const struct job *j); /* on the loop: is the request well formed? NULL = always */
	int (*run)(struct db *db, struct job *j);
};

struct job {
	struct job *next;
	const struct verb *verb;
	struct sq_op *op; /* the caller's request; NULL for a job of the plugin's own */
	void *rq; /* a copy of it: the caller's gets its outputs from here once all is stored */
	void (*done)(struct job *j); /* of the plugin's own, on the loop; it owns the job again */
	int status;
	bool answered; /* rq holds outputs for the caller, also with some negative statuses */
	struct arena out; /* what outputs point to */
};

struct batch {
	const struct sq_host *host;
	struct db *db;
	/* Loop thread, after each batch. error: the first one of the disk, 0 = what was written is
	 * stored. Not called when nothing was to be written and nothing failed. */
	void (*outcome)(struct batch *b, int error);
	void (*idle)(struct batch *b); /* nothing runs and nothing waits */

	struct job *first, **last; /* the next batch */
	struct job *running; /* belongs to the pool thread while busy, then ends one by one */
	bool busy;
	struct sq_post kick;
	struct sq_work work;
	int64_t wall; /* Unix ms, taken when the batch was handed over */
	int error; /* the pool thread's report */
	char why[160]; /* its words */
	bool wrote;
};

void batch_init(struct batch *b, const struct sq_host *host, struct db *db);
/* A caller's request: checked, copied, queued. 0, or why it is refused. */
int batch_submit(struct batch *b, struct sq_op *op, const struct verb *verb);
void batch_add(struct batch *b, struct job *j); /* one of the plugin's own */
int batch_cancel(struct batch *b, struct sq_op *op); /* 0 or -EBUSY, as op.h says */
bool batch_empty(const struct batch *b);
void batch_free(struct batch *b); /* jobs that never ran; their ops are the host's business */

#endif
