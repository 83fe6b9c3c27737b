/*
 * orchestrator.h - the parts of the orchestrator around the rules of a test (test.h).
 *
 *     orchestrator.c   the plugin: options, life, what the host brings
 *     take.c           from a message, or a test without an owner, to a run
 *     fit.c            whether one more test fits beside those that run here
 *     settle.c         lets go of messages and leases
 *     sweep.c          looks for tests and scheduler objects that nobody looks after
 *     run*.c           one test that is ours: asks store and scheduler what test.h wants of them
 *     outcome.c        its result document
 *     control_http.c   what its workers ask
 *
 * Loop thread only.
 */
#ifndef ORCHESTRATOR_ORCHESTRATOR_H
#define ORCHESTRATOR_ORCHESTRATOR_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/plugin.h>

#include "plugins/common/knock.h"
#include "plugins/common/limits.h"
#include "plugins/common/list.h"
#include "plugins/common/policy.h"

struct run;
struct books;

struct orchestrator_conf {
	const char *target_url;
	const char *const *allowed_targets;
	int64_t max_rate, max_workers, max_duration, max_request_body, max_total_rate, max_total_workers;
	int64_t max_concurrent_tests;
	const char *const *control_urls;
	int64_t lease_ttl, report_timeout, provisioning_timeout, timeline_points;
};

struct orchestrator {
	uint32_t magic;
	const struct sq_host *host;
	const struct orchestrator_conf *conf;
	struct policy *policy;
	struct limits limits;
	struct demand arriving; /* of takes that were let in, and are no runs yet */
	struct link runs; /* of struct run */
	struct link takes; /* of struct take */
	unsigned open; /* runs, takes and requests of our own that have not ended */
	int64_t clock; /* Unix ns - host->now(): one offset for all, so that T0 never jumps with the clock */
	int64_t trouble_until; /* the store failed: nothing is adopted before */
	int64_t pause_until; /* the same: no message is taken before */
	struct sq_timer pause; /* its end */
	uint32_t credit;
	struct sweep *sweep;
	struct books *scratch; /* a report is read into them, and merged */
	struct sq_op *drain; /* set: stopping, nothing new is taken */
	struct knock knock; /* of -t --connect */
	int64_t *running, *ended, *adopted, *dead; /* metrics */
};

static inline int64_t orchestrator_now(const struct orchestrator *o)
{
	return o->host->now(o->host->ctx);
}

/* Unix ms, for stamps. */
static inline int64_t orchestrator_wall(const struct orchestrator *o)
{
	return o->host->wall(o->host->ctx);
}

/* For what follows a submission: one that was refused ends like one that failed. */
static inline void submitted(struct sq_op *op, int r)
{
	if (r < 0)
		op->done(op, r);
}

void orchestrator_began(struct orchestrator *o); /* something more is open */
void orchestrator_ended(struct orchestrator *o);
/* How the store answered: when it is in trouble, or the way to it, less is begun for a while. */
void orchestrator_trouble(struct orchestrator *o, int status);
void orchestrator_set_credit(struct orchestrator *o);
struct run *orchestrator_find(const struct orchestrator *o, const char *id, size_t len);

/* take.c */
void take_delivery(struct orchestrator *o, struct sq_delivery *d);
void take_orphan(struct orchestrator *o, const char *id);
void take_lost(struct orchestrator *o, const struct sq_delivery *d);
bool take_has(const struct orchestrator *o, const char *id);

/* fit.c */
struct place {
	int64_t rate, workers;
	bool counted; /* in o->arriving */
};
/* Whether the queued test of this record, as it is at now by the store's clock, may begin; then it counts
 * until fit_end(). Tests that are not queued, and those of which only the end is to be written, always may.
 */
bool fit_begin(struct orchestrator *o, const struct sq_record *rec, int64_t now, struct place *p);
void fit_end(struct orchestrator *o, struct place *p); /* its run counts, or there is none */

/* settle.c */
/* Settles d, which is forgotten. reason and detail: of SQ_DEAD. */
void delivery_settle(struct orchestrator *o, struct sq_delivery *d, enum sq_settle how, const char *reason,
                     const char *detail);
void lease_release(struct orchestrator *o, const char *id, uint64_t fence);

/* sweep.c */
int sweep_start(struct orchestrator *o); /* 0 or -ENOMEM */
void sweep_stop(struct orchestrator *o); /* no more of it begins */
void sweep_free(struct orchestrator *o);
/* Ends the workers of a test that is not ours (any more), if the store knows of no such test that lives. */
void sweep_orphan(struct orchestrator *o, const char *id, uint64_t fence);

/* control_http.c */
void handle_register(void *self, struct sq_http *rq);
void handle_report(void *self, struct sq_http *rq);

struct orchestrator *orchestrator_of(void *self);

#endif
