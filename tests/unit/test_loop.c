/* test_loop.c - timers, wake-ups and the end of the turn. */
#include "core/host/loop.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/tap.h"

static struct loop loop;

static void turn(void)
{
	ev_run(loop.ev, EVRUN_NOWAIT);
}

/* --- timers ---------------------------------------------------------------------------------- */

struct bell {
	struct sq_timer timer;
	int64_t due, rang;
	int order;
};

static int rings;

static void ring(struct sq_timer *t)
{
	struct bell *b = sq_container(t, struct bell, timer);

	b->rang = loop_now();
	b->order = ++rings;
}

static void start(struct bell *b, int64_t delay)
{
	b->timer.fire = ring;
	b->due = loop_now() + delay;
	loop_timer_start(&loop, &b->timer, delay);
}

static void last_ring(struct sq_timer *t)
{
	(void)t;
	loop_break(&loop);
}

static void free_me(struct sq_timer *t)
{
	rings++;
	free(t);
}

static void test_timers(void)
{
	struct bell a = {0}, b = {0}, moved = {0}, stopped = {0}, at_once = {0};
	struct sq_timer end = {.fire = last_ring}, *owned = calloc(1, sizeof *owned);

	start(&a, 20 * SQ_MS);
	start(&b, 10 * SQ_MS);
	start(&moved, 3600 * SQ_S);
	start(&moved, 15 * SQ_MS);
	start(&stopped, 1 * SQ_MS);
	start(&at_once, 0);
	loop_timer_stop(&loop, &stopped.timer);
	loop_timer_stop(&loop, &stopped.timer);
	owned->fire = free_me;
	loop_timer_start(&loop, owned, -5);
	loop_timer_start(&loop, &end, 30 * SQ_MS);
	loop_run(&loop);
	ok(rings == 5, "each running timer fires once, a stopped one never");
	ok(b.order < moved.order && moved.order < a.order, "by due time, whatever the order of starting");
	ok(a.rang >= a.due && b.rang >= b.due && moved.rang >= moved.due, "never early");
	ok(at_once.order > 0, "a delay of 0 fires");
	ok(!stopped.rang, "stopping twice is harmless");
}

static void test_stale_clock(void)
{
	struct bell late = {0};
	struct sq_timer end = {.fire = last_ring};

	turn();
	usleep(20 * 1000); /* libev's own idea of now is 20 ms old from here on */
	start(&late, 5 * SQ_MS);
	loop_timer_start(&loop, &end, 40 * SQ_MS);
	loop_run(&loop);
	ok(late.rang >= late.due, "a timer started late in a long turn counts from its own start");
}

/* --- wake-ups -------------------------------------------------------------------------------- */

struct note {
	struct sq_post post;
	int ran;
	int again; /* queues itself this many times more */
	struct note *takes_back;
};

static char trace[16];

static void mark(char c)
{
	size_t n = strlen(trace);

	if (n + 1 < sizeof trace) {
		trace[n] = c;
		trace[n + 1] = '\0';
	}
}

static void run_note(struct sq_post *p)
{
	struct note *n = sq_container(p, struct note, post);

	n->ran++;
	if (n->takes_back)
		loop_unpost(&loop, &n->takes_back->post);
	if (n->again-- > 0)
		loop_later(&loop, p);
}

static void run_first(struct sq_post *p)
{
	(void)p;
	mark('l');
}

static void run_last(struct sq_post *p)
{
	(void)p;
	mark('L');
}

static void on_readable(struct ev_loop *ev, ev_io *w, int events)
{
	char c;

	(void)events;
	mark('r');
	if (read(w->fd, &c, 1) == 1)
		ev_io_stop(ev, w);
}

