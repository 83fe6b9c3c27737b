/*
 * snapshot.h - the books as they stand at one moment, for a thread that reports them.
 *
 * What the loop does for it must not delay a request, so it copies no histogram: it hands over those it
 * has been writing to, and goes on with empty ones. The books on the loop therefore hold all counts, but
 * of the histograms only what came since the last snapshot; the total is here.
 */
#ifndef WORKER_SNAPSHOT_H
#define WORKER_SNAPSHOT_H

#include "plugins/common/accounts.h"
#include "plugins/common/report.h"

/* Of one of the books. */
struct snapshot {
	struct books *total; /* as of the last snapshot_add() */
	struct books *taken;
};

int snapshot_init(struct snapshot *s); /* 0 or -ENOMEM */
void snapshot_fini(struct snapshot *s);

void snapshot_take(struct snapshot *s, struct books *b); /* on the loop */
void snapshot_add(struct snapshot *s); /* then, on any thread: adds what was taken to total */

/* Of all of them. */
struct snapshots {
	uint32_t count;
	struct snapshot *load, warmup; /* warmup: without total when there is none */
	struct books **totals; /* of load */
	struct books *sum; /* NULL with one of the load: that is the sum */
};

int snapshots_init(struct snapshots *s, const struct accounts *a); /* 0, or -ENOMEM with nothing left */
void snapshots_fini(struct snapshots *s); /* harmless on a zeroed one */

void snapshots_take(struct snapshots *s, struct accounts *a); /* on the loop */
/* Then, on any thread: adds up, and puts into the report what it is about. */
void snapshots_add(struct snapshots *s, struct report *r);

#endif
