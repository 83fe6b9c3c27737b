/* pool.c - the lanes: work waits, runs on a thread, and comes back to the loop. */
#include "pool.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum work_state { WORK_WAITING = 1, WORK_TAKEN };

#define CPU_NICE 10

/* What stands in sq_work.host. */
struct work_slot {
	struct sq_work *next;
	struct sq_work **pprev; /* while waiting */
	struct pool_lane *lane;
	int state, result;
} __attribute__((may_alias));
_Static_assert(sizeof(struct work_slot) <= sizeof(((struct sq_work *)0)->host), "sq_work is too small");

static struct work_slot *work_slot(struct sq_work *w)
{
	return (struct work_slot *)&w->host;
}

static void waiting_add(struct pool_lane *lane, struct sq_work *w)
{
	struct work_slot *s = work_slot(w);

	*s = (struct work_slot){.pprev = lane->tail, .lane = lane, .state = WORK_WAITING};
	*lane->tail = w;
	lane->tail = &s->next;
}

static void waiting_remove(struct sq_work *w)
{
	struct work_slot *s = work_slot(w);

	*s->pprev = s->next;
	if (s->next)
		work_slot(s->next)->pprev = s->pprev;
	else
		s->lane->tail = s->pprev;
	s->next = NULL;
}

static void finish(struct pool *p, struct sq_work *w, int result)
{
	struct work_slot *s = work_slot(w);

	s->result = result;
	*p->finished_tail = w;
	p->finished_tail = &s->next;
	loop_post(p->ops->loop, &p->wake);
}

/* Until there is work (true), or none is to be expected. */
static bool await_work(struct pool_lane *lane)
{
	struct pool *p = lane->pool;
	struct timespec until;
	int64_t end;

	clock_gettime(CLOCK_MONOTONIC, &until);
	end = until.tv_sec * SQ_S + until.tv_nsec + POOL_LINGER;
	until = (struct timespec){end / SQ_S, end % SQ_S};
	lane->idle++;
	while (!lane->first && !p->quit)
		if (pthread_cond_timedwait(&lane->wanted, &p->lock, &until) == ETIMEDOUT)
			break;
	lane->idle--;
	return lane->first;
}

static void *thread_main(void *arg)
{
	struct pool_thread *t = arg;
	struct pool_lane *lane = t->lane;
	struct pool *p = lane->pool;

	if (lane->nice) /* of this thread alone; a wish */
		setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, 0) + lane->nice);
	pthread_mutex_lock(&p->lock);
	while (await_work(lane)) {
		struct sq_work *w = lane->first;
		int result;

		waiting_remove(w);
		work_slot(w)->state = WORK_TAKEN;
		pthread_mutex_unlock(&p->lock);
		result = w->run(w);
		pthread_mutex_lock(&p->lock);
		finish(p, w, result);
	}
	lane->running--;
	t->running = false;
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void forget_thread(struct pool_thread *t)
{
	if (t->joinable)
		pthread_join(t->id, NULL);
	t->joinable = false;
}

/* Signals are for the loop's thread. */
static bool start_thread(struct pool_lane *lane)
{
	struct pool_thread *t = lane->threads;
	sigset_t all, before;
	int r;

	while (t->running)
		t++;
	forget_thread(t); /* it has let go of the lock */
	t->lane = lane;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&t->id, NULL, thread_main, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return false;
	pthread_setname_np(t->id, lane->name);
	t->running = t->joinable = true;
	lane->running++;
	return true;
}

/* On the loop: hands the results out. */
static void wake(struct sq_post *post)
{
	struct pool *p = sq_container(post, struct pool, wake);
	struct sq_work *w, *next;

	pthread_mutex_lock(&p->lock);
	w = p->finished;
	p->finished = NULL;
	p->finished_tail = &p->finished;
	pthread_mutex_unlock(&p->lock);
	for (; w; w = next) {
		int result = work_slot(w)->result;

		next = work_slot(w)->next;
		*work_slot(w) = (struct work_slot){0};
		ops_done(p->ops, &w->op, result);
	}
}

static void lane_init(struct pool *p, enum sq_lane which, const char *name, unsigned most)
{
	struct pool_lane *lane = &p->lanes[which];
	pthread_condattr_t attr;

	*lane = (struct pool_lane){.pool = p, .name = name, .most = most};
	assert(most <= SQ_LEN(lane->threads));
	lane->tail = &lane->first;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&lane->wanted, &attr);
	pthread_condattr_destroy(&attr);
}

void pool_init(struct pool *p, struct ops *o)
{
	*p = (struct pool){.ops = o, .lock = PTHREAD_MUTEX_INITIALIZER};
	p->finished_tail = &p->finished;
	p->wake.run = wake;
	lane_init(p, SQ_LANE_DISK, "squalld-disk", 2);
	lane_init(p, SQ_LANE_NET, "squalld-net", 4);
	lane_init(p, SQ_LANE_CPU, "squalld-cpu", 2);
	p->lanes[SQ_LANE_CPU].nice = CPU_NICE;
}

void pool_fini(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	assert(!p->finished);
	p->quit = true;
	for (unsigned i = 0; i < POOL_LANES; i++)
		pthread_cond_broadcast(&p->lanes[i].wanted);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < POOL_LANES; i++) {
		for (unsigned k = 0; k < p->lanes[i].most; k++)
			forget_thread(&p->lanes[i].threads[k]);
		pthread_cond_destroy(&p->lanes[i].wanted);
	}
	loop_unpost(p->ops->loop, &p->wake);
	pthread_mutex_destroy(&p->lock);
}

void pool_work(struct pool *p, struct op_carrier *carrier, struct sq_work *w)
{
	struct pool_lane *lane = &p->lanes[w->lane];
	bool can;

	assert(w->run && w->what && w->op.timeout == 0 && w->lane < POOL_LANES);
	op_begin(p->ops, &w->op, carrier, w->what);
	pthread_mutex_lock(&p->lock);
	/* idle counts threads that are on their way to work that waits already; another thread too
	 * many, up to the lane's few, does no harm. */
	can = lane->idle > 0 && !lane->first;
	if (!can && lane->running < lane->most)
		can = start_thread(lane);
	can = can || lane->running > 0;
	if (can) {
		waiting_add(lane, w);
		pthread_cond_signal(&lane->wanted);
	}
	pthread_mutex_unlock(&p->lock);
	if (!can)
		ops_done(p->ops, &w->op, -EAGAIN);
	op_end(p->ops, &w->op, 0);
}

/* Work that no thread has taken yet is forgotten; nothing of it has left the process. */
int pool_cancel(void *pool, struct sq_op *op)
{
	struct pool *p = pool;
	struct sq_work *w = sq_container(op, struct sq_work, op);
	bool waiting;

	pthread_mutex_lock(&p->lock);
	waiting = work_slot(w)->state == WORK_WAITING;
	if (waiting) {
		waiting_remove(w);
		*work_slot(w) = (struct work_slot){0};
	}
	pthread_mutex_unlock(&p->lock);
	return waiting ? 0 : -EBUSY;
}
