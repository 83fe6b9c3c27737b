/* test_pacer.c - when the loop is woken, and that it looks in time. */
#include <ev.h>

#include "plugins/role/worker/clock.h"
#include "plugins/role/worker/pacer.h"
#include "tests/tap.h"

static void test_mode(void)
{
	is_int(pacer_mode(PLAN_TIMER_AUTO, true), PLAN_TIMER_PRECISE, "auto with a whole CPU is precise");
	is_int(pacer_mode(PLAN_TIMER_AUTO, false), PLAN_TIMER_BALANCED, "auto without one is balanced");
	is_int(pacer_mode(PLAN_TIMER_PRECISE, false), PLAN_TIMER_PRECISE, "what was asked for is kept");
	is_int(pacer_mode(PLAN_TIMER_ECONOMY, true), PLAN_TIMER_ECONOMY, "economy too");
}

static void test_wake(void)
{
	const int64_t due = 100 * SQ_MS;

	is_int(pacer_wake(PLAN_TIMER_PRECISE, due, 0), due - 50 * SQ_US, "precise wakes early");
	is_int(pacer_wake(PLAN_TIMER_BALANCED, due, 0), due, "balanced wakes when it is due");
	is_int(pacer_wake(PLAN_TIMER_ECONOMY, due, 0), due, "economy too when that is far");
	is_int(pacer_wake(PLAN_TIMER_ECONOMY, due, due - 1), due - 1 + SQ_MS,
	       "but at most once a millisecond");
	for (int mode = PLAN_TIMER_PRECISE; mode <= PLAN_TIMER_ECONOMY; mode++)
		ok(pacer_wake((enum plan_timer)mode, CLOCK_NEVER, 0) == CLOCK_NEVER,
		   "mode %d: nothing due, no wake-up", mode);
}

/* Ten ticks, 2 ms apart; then nothing. */
struct ticks {
	struct pacer pacer;
	bool worked;
	int64_t begin;
	int count;
};

static int64_t look(struct pacer *p, int64_t now)
{
	struct ticks *t = sq_container(p, struct ticks, pacer);
	int64_t due = t->begin + t->count * 2 * SQ_MS;

	if (t->count < 10 && now >= due) {
		t->count++;
		t->worked = true;
		due += 2 * SQ_MS;
	}
	if (t->count == 10) {
		ev_break(p->loop, EVBREAK_ALL);
		return CLOCK_NEVER;
	}
	return due;
}

static void test_loop(enum plan_timer mode, const char *name)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct ticks t = {.begin = clock_now() + 2 * SQ_MS};

	is_int(pacer_start(&t.pacer, loop, mode, &t.worked, look), 0, name);
	ev_run(loop, 0);
	is_int(t.count, 10, "every tick was looked at");
	ok(t.pacer.armed == CLOCK_NEVER, "nothing due: the timer is off");
	ok(t.pacer.lag->count > 0 && t.pacer.lag->min >= 0, "wake-ups were measured, none came early");
	pacer_stop(&t.pacer);
	pacer_stop(&t.pacer);
	pacer_free(&t.pacer);
	ev_loop_destroy(loop);
}

/* Something is always due in 40 us: precise never sleeps, and knows what that costs. */
static int64_t look_soon(struct pacer *p, int64_t now)
{
	struct ticks *t = sq_container(p, struct ticks, pacer);

	if (++t->count == 20)
		ev_break(p->loop, EVBREAK_ALL);
	return now + 40 * SQ_US;
}

static void test_spin(void)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct ticks t = {.count = 0};

	pacer_start(&t.pacer, loop, PLAN_TIMER_PRECISE, &t.worked, look_soon);
	ev_run(loop, 0);
	ok(t.pacer.spun > 0 && t.pacer.spun <= 20 * PACER_EARLY, "polling is counted");
	is_int(t.pacer.lag->count, 0, "without sleep there is no wake-up to be late");
	pacer_free(&t.pacer);
	ev_loop_destroy(loop);
}

int main(void)
{
	test_mode();
	test_wake();
	test_loop(PLAN_TIMER_PRECISE, "precise");
	test_loop(PLAN_TIMER_BALANCED, "balanced");
	test_loop(PLAN_TIMER_ECONOMY, "economy");
	test_spin();
	return tap_done();
}
