/*
 * figures.h - what a load has measured so far: taken on the loop, added up and shown on another thread.
 *
 *     figures_take()   on the loop: hands over what was written down since the last time
 *     figures_add()    then, on any thread: the whole, as a report; and a line about it for people
 *
 * The next take has to wait until the thread is done. What was taken and never added is in the next whole.
 */
#ifndef WORKER_FIGURES_H
#define WORKER_FIGURES_H

#include <stdbool.h>

#include "drive.h"
#include "progress.h"
#include "snapshot.h"

struct figures {
	struct accounts accounts; /* the loop's: what the load writes to */
	struct snapshots snapshots;
	struct vitals vitals;
	bool taken; /* and not added yet */
	bool measure; /* vitals were taken, and are to be measured */
	struct progress progress;
};

/* Of a plan's load; what stands in old ones is forgotten. 0, or -ENOMEM and they stay as they are. */
int figures_open(struct figures *f, const struct plan *plan);
void figures_close(struct figures *f); /* harmless on a zeroed one */

/* Before the load: the line that lines of progress follow. plan outlives them. */
void figures_headline(struct figures *f, const struct plan *plan, const char *test_id);

/* d: NULL when its vitals do not change any more, or there is no load. */
void figures_take(struct figures *f, struct drive *d);
/* Fills books, elapsed and health of the report, which are good until the next take. */
void figures_add(struct figures *f, struct report *r);
/* On the same thread: a line for people, if there was a headline. at: ns of the load; once for each. */
void figures_show(struct figures *f, const struct report *r, int64_t at);

#endif
