/*
 * test.h - one test in the hands of one orchestrator: what happened goes in, what is to be done comes
 * out. Pure: no I/O, no clock; times are monotonic ns of this orchestrator.
 *
 * Level-triggered: events only change what is known; what is wanted follows from that alone, by
 * comparing what was decided with what the store and the scheduler have confirmed. So a retry is
 * nothing but wanting the same again, and an uncertain answer is a thing not known, to be read first.
 *
 *     event -> test_...()          once for each thing that happened
 *              test_tick()         after it, and not later than test_next() says
 *              test_take_step()    until it gives none: what to note in the record's history
 *              test_want_store()   what to ask of the store next, test_want_job() of the scheduler;
 *                                  each is answered by one event before the next is given out
 *              test_order()        what to answer to a worker
 *
 * The rules, with the places that prove them necessary (design 4, 5, 7 and its model check):
 *   - nothing is wanted, of anybody, unless the lease is valid by our own clock
 *   - T0 and its epoch are written, and confirmed, before any run; a T0 that a read finds is the only one
 *   - an epoch is written, and confirmed, before any arm, so that no two attempts share one
 *   - what a test with T0 runs on is never prepared or resumed again
 *   - an end is written when every worker is final (and stored) or gone, or draining's deadline passed
 */
#ifndef ORCHESTRATOR_TEST_H
#define ORCHESTRATOR_TEST_H

#include <stdbool.h>
#include <stdint.h>

#include "plugins/common/control.h"
#include "plugins/common/lifecycle.h"
#include "plugins/common/report.h"

#define TEST_ADOPTIONS_MAX 2 /* before T0 */
#define TEST_ATTEMPTS_MAX 2 /* to arm, for each owner */
#define TEST_DETAIL 480

enum loss_policy { LOSS_ABORT, LOSS_DEGRADE };

struct test_setup {
	uint32_t workers;
	int64_t duration, drain;
	struct lifecycle_limits limits;
	int64_t report_timeout; /* a worker that is silent for longer is lost */
	enum loss_policy on_loss;
	int64_t presence; /* of the record as it is at the beginning, as in struct standing */
	bool mortal; /* workers end with this process, and nobody replaces one */
};

/* A worker's place: its slots are place, place + N, ... */
struct worker {
	bool taken; /* somebody has this place; the rest is meaningless otherwise */
	char uid[CONTROL_UID_MAX + 1], name[SQ_ID_MAX + 1];
	uint64_t seq, stored; /* highest that was reported, that the store has */
	enum worker_state state;
	uint64_t epoch, fence; /* as reported */
	bool final, stopped;
	char problem[64]; /* why it cannot do its part, "" = all is well */
	int64_t heard; /* when */
	bool gone; /* confirmed by the scheduler */
	int64_t gone_at;
};

/* What the record says, as far as decisions rest upon it. */
struct standing {
	enum test_state state;
	bool committed; /* T0 is in it */
	int64_t t0;
	uint64_t t0_epoch;
	uint64_t epoch; /* highest that any attempt used */
	uint32_t adoptions;
	bool cancel;
	int64_t presence; /* when who started it counts as gone, as far as this read knows; 0 = nobody has to
	                     stay */
};

enum store_want { STORE_NOTHING, STORE_READ, STORE_WRITE };
enum job_want { JOB_NOTHING, JOB_PREPARE, JOB_CHECK, JOB_RESUME, JOB_CLAIM, JOB_STOP };

/* One change of state, for the history. */
struct step {
	enum test_state state;
	const char *reason; /* NULL for none */
	char detail[TEST_DETAIL]; /* "" for none */
};
#define TEST_STEPS 8

struct test {
	struct test_setup setup;
	struct worker *workers; /* setup.workers places */
	struct lifecycle life; /* decided */
	struct step steps[TEST_STEPS];
	unsigned step_first, step_count;
	char reason[64], detail[TEST_DETAIL]; /* of the outcome, when a worker gave it */
	int64_t deadline; /* of the present state */
	int64_t ticked; /* when time was last looked at */

	uint64_t fence;
	int64_t lease_until;
	bool given_up; /* it belongs to somebody else, or is over in the store */
	bool halted; /* workers are to stop, whatever the outcome */

	struct standing saved; /* what the store has confirmed */
	uint32_t adoptions;
	uint64_t changes, saved_changes; /* urgent ones: writes are wanted until they are equal */
	bool news; /* something that can wait for the next second */
	struct {
		bool busy, must_read;
		enum store_want asked;
		struct standing draft; /* of the write that is under way */
		uint64_t changes;
		int64_t after; /* not before */
		int64_t written; /* last */
	} store;

