/*
 * world.h - two orchestrators, a store, a scheduler and workers in virtual time, for scenarios.
 *
 * The store and the scheduler keep their contracts (store.h, scheduler.h), the workers obey control.h and
 * send each tick of their share, which is told apart from the others'. What must never happen is checked
 * in every step of time: a tick that is sent twice, and at the end one that is in no class, or in two.
 */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

#include "plugins/role/orchestrator/test.h"
#include "plugins/role/worker/share.h"

#define WORLD_WORKERS 24
#define WORLD_STEP (10 * SQ_MS)
#define WORLD_TICKS 4096 /* most of a test */

/* What a worker says it did with each tick: its report, as far as ticks go. */
struct classes {
	uint8_t sent[WORLD_TICKS], dropped[WORLD_TICKS], pending[WORLD_TICKS];
};

/* How the next requests to the store or the scheduler fare. */
enum fate {
	FATE_OK,
	FATE_LOST, /* it never arrives, and nobody knows */
	FATE_UNANSWERED, /* it is done, and the answer is lost */
	FATE_FAILS, /* refused, nothing was done */
	FATE_HANGS, /* neither done nor answered until the fate is another */
};

struct orchestrator {
	struct test t;
	bool active, paused;
	bool cut; /* no renewal of the lease */
	struct classes *known[WORLD_WORKERS]; /* the last report of each place that it has, or NULL */
	int64_t renew_at;
	struct {
		enum fate fate;
		bool pending;
		enum store_want what;
		struct standing draft;
		uint64_t version; /* that was read last, which a write expects */
	} store;
	struct {
		enum fate fate;
		bool pending;
		enum job_want what;
		unsigned stops; /* asked for */
	} job;
};

struct worker_process {
	bool alive, mute, asleep, slow, unreachable, registered;
	int64_t round_trip; /* of the last answer, when it was read late */
	char uid[16], name[16];
	int64_t born, poll_at;
	enum worker_state state;
	uint64_t seq, epoch, fence, final_seq;
	int64_t t0, ended_at;
	bool run, stopped, sending, sent, late;
	int talks_to;
	bool busy; /* says that it has no room */
	bool holds; /* due ticks wait for a connection */
	bool deaf; /* answers do not reach it */
	int64_t ahead; /* its clock */
	bool given; /* share is in use */
	struct share share;
	struct classes ticks;
};

struct world {
	int64_t now, ttl;
	struct test_setup setup;
	struct orchestrator o[2];
	struct worker_process w[WORLD_WORKERS];
	struct {
		uint64_t version, fence;
		int holder; /* -1 = nobody */
		int64_t until, deadline;
		struct standing s;
		char reason[64];
		char uid[WORLD_WORKERS][16]; /* of each place, with T0 */
		uint64_t snapshot[WORLD_WORKERS];
		bool final[WORLD_WORKERS], problem[WORLD_WORKERS];
		int64_t snapshot_at[WORLD_WORKERS];
		struct classes *known[WORLD_WORKERS]; /* as the snapshot says, or NULL */
		unsigned committed; /* times that T0 was written */
		struct slot_move moves[WORLD_WORKERS]; /* standing.moves of them */
	} record;
	struct schedule schedule;
	uint8_t sent[WORLD_TICKS]; /* times */
	struct {
		bool written;
		uint64_t sent, dropped, unconfirmed, worker_lost, fenced, aborted;
	} ledger; /* of the end */
	struct {
		enum { OBJECT_NONE, OBJECT_PREPARED, OBJECT_RUNNING } state;
		uint64_t fence;
		unsigned prepared, resumed;
	} job;
	char broken[200]; /* what must never happen, and did */
};

void world_init(struct world *w, const struct test_setup *setup, int64_t ttl);
void world_free(struct world *w);
void world_run(struct world *w, int64_t until);

/* 0, or negative as the lease was refused. */
int world_deliver(struct world *w, int who);
int world_refuse(struct world *w, int who);
int world_adopt(struct world *w, int who);
void world_crash(struct world *w, int who);
void world_cancel(struct world *w);
void world_presence(struct world *w, int64_t ttl); /* who started it is there, and will be for so long */
struct worker_process *world_worker(struct world *w, const char *name);
void world_kill(struct world *w, struct worker_process *p);

#endif
