/* test_pool.c - work that blocks: threads, lanes, cancel. */
#include "core/host/pool.h"

#include <errno.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/tap.h"

static struct loop loop;
static struct ops ops;
static struct pool pool;
static struct op_carrier carrier = {.who = "target", .self = &pool, .cancel = pool_cancel};
static pthread_t loop_thread;

struct job {
	struct sq_work work;
	sem_t begun, go; /* of jobs that block */
	int result, ran, done, status, again;
	bool on_loop_thread;
};

static int run(struct sq_work *w)
{
	struct job *j = sq_container(w, struct job, work);

	j->on_loop_thread = pthread_equal(pthread_self(), loop_thread);
	j->ran++;
	return j->result;
}

static int run_blocking(struct sq_work *w)
{
	struct job *j = sq_container(w, struct job, work);

	sem_post(&j->begun);
	sem_wait(&j->go);
	return run(w);
}

static void submit(struct job *j)
{
	pool_work(&pool, &carrier, &j->work);
}

static void done(struct sq_op *op, int status)
{
	struct job *j = sq_container(op, struct job, work.op);

	if (!pthread_equal(pthread_self(), loop_thread))
		j->on_loop_thread = true;
	j->done++;
	j->status = status;
	if (j->again-- > 0)
		submit(j);
}

#define JOB(lane_, ...)                                                                              \
	{                                                                                            \
		.work = {.op.done = done, .run = run, .what = "fsync", .lane = (lane_)}, __VA_ARGS__ \
	}

static void block_init(struct job *j, enum sq_lane lane)
{
	*j = (struct job)JOB(lane, .result = 0);
	j->work.run = run_blocking;
	sem_init(&j->begun, 0, 0);
	sem_init(&j->go, 0, 0);
}

static void until_quiet(void)
{
	while (carrier.open > 0)
		ev_run(loop.ev, EVRUN_ONCE);
}

static void test_work(void)
{
	struct job j = JOB(SQ_LANE_DISK, .result = 42), bad = JOB(SQ_LANE_CPU, .result = -EIO);

	submit(&j);
	submit(&bad);
	ok(j.done == 0, "done() is not inside work()");
	until_quiet();
	ok(j.ran == 1 && j.done == 1 && j.status == 42, "run() once, done() once, with its result");
	ok(bad.status == -EIO, "an error as well");
	ok(!j.on_loop_thread, "run() on another thread, done() on the loop's");
	j.again = 5;
	submit(&j);
	until_quiet();
	ok(j.done == 7, "done() may submit it again");
}

#define MANY 5000

static struct job many[MANY];

static void test_many(void)
{
	unsigned good = 0;

	for (int n = 0; n < MANY; n++) {
		many[n] = (struct job)JOB((enum sq_lane)(n % POOL_LANES), .result = n);
		submit(&many[n]);
	}
	is_int(carrier.open, MANY, "a plugin's open work is counted");
	until_quiet();
	for (int n = 0; n < MANY; n++)
		good += many[n].done == 1 && many[n].ran == 1 && many[n].status == n;
	is_int(good, MANY, "each of thousands ends once");
}

static void test_cancel(void)
{
	unsigned threads = pool.lanes[SQ_LANE_DISK].most;
	struct job held[4], waiting = JOB(SQ_LANE_DISK, .result = 1), behind = JOB(SQ_LANE_DISK, .result = 2);
	struct job elsewhere = JOB(SQ_LANE_NET, .result = 3);

	for (unsigned n = 0; n < threads; n++) {
		block_init(&held[n], SQ_LANE_DISK);
		submit(&held[n]);
		sem_wait(&held[n].begun);
	}
	submit(&waiting);
	submit(&behind);
	ops_cancel(&ops, &waiting.work.op);
	ok(waiting.done == 0, "done() is not inside cancel()");
	ev_run(loop.ev, EVRUN_NOWAIT);
	ok(waiting.done == 1 && waiting.status == -ECANCELED && waiting.ran == 0, "not begun: never runs");
	ops_cancel(&ops, &held[0].work.op);
	ev_run(loop.ev, EVRUN_NOWAIT);
	ok(held[0].done == 0, "begun: done() waits for run()");
	submit(&elsewhere);
	while (!elsewhere.done)
		ev_run(loop.ev, EVRUN_ONCE);
	ok(behind.done == 0, "a hung lane does not hold up another");
	for (unsigned n = 0; n < threads; n++)
		sem_post(&held[n].go);
	until_quiet();
	ok(held[0].done == 1 && held[0].status == 0, "... and gives its result");
	ok(behind.done == 1 && behind.status == 2, "what stood behind a cancelled one runs");
}

static unsigned count_threads(void)
{
	unsigned n = 0;

	pthread_mutex_lock(&pool.lock);
	for (unsigned i = 0; i < POOL_LANES; i++)
		n += pool.lanes[i].running;
	pthread_mutex_unlock(&pool.lock);
	return n;
}

/* Several lives of threads in the same places. */
static void test_linger(void)
{
	struct job j = JOB(SQ_LANE_CPU, .result = 1);
	unsigned lives = 0;

	for (; lives < 5; lives++) {
		submit(&j);
		until_quiet();
		for (int n = 0; count_threads() > 0 && n < 3000; n++)
			nanosleep(&(struct timespec){0, 10 * SQ_MS}, NULL);
		if (count_threads() > 0)
			break;
	}
	ok(lives == 5 && j.done == 5, "threads without work end, and others come when there is some");
}

static void see(void *arg, const char *who, const char *what, unsigned count)
{
	snprintf(arg, 64, "%s %s %u", who, what, count);
}

static void test_name(void)
{
	struct job held;
	char text[64] = "";

	block_init(&held, SQ_LANE_DISK);
	submit(&held);
	sem_wait(&held.begun);
	ops_each(&ops, see, text);
	is_str(text, "target fsync 1", "what hangs can be named");
	sem_post(&held.go);
	until_quiet();
}

static int look_at_nice(struct sq_work *w)
{
	struct job *j = sq_container(w, struct job, work);

	j->result = getpriority(PRIO_PROCESS, 0);
	return run(w);
}

static void test_nice(void)
{
	struct job cpu = JOB(SQ_LANE_CPU), disk = JOB(SQ_LANE_DISK);
	int ours = getpriority(PRIO_PROCESS, 0);

	cpu.work.run = disk.work.run = look_at_nice;
	submit(&cpu);
	submit(&disk);
	until_quiet();
	ok(cpu.result > ours || ours > 9, "who computes stands behind the loop");
	is_int(disk.result, ours, "who waits does not");
	is_int(getpriority(PRIO_PROCESS, 0), ours, "nor does the loop");
}

int main(void)
{
	loop_thread = pthread_self();
	if (loop_init(&loop) < 0)
		return 1;
	ops_init(&ops, &loop);
	pool_init(&pool, &ops);
	pool_fini(&pool);
	pool_init(&pool, &ops);
	ok(1, "a pool that was never used ends at once");
	test_work();
	test_many();
	test_cancel();
	test_name();
	test_nice();
	test_linger();
	pool_fini(&pool);
	ops_fini(&ops);
	loop_fini(&loop);
	return tap_done();
}
