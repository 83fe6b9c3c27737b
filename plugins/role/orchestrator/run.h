/*
 * run.h - one test that this orchestrator owns, or thinks so: what test.h wants is asked of the store and
 * the scheduler, and what they answer goes back there.
 */
#ifndef ORCHESTRATOR_RUN_H
#define ORCHESTRATOR_RUN_H

#include "core/base/buf.h"
#include "orchestrator.h"
#include "plugins/common/merge.h"
#include "plugins/common/plan.h"
#include "plugins/common/record_doc.h"
#include "plugins/common/threshold_watch.h"
#include "plugins/common/timeline.h"
#include "test.h"

#define RUN_TOKEN 65 /* bytes of a bearer token with its NUL */
#define STORE_TIMEOUT (5 * SQ_S) /* longest wait for one answer of the store */
#define SNAPSHOT_EVERY (5 * SQ_S)

/* The last report of one place, on its way to the store. */
struct snapshot {
	struct run *run;
	char uid[CONTROL_UID_MAX + 1]; /* who has the place, "" = nobody had it under this owner */
	struct sq_store_part_put rq;
	char name[SQ_ID_MAX + 1];
	struct buf latest, sending;
	uint64_t seq, sending_seq; /* of the two */
	bool busy, told; /* told: its worker is lost, and the log says so */
	int64_t after; /* not before */
};

/* The timeline's older points are merged (run_thin.c). */
struct thin {
	struct sq_store_range range;
	struct sq_store_merge merge;
	struct buf text; /* of the two in one */
	size_t were; /* bytes of the two */
	uint64_t before; /* number of the point that those to be merged follow, 0 = none */
	int64_t points; /* in the store, about */
	uint64_t bytes; /* of them, about */
	bool busy;
};

struct run {
	struct link link;
	struct orchestrator *o;
	char id[SQ_ID_MAX + 1];
	struct test test;
	bool begun; /* test is in use */
	struct test_record record; /* as it is to be */
	uint64_t version; /* of the record in the store */
	struct plan *plan;
	struct json_object *worker_plan; /* effective, with secrets */
	char token[RUN_TOKEN];
	struct schedule schedule;
	struct slots slots; /* scratch: the places' shares */
	struct merger *merger;
	struct timeline *timeline;
	struct threshold_watch *watch;
	struct snapshot *snapshots; /* of each place */
	struct sq_delivery *delivery; /* held until the record says provisioning */
	bool refused; /* its message is to be dead */
	uint32_t moves_noted; /* of the slot map */
	int64_t stopped; /* when nothing more became due, 0 = not yet */

	struct sq_timer timer, renew;
	struct sq_post turn;
	unsigned pending; /* requests under way */
	bool pumping, again;

	struct sq_store_lease lease;
	int64_t lease_asked;
	bool renewing;
	bool lease_clean; /* no write of ours was under way when it was asked */
	struct sq_store_get get, check;
	struct sq_store_put put;
	struct sq_part parts[2];
	struct buf body, slots_text;
	struct standing draft;
	struct sq_job_rq job_rq;
	bool asking_job; /* job_rq is under way */
	struct sq_job job;
	struct buf env[3];
	const char *env_list[4];

	struct sq_store_append append;
	struct buf point; /* under way */
	uint64_t second; /* the next point's */
	bool appending;
	int64_t append_after; /* not before */
	/* EARLIER: a point that is not stored yet goes first. POINT: the last one. */
	enum { CLOSING_NOT, CLOSING_EARLIER, CLOSING_POINT, CLOSING_AUDIT, CLOSING_PUT } closing;
	struct thin thin;
	struct sq_store_count audit_rq;
	struct sq_counter audit;
	char audit_name[SQ_ID_MAX + 1];
	struct sq_timer audit_timer;
	unsigned audits; /* how often once more */
	uint64_t audited; /* hits that the target counted for this test, 0 = unknown */
};

/* Everything but the test itself; record and plan are taken over, also on failure. */
struct run *run_new(struct orchestrator *o, const char *id, struct test_record *record, struct plan *plan);
/* The two ways of beginning. refusal: why it must not run, NULL = it may; at: the store's clock when the
 * record was read. 0 or -ENOMEM. */
int run_begin(struct run *r, uint64_t fence, int64_t lease_until, int64_t at, const struct sq_err *refusal);
int run_adopt(struct run *r, uint64_t fence, int64_t lease_until, int64_t at);
void run_free(struct run *r);
void run_pump(struct run *r); /* after every event */
/* The same at the end of this turn: once for all reports that came in it. */
void run_pump_later(struct run *r);

/* What the record says, in our own time. at: the store's clock when it was read. */
struct standing run_standing(const struct orchestrator *o, const struct test_record *record, int64_t at);

/* run_store.c */
void run_ask_store(struct run *r);
void run_renew(struct sq_timer *t);
void run_snapshots(struct run *r, int64_t now);
void run_points(struct run *r, int64_t now);
void run_audit_again(struct sq_timer *t);

/* run_thin.c */
void run_thin_added(struct run *r, size_t bytes); /* a point was stored */

/* run_slots.c */
struct json_object *run_write_places(const struct run *r); /* as it is to be; NULL without memory */
int run_read_places(struct run *r, struct sq_slice text); /* of RECORD_SLOTS; after run_adopt() */

/* run_job.c */
void run_ask_job(struct run *r);
void run_drop_job(struct run *r); /* what was asked is not waited for any more */
void run_job_changed(struct run *r, const struct sq_job_state *state);

/* outcome.c */
/* When nothing more is due, ns of the load: the end of the schedule; in the closed model when the last of the
 * workers started its last request, as far as they have told. */
int64_t outcome_load_end(const struct run *r);
/* The result document, also put into the record with validity and verdict. -ENOMEM. */
int outcome_write(struct run *r, enum test_state state, const char *reason);
/* The result in one line of the log: all there is where nobody shares the store. */
void outcome_tell(const struct run *r);

/* Each request under way holds the run; when it ends, the run looks what is next, and may end itself. */
static inline void run_hold(struct run *r)
{
	r->pending++;
}

static inline void run_release(struct run *r)
{
	r->pending--;
	run_pump(r);
}

/* When the load begins, behind the warm-up; T0 must stand. */
static inline int64_t run_load_at(const struct run *r)
{
	return r->test.t0 + r->schedule.warmup;
}

/* How many requests of the load were due this many ns after its beginning; in the closed model those that
 * were started. */
static inline uint64_t run_offered(struct run *r, int64_t since)
{
	return r->schedule.closed ? merger_books(r->merger)->ledger.scheduled
	                          : schedule_offered(&r->schedule, since);
}

#define RUN_KV(r) SQ_KV({"test", (r)->id})

#endif