	struct { /* the attempt to arm that is under way */
		uint64_t epoch; /* 0 = none */
		uint64_t used; /* highest epoch so far */
		unsigned attempts;
		int64_t t0; /* 0 = not chosen yet */
		bool proposed; /* all have armed: T0 is to be written */
		int64_t round_trip; /* worst that a worker reported */
	} arm;
	bool committed; /* T0 stands in the record */
	int64_t t0;
	uint64_t t0_epoch;

	enum { J_NONE, J_MAYBE, J_PREPARED, J_CHECKED, J_RUNNING, J_UNCLAIMED, J_GONE } job;
	struct {
		bool busy;
		enum job_want asked;
		int64_t after;
		int64_t short_since; /* fewer workers than planned are left, 0 = not so */
		char reason[TEST_DETAIL]; /* what the platform said last, "" = nothing */
	} launch;
};

/* The test was delivered and its lease granted; the record is queued, until deadline. 0 or -ENOMEM. */
int test_begin(struct test *t, const struct test_setup *setup, uint64_t fence, int64_t lease_until,
               int64_t now, int64_t deadline);
/* The same, but it must not run: its record is to say why. */
int test_refuse(struct test *t, const struct test_setup *setup, uint64_t fence, int64_t lease_until,
                int64_t now, const struct outcome *how, const char *detail);
/* How a test ends when who started it was not heard of any more. */
extern const struct outcome test_vanished;
#define TEST_VANISHED "who started it has not been heard of for so long that it counts as gone"
/* The lease of somebody else's test was granted, and then its record read. deadline: of its state. */
int test_adopt(struct test *t, const struct test_setup *setup, uint64_t fence, int64_t lease_until,
               int64_t now, const struct standing *found, const struct outcome *decided, int64_t deadline);
void test_end(struct test *t); /* frees what it owns */

/* --- events --- */
void test_leased(struct test *t, int64_t until); /* renewed */
void test_fenced(struct test *t); /* the lease is somebody else's */
void test_changed(struct test *t); /* somebody else wrote the record: read it */
void test_tick(struct test *t, int64_t now);

/* The answers to what test_want_store() asked. found: as the store has it, NULL unless status is 0. */
void test_was_read(struct test *t, int64_t now, int status, const struct standing *found);
void test_was_written(struct test *t, int64_t now, int status);

/* The answer to what test_want_job() asked; reason: the platform's words or NULL. JOB_CHECK is a read of
 * the record, right before JOB_RESUME, and answered by test_was_checked(). */
void test_job_done(struct test *t, int64_t now, int status, const char *reason);
void test_was_checked(struct test *t, int64_t now, int status, const struct standing *found);
/* The scheduler tells what exists: alive = pending or running. */
void test_job_seen(struct test *t, int64_t now, uint32_t gone, uint32_t alive, const char *reason);
void test_worker_gone(struct test *t, int64_t now, const char *name);

/* The place of this worker, also when it asks again; -EAGAIN: none is free yet; -EDQUOT: none will be. */
int test_register(struct test *t, int64_t now, const char *uid, const char *name);
/* Its place, or -ENOENT: it has to register. Old reports change nothing. */
int test_report(struct test *t, int64_t now, const struct report *r);
/* A stored snapshot of a worker whose place is in the stored slot map: at adoption, before any event. */
void test_restore(struct test *t, uint32_t place, const char *uid, const char *name, uint64_t seq,
                  bool final);
void test_stored(struct test *t, int64_t now, uint32_t place, uint64_t seq);

/* This process is asked to stop. */
void test_shutdown(struct test *t, int64_t now);

/* --- wants --- */
bool test_take_step(struct test *t, struct step *out);
enum store_want test_want_store(struct test *t, int64_t now, struct standing *draft);
enum job_want test_want_job(struct test *t, int64_t now);
void test_note_news(struct test *t); /* a number in the record changed */
/* What the worker of this place is told. -EPERM: the lease is not valid now, say nothing. */
struct order {
	enum directive_state state;
	uint64_t epoch;
	int64_t t0; /* 0 = none */
	int64_t poll;
	uint64_t stored;
};
int test_order(const struct test *t, int64_t now, uint32_t place, struct order *out);
/* When test_tick() has to be called again, at the latest. */
int64_t test_next(const struct test *t, int64_t now);
/* Nothing is left to do: its end is confirmed and what it ran on is gone, or it was given up. */
bool test_over(const struct test *t);
bool test_owned(const struct test *t, int64_t now); /* the lease is valid by our clock */

/* Whether the worker of this place counts as lost at this moment. */
bool test_lost(const struct test *t, int64_t now, uint32_t place);
uint32_t test_count_lost(const struct test *t, int64_t now);
uint32_t test_count_ready(const struct test *t);
uint32_t test_count_armed(const struct test *t);

#endif
