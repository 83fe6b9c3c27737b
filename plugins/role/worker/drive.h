/*
 * drive.h - one load of this process, from the target's name to the last answer.
 *
 *     look up the name -> connect once to each address -> prepared
 *     drive_start() -> T0 -> schedule -> drain -> ended
 *
 * Who runs it says when T0 is and which ticks are ours: run.h on its own, session.h under an
 * orchestrator.
 */
#ifndef WORKER_DRIVE_H
#define WORKER_DRIVE_H

#include <stdbool.h>

#include <squall/host.h>

#include "machine.h"
#include "plugins/common/accounts.h"
#include "plugins/common/plan.h"
#include "plugins/common/slots.h"

struct drive;

enum drive_stage {
	DRIVE_FINDING, /* the target's addresses */
	DRIVE_PREPARED, /* drive_start() may come */
	DRIVE_LOADING, /* from drive_start() until every tick was looked at */
	DRIVE_DRAINING, /* until every request has ended, or the wait for answers is over */
	DRIVE_OVER /* nothing is sent any more, and the books are closed */
};

/* All that is pointed to stays with the caller and must outlive the drive. */
struct drive_setup {
	const struct sq_host *host;
	const struct plan *plan;
	const char *test_id;
	struct accounts *accounts;
	/* Once, from the loop. reason NULL: drive_start() may come; else why it cannot, a word and a
	 * sentence, and the drive is over. */
	void (*prepared)(void *owner, const char *reason, const char *detail);
	void (*ended)(void *owner); /* once, when a load or a stop has come to its end */
	void *owner;
};

int drive_new(const struct drive_setup *setup, struct drive **ret, struct sq_err *err);
/* NULL is fine. Not before its work on the host's threads has ended: in the plugin's destroy(). */
void drive_free(struct drive *d);

/* Takes ticks of these slots below until_tick, or below the end of the plan. t0: monotonic ns. 0 or negative
 * errno. */
int drive_start(struct drive *d, const struct slots *slots, uint64_t until_tick, int64_t t0);

/* The share of a load that runs grows: engine_extend(). Harmless when it does not run. */
void drive_extend(struct drive *d, const struct slots *slots, uint64_t until_tick);

/* Sends nothing more; ended() follows soon, or runs inside when nothing had begun. Harmless when it
 * is over. */
void drive_stop(struct drive *d);

enum drive_stage drive_stage(const struct drive *d);
enum plan_timer drive_timer(const struct drive *d); /* what the plan's became on this machine */
uint32_t drive_addresses(const struct drive *d); /* how many are loaded */
int64_t drive_span(const struct drive *d); /* ns from T0 to the end of the schedule */
int64_t drive_start_lag(const struct drive *d); /* of the first request: sent - due; -1 = none yet */

/* How the generator does, in two steps: the first on the loop, which also brings the bytes in the books up
 * to date; the second reads files of the kernel, on any thread. */
struct vitals {
	struct machine_marks from;
	int64_t elapsed; /* ns since the load began, behind the warm-up, until the schedule's end or the stop,
	                    or the last request sent behind it */
	int64_t warmup; /* ns of it before, which health is about as well */
	int64_t spun;
	struct health health; /* filled by the second */
};
void drive_vitals(struct drive *d, struct vitals *v);
void vitals_measure(struct vitals *v);

#endif
