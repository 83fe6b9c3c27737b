/*
 * disk.h - the life of a plugin's SQLite file: opened at start, closed in drain, and in between one
 * line and one change of readiness for each change of its health.
 */
#ifndef SQLITE_DISK_H
#define SQLITE_DISK_H

#include "batch.h"

enum disk_stage { DISK_CREATED, DISK_OPEN, DISK_DRAINING, DISK_CLOSING, DISK_CLOSED };

struct disk {
	const struct sq_host *host;
	const struct db_schema *schema;
	const char *who; /* "store": the plugin's kind, for people */
	/* The plugin's, in drain, when all that it had is done: it may add the last jobs. NULL = none. */
	void (*last)(struct disk *d);

	enum disk_stage stage;
	struct db db;
	struct batch batch;

	int failing; /* the error that readiness tells of, 0 = none */
	struct sq_timer retry;
	struct job touch; /* finds out whether the disk takes writes again */
	bool touching;

	struct sq_op *drain;
	struct sq_work closing;
};

void disk_init(struct disk *d, const struct sq_host *host, const struct db_schema *schema, const char *who);
/* busy_timeout: ns, the longest wait for another process that writes. Loop thread, at start. */
int disk_open(struct disk *d, int64_t busy_timeout, struct sq_err *err);
int disk_probe(const struct disk *d, struct sq_err *err); /* as plugin.h says of probe */
static inline bool disk_is_open(const struct disk *d)
{
	return d->stage == DISK_OPEN;
}
int disk_submit(struct disk *d, struct sq_op *op, const struct verb *verb); /* or why it is refused */
/* Takes no more, finishes what there is, closes the file and completes op. */
void disk_drain(struct disk *d, struct sq_op *op);
void disk_free(struct disk *d);

#endif
