/*
 * pool.h - threads for work that blocks: fsync, name servers, compression.
 *
 * A lane is a queue with a few threads of its own, started when needed. One that has had nothing to do
 * for POOL_LINGER ends: while the loop's thread is the only one, the kernel finds its files without
 * locks, which is 2 % of what a request costs the load engine. Those of SQ_LANE_CPU are nicer than the loop,
 * so that on a machine of one CPU what they compute does not keep it waiting.
 */
#ifndef HOST_POOL_H
#define HOST_POOL_H

#include "op.h"

#define POOL_LANES 3
#define POOL_LINGER (50 * SQ_MS)

struct pool_thread {
	struct pool_lane *lane;
	pthread_t id;
	bool running; /* under the lock */
	bool joinable; /* the loop's thread alone knows */
};

struct pool_lane {
	struct pool *pool;
	pthread_cond_t wanted;
	struct sq_work *first, **tail; /* waiting */
	struct pool_thread threads[4];
	unsigned running, idle, most;
	int nice; /* added to the process's */
	const char *name;
};

struct pool {
	struct ops *ops;
	pthread_mutex_t lock; /* guards the lanes, the finished and every sq_work on them */
	struct pool_lane lanes[POOL_LANES]; /* by enum sq_lane */
	struct sq_work *finished, **finished_tail;
	struct sq_post wake;
	bool quit;
};

void pool_init(struct pool *p, struct ops *o);
void pool_fini(struct pool *p); /* no work may be left; joins the threads */

/* carrier.self is the pool and carrier.cancel is pool_cancel; one carrier for each plugin, so that
 * its open work can be counted. Always accepted: done() gets -EAGAIN when no thread can be had. */
void pool_work(struct pool *p, struct op_carrier *carrier, struct sq_work *w);
int pool_cancel(void *pool, struct sq_op *op);

#endif