static void test_end_of_turn(void)
{
	struct sq_post first = {.run = run_first}, last = {.run = run_last};
	int fds[2];
	ev_io io;

	if (pipe(fds) < 0 || write(fds[1], "x", 1) != 1)
		return;
	ev_io_init(&io, on_readable, fds[0], EV_READ);
	ev_io_start(loop.ev, &io);
	turn(); /* sockets are looked at behind the end of the turn before */
	trace[0] = '\0';
	loop_last(&loop, &last);
	loop_later(&loop, &first);
	turn();
	is_str(trace, "lL", "later() before last(), whatever the order of queueing");
	close(fds[0]);
	close(fds[1]);
}

static void test_no_starving(void)
{
	struct note chain = {.post.run = run_note, .again = 1000000};
	int fds[2];
	ev_io io;

	if (pipe(fds) < 0 || write(fds[1], "x", 1) != 1)
		return;
	trace[0] = '\0';
	ev_io_init(&io, on_readable, fds[0], EV_READ);
	ev_io_start(loop.ev, &io);
	loop_later(&loop, &chain.post);
	ev_run(loop.ev, EVRUN_ONCE);
	ok(chain.ran == 1, "what later() queues again waits for the next turn");
	is_str(trace, "r", "sockets are served in between");
	ev_run(loop.ev, EVRUN_ONCE);
	ok(chain.ran == 2, "the next turn does not sleep");
	loop_unpost(&loop, &chain.post);
	turn();
	ok(chain.ran == 2, "unpost() ends the chain");
	close(fds[0]);
	close(fds[1]);
}

static void test_unpost(void)
{
	struct note a = {.post.run = run_note}, b = {.post.run = run_note}, c = {.post.run = run_note};

	a.takes_back = &b;
	loop_later(&loop, &a.post);
	loop_later(&loop, &b.post);
	loop_later(&loop, &c.post);
	loop_later(&loop, &a.post);
	turn();
	turn();
	ok(a.ran == 1, "queued twice is one wake-up");
	ok(b.ran == 0, "taken back while the list runs: does not run");
	ok(c.ran == 1, "the one behind it does");
	loop_unpost(&loop, &c.post);
	turn();
	ok(c.ran == 1, "taking back what is not queued is harmless");
}

#define THREADS 4
#define NOTES 1000

static struct note notes[THREADS][NOTES];
static struct note shared = {.post.run = run_note};

static void *post_many(void *arg)
{
	struct note *mine = arg;

	for (unsigned n = 0; n < NOTES; n++) {
		mine[n].post.run = run_note;
		loop_post(&loop, &mine[n].post);
		loop_post(&loop, &shared.post);
	}
	return NULL;
}

static bool all_ran(void)
{
	for (unsigned t = 0; t < THREADS; t++)
		for (unsigned n = 0; n < NOTES; n++)
			if (notes[t][n].ran != 1)
				return false;
	return true;
}

static void test_threads(void)
{
	pthread_t threads[THREADS];

	for (unsigned t = 0; t < THREADS; t++)
		pthread_create(&threads[t], NULL, post_many, notes[t]);
	while (!notes[THREADS - 1][NOTES - 1].ran)
		ev_run(loop.ev, EVRUN_ONCE);
	for (unsigned t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	turn();
	ok(all_ran(), "every wake-up from %d threads runs exactly once", THREADS);
	ok(shared.ran >= 1 && shared.ran <= THREADS * NOTES, "one that all of them queue runs at least once");
}

static void test_longest_turn(void)
{
	struct bell b = {0};

	loop_longest_turn(&loop);
	start(&b, 0);
	while (!b.rang)
		turn();
	turn();
	ok(loop_longest_turn(&loop) > 0, "turns are measured");
	is_int(loop_longest_turn(&loop), 0, "asking starts anew");
}

int main(void)
{
	if (loop_init(&loop) < 0)
		return 1;
	test_timers();
	test_stale_clock();
	test_end_of_turn();
	test_no_starving();
	test_unpost();
	test_threads();
	test_longest_turn();
	loop_fini(&loop);
	return tap_done();
}
