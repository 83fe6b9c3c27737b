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
 *   - no tick is ever sent twice: until_tick and the slot map are written, and confirmed, before anybody is
 *     told; a lost worker's slots move from the largest until_tick it can have been told (spread.c)
 */
#ifndef ORCHESTRATOR_TEST_H
#define ORCHESTRATOR_TEST_H

#include <stdbool.h>
#include <stdint.h>

#include "plugins/common/control.h"
#include "plugins/common/lifecycle.h"
#include "plugins/common/report.h"
#include "plugins/common/slot_map.h"

#define TEST_ADOPTIONS_MAX 2 /* before T0 */
#define TEST_ATTEMPTS_MAX 2 /* to arm, for each owner */
#define TEST_DETAIL 480

/* What follows when a worker is lost. ABORT: the test ends. DEGRADE: it goes on with what is left, up to a
 * tenth of the workers. REDISTRIBUTE: others take its slots over, if they can; else as under DEGRADE. */
enum loss_policy { LOSS_ABORT, LOSS_DEGRADE, LOSS_REDISTRIBUTE };

struct test_setup {
	uint32_t workers;
	int64_t duration, drain;
	struct lifecycle_limits limits;
	int64_t report_timeout; /* a worker that is silent for longer is lost */
	enum loss_policy on_loss;
	int64_t presence; /* of the record as it is at the beginning, as in struct standing */
	const struct schedule *schedule; /* the caller's; outlives the test */
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
	char ended[64]; /* why, says that, "" = nothing */
	int64_t gone_at;

	int64_t clock_error; /* how far its T0 may be off ours, -1 = unknown */
	uint64_t given; /* the largest until_tick that it can have been told */
	/* Under REDISTRIBUTE only: a loss is for ever, since its slots are somebody else's then. */
	bool lost;
	bool moved; /* it was decided who gets its slots */
	bool spared; /* nobody could take them */
	int64_t load; /* thousandths of a CPU in its last second, -1 = unknown */
	bool late; /* most requests of its last second were picked up late */
	struct {
		int64_t cpu, elapsed;
		uint64_t picked, late;
	} before; /* as reported one second ago, for the two */
};

/* What the record says, as far as decisions rest upon it. */
struct standing {
	enum test_state state;
	bool committed; /* T0 is in it */
	int64_t t0;
	uint64_t t0_epoch;
	uint64_t epoch; /* highest that any attempt used */
	uint32_t adoptions;
	uint64_t until_tick; /* given; 0 without T0 */
	uint32_t moves; /* entries of the slot map that stands beside the record */
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
	char reason[64], detail[TEST_DETAIL]; /* of the outcome, when a worker gave it, or an earlier owner */
	int64_t deadline; /* of the present state */
	int64_t ticked; /* when time was last looked at */

	uint64_t fence;
	int64_t lease_until;
	bool given_up; /* it belongs to somebody else, or is over in the store */
	bool gone; /* given up, since the store has no record of it: nobody else looks after its workers */
	bool unsure; /* adopted, and the clock was set back meanwhile: what was due when is not known */
	bool halted; /* workers are to stop, whatever the outcome */
	bool leaving; /* it has no T0, and is for another orchestrator once its workers are gone */

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
		int64_t spare; /* run reaches everybody when it is sent so long before T0; fixed with T0 */
		bool proposed; /* all have armed: T0 is to be written */
		int64_t round_trip; /* worst that a worker reported */
	} arm;
	bool committed; /* T0 stands in the record */
	int64_t t0;
	uint64_t t0_epoch;

	struct { /* whose ticks are whose */
		uint64_t until; /* decided: for fencing it counts as told; saved.until_tick is for sending */
		int64_t raise_at; /* not before */
		struct slot_map map; /* confirmed */
		bool moving;
		struct slot_move move; /* decided, and not confirmed yet */
	} spread;

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
/* The lease of somebody else's test was granted, and then its record read. deadline: of its state; decided:
 * copied. */
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
/* reason: why, or NULL. */
void test_worker_gone(struct test *t, int64_t now, const char *name, const char *reason);

/* The place of this worker, also when it asks again; -EAGAIN: none is free yet; -EDQUOT: none will be. */
int test_register(struct test *t, int64_t now, const char *uid, const char *name);
/* Its place, or -ENOENT: it has to register. Old reports change nothing. */
int test_report(struct test *t, int64_t now, const struct report *r);
/* A stored snapshot of a worker whose place is in the stored slot map: at adoption, before any event. */
void test_restore(struct test *t, uint32_t place, const char *uid, const char *name,
                  const struct report *last); /* NULL: none was stored */
/* The next entry of the stored slot map: after every place was restored. 0 or -ENOMEM. */
int test_restore_move(struct test *t, const struct slot_move *move);
void test_stored(struct test *t, int64_t now, uint32_t place, uint64_t seq);

/* This process is asked to stop. What has not started is handed over; what runs too, unless its workers end
 * with us. */
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
	uint64_t until_tick; /* confirmed; 0 before there is a T0 */
	bool share; /* its slots are to be told: test.spread.map */
};
int test_order(struct test *t, int64_t now, uint32_t place, struct order *out);
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

/* The ticks of a place in [from, to) that its last stored report, which knows of so many of them, has in no
 * class (account.c). Not of a closed schedule, where nothing is due that was not started. */
struct account_range {
	uint64_t from, to, known;
};
struct account {
	uint64_t unconfirmed; /* may have been sent, nobody can know */
	uint64_t worker_lost, fenced, aborted; /* surely not sent, and why */
};
void test_account(const struct test *t, uint32_t place, const struct account_range *range,
                  struct account *out);
/* Those whose slots nobody could take over. */
uint64_t test_account_nobody(const struct test *t, uint64_t from, uint64_t to);

#endif
