/* test_orders.c - a worker and its orchestrators in virtual time. */
#include "plugins/role/worker/orders.h"

#include <stdlib.h>

#include "tests/tap.h"

#define SECOND SQ_S
#define AHEAD (1000000 * SQ_S) /* how far the orchestrator's clock is ahead of ours */

static const char *const urls[] = {"http://a:1", "http://b:2", NULL};

/* One story: a worker, the time, and what its last request said. */
struct story {
	struct orders o;
	int64_t now;
	enum drive_stage load;
	struct report report;
	uint64_t number;
	unsigned todo; /* all that was decided so far */
};

static void begin(struct story *s)
{
	memset(s, 0, sizeof *s);
	s->now = 100 * SECOND;
	s->load = DRIVE_FINDING;
	orders_init(&s->o, urls, s->now, 1);
}

static void finish(struct story *s)
{
	orders_fini(&s->o);
}

static void pass(struct story *s, int64_t ns)
{
	s->now += ns;
}

/* The next request goes out, when it is due. */
static void ask(struct story *s)
{
	int64_t next = orders_next(&s->o);

	if (next == INT64_MAX)
		abort();
	if (next > s->now)
		s->now = next;
	s->number = orders_ask(&s->o, s->now, s->load, &s->report);
}

static struct directive directive(enum directive_state state, uint64_t epoch)
{
	return (struct directive){.state = state, .epoch = epoch, .fence = 1, .poll = CONTROL_POLL_ARMING};
}

/* Answered 2 ms after the request, by a clock that is AHEAD; the shell does what is decided. */
static unsigned answer(struct story *s, struct directive d)
{
	int64_t sent = s->now;
	unsigned todo;

	pass(s, 2 * SQ_MS);
	d.now = s->now - SQ_MS + AHEAD;
	todo = orders_heard(&s->o, s->number, s->now, sent, s->now, &d);
	s->todo |= todo;
	slots_free(&d.slots);
	if (todo & ORDERS_BEGIN)
		s->load = DRIVE_LOADING;
	return todo;
}

static unsigned told(struct story *s, enum directive_state state, uint64_t epoch)
{
	ask(s);
	return answer(s, directive(state, epoch));
}

static struct directive with_t0(struct story *s, enum directive_state state, uint64_t epoch, int64_t t0)
{
	struct directive d = directive(state, epoch);

	(void)s;
	d.t0 = t0 + AHEAD;
	d.until_tick = 1000;
	return d;
}

static struct directive with_slots(struct directive d)
{
	if (slots_init(&d.slots, 2) < 0)
		abort();
	slots_deal(&d.slots, 1, 2);
	return d;
}

/* The load has ended, as the shell tells it. */
static void load_ends(struct story *s)
{
	s->load = DRIVE_OVER;
	orders_ended(&s->o, s->now);
}

static void registered(struct story *s)
{
	begin(s);
	ask(s);
	answer(s, with_slots(directive(DIRECTIVE_WAIT, 0)));
}

static void ready(struct story *s)
{
	registered(s);
	pass(s, SECOND);
	s->load = DRIVE_PREPARED;
	orders_prepared(&s->o, s->now, 40 * SECOND);
}

/* Its T0 is 1 s ahead. */
static void armed(struct story *s, int64_t *t0)
{
	ready(s);
	told(s, DIRECTIVE_WAIT, 0);
	*t0 = s->now + SECOND;
	ask(s);
	answer(s, with_t0(s, DIRECTIVE_ARM, 1, *t0));
}

static void going(struct story *s, int64_t *t0)
{
	armed(s, t0);
	ask(s);
	answer(s, with_t0(s, DIRECTIVE_RUN, 1, *t0));
}

/* --- the way it should go -------------------------------------------------------------------- */

static void test_registration(void)
{
	struct story s;

	begin(&s);
	is_int(orders_next(&s.o), s.now, "registers at once");
	is_str(orders_url(&s.o), "http://a:1", "  with the first URL");
	ask(&s);
	is_int(orders_next(&s.o), INT64_MAX, "  one request at a time");
	is_int(answer(&s, with_slots(directive(DIRECTIVE_WAIT, 0))), ORDERS_PREPARE,
	       "the plan came: prepare");
	is_int(s.o.slots.count, 120, "  and its place");
	is_int(orders_next(&s.o), INT64_MAX, "  silent until it is prepared");
	s.load = DRIVE_PREPARED;
	orders_prepared(&s.o, s.now, 40 * SECOND);
	is_int(orders_next(&s.o), s.now, "prepared: says so at once");
	ask(&s);
	ok(s.report.seq == 1 && s.report.state == WORKER_READY && s.report.fence == 1,
	   "  ready, by number 1");
	finish(&s);
}

static void test_barrier(void)
{
	struct story s;
	int64_t t0, before;

	ready(&s);
	before = s.now;
	for (int i = 0; i < TRIPS_KEPT - 1; i++)
		told(&s, DIRECTIVE_WAIT, 0);
	is_int(s.now - before, (TRIPS_KEPT - 1) * 2 * SQ_MS, "eight round trips follow each other at once");
	is_int(orders_next(&s.o), s.now + CONTROL_POLL_ARMING, "  then it polls as it is told");
	t0 = s.now + SECOND;
	ask(&s);
	answer(&s, with_t0(&s, DIRECTIVE_ARM, 1, t0));
	is_int(orders_next(&s.o), s.now, "armed: acknowledged at once");
	ask(&s);
	ok(s.report.state == WORKER_ARMED && s.report.epoch == 1, "  with the epoch");
	ok(s.report.clock_error == SQ_MS && s.report.round_trip == 2 * SQ_MS, "  and how sure its clock is");
	is_int(answer(&s, with_t0(&s, DIRECTIVE_RUN, 1, t0)), ORDERS_BEGIN, "run before T0: begins");
	is_int(s.o.t0, t0, "  at T0 by our own clock");
	ok(s.o.until_tick == 1000 && slots_own(&s.o.slots, 1) && !slots_own(&s.o.slots, 2), "  its share");
	is_int(told(&s, DIRECTIVE_RUN, 1), 0, "run again: nothing new");
	is_int(s.report.state, WORKER_ARMED, "armed until T0");
	finish(&s);
}

static void test_reports(void)
{
	struct directive d;
	struct story s;
	int64_t t0;

	going(&s, &t0);
	d = with_t0(&s, DIRECTIVE_RUN, 1, t0);
	d.poll = CONTROL_POLL;
	ask(&s);
	answer(&s, d);
	is_int(orders_next(&s.o), t0, "polls are counted from T0");
	ask(&s);
	is_int(s.report.state, WORKER_RUNNING, "  running from then on");
	answer(&s, d);
	is_int(orders_next(&s.o), t0 + SECOND, "  and come each second");
	ask(&s);
	pass(&s, 50 * SQ_MS);
	answer(&s, d);
	s.load = DRIVE_DRAINING;
	ask(&s);
	is_int(s.report.state, WORKER_DRAINING, "draining while answers are awaited");
	is_int(s.report.clock_error, SQ_MS, "  the clock's error is that of T0, whatever trips take now");
	answer(&s, d);
	load_ends(&s);
	is_int(orders_next(&s.o), s.now, "the end is told at once");
	ask(&s);
	ok(s.report.state == WORKER_ENDED && s.report.final && !s.report.stop_ack, "  as final");
	d.stored = s.report.seq - 1;
	is_int(answer(&s, d), 0, "  but not stored yet: once more");
	ask(&s);
	ok(s.report.final, "  the same again");
	d.stored = s.report.seq - 1;
	is_int(answer(&s, d), ORDERS_EXIT, "  stored: leaves");
	is_int(s.o.exit_code, 0, "  with status 0");
	finish(&s);
}

/* --- what it must not obey ------------------------------------------------------------------- */

static void test_fences(void)
{
	struct directive d;
	struct story s;
	int64_t t0;

	armed(&s, &t0);
	d = with_t0(&s, DIRECTIVE_WAIT, 0, t0);
	d.fence = 3;
	ask(&s);
	answer(&s, d);
	is_int(s.o.fence, 3, "a higher fence is the owner's");
	d = with_t0(&s, DIRECTIVE_RUN, 1, t0);
	d.fence = 2;
	ask(&s);
	is_int(s.report.fence, 3, "  and reports repeat it");
	is_int(answer(&s, d), 0, "run of a lower fence is not obeyed");
	is_str(orders_url(&s.o), "http://b:2", "  and who sent it is left");
	d.state = DIRECTIVE_STOP;
	ask(&s);
	ok(answer(&s, d) == 0 && s.o.stage == ORDERS_ARMED, "neither is its stop");
	d = with_t0(&s, DIRECTIVE_RUN, 1, t0);
	d.fence = 3;
	ask(&s);
	is_int(answer(&s, d), ORDERS_BEGIN, "run of the new owner, for the epoch of the old one: begins");
	is_int(s.o.t0, t0, "  at the T0 that was acknowledged");
	finish(&s);
}

static void test_epochs(void)
{
	struct story s;
	int64_t t0;

	ready(&s);
	ask(&s);
	is_int(answer(&s, with_t0(&s, DIRECTIVE_RUN, 1, s.now + SECOND)), 0, "run without arm: nothing");
	finish(&s);
	armed(&s, &t0);
	ask(&s);
	is_int(answer(&s, with_t0(&s, DIRECTIVE_RUN, 2, t0)), 0, "run of another epoch: nothing");
	ask(&s);
	is_int(answer(&s, with_t0(&s, DIRECTIVE_RUN, 1, t0 + 1)), 0, "run with another T0: nothing");
	ask(&s);
	answer(&s, with_t0(&s, DIRECTIVE_ARM, 2, t0 + SECOND));
	ask(&s);
	ok(s.report.state == WORKER_ARMED && s.report.epoch == 2, "armed a second time");
	is_int(answer(&s, with_t0(&s, DIRECTIVE_ARM, 1, t0)), 0,
	       "  an older arm of the same owner changes nothing");
	is_int(s.o.epoch, 2, "  it stays with the second");
	ask(&s);
	is_int(answer(&s, with_t0(&s, DIRECTIVE_RUN, 2, t0 + SECOND)), ORDERS_BEGIN, "  and runs with it");
	ask(&s);
	is_int(answer(&s, with_t0(&s, DIRECTIVE_ARM, 3, t0 + 9 * SECOND)), 0, "arm while it runs: nothing");
	ok(s.o.epoch == 2 && s.o.t0 == t0 + SECOND, "  T0 stands");
	finish(&s);
}

static void test_growth(void)
{
	struct directive d;
	struct story s;
	int64_t t0;

	going(&s, &t0);
	d = with_t0(&s, DIRECTIVE_RUN, 1, t0);
	ask(&s);
	is_int(answer(&s, d), 0, "run with what is known: nothing");
	d.until_tick = 2000;
	ask(&s);
	is_int(answer(&s, d), ORDERS_EXTEND, "run with a higher until_tick: the share grows");
	is_int(s.o.until_tick, 2000, "  to it");
	d.until_tick = 1500;
	ask(&s);
	is_int(answer(&s, d), 0, "a lower one is none");
	is_int(s.o.until_tick, 2000, "  the highest stays");
	d = with_slots(with_t0(&s, DIRECTIVE_RUN, 1, t0));
	d.slots.from[2] = 700;
	ask(&s);
	is_int(answer(&s, d), ORDERS_EXTEND, "run with slots: the share grows");
	ok(slots_own(&s.o.slots, 722) && !slots_own(&s.o.slots, 602), "  by the slot that moved");
	d = with_slots(with_t0(&s, DIRECTIVE_RUN, 2, t0));
	d.until_tick = 9000;
	ask(&s);
	is_int(answer(&s, d), 0, "but not by a run of another epoch");
	d = with_slots(with_t0(&s, DIRECTIVE_WAIT, 1, t0));
	d.until_tick = 9000;
	ask(&s);
	is_int(answer(&s, d), 0, "  nor by anything but a run");
	d = with_t0(&s, DIRECTIVE_RUN, 1, t0);
	d.until_tick = 9000;
	d.fence = 2;
	ask(&s);
	is_int(answer(&s, d), ORDERS_EXTEND, "an adopter gives more");
	d.until_tick = 9900;
	d.fence = 1;
	ask(&s);
	is_int(answer(&s, d), 0, "  and the old owner no more");
	is_int(s.o.until_tick, 9000, "  whatever it says");
	ask(&s);
	answer(&s, (struct directive){.state = DIRECTIVE_STOP, .fence = 2, .poll = CONTROL_POLL});
	d.until_tick = 9900;
	d.fence = 2;
	load_ends(&s);
	ask(&s);
	is_int(answer(&s, d), 0, "after a stop nothing grows");
	finish(&s);
}

static void test_no_place(void)
{
	struct story s;

	begin(&s);
	ask(&s);
	answer(&s, directive(DIRECTIVE_WAIT, 0));
	orders_prepared(&s.o, s.now, SECOND);
	ask(&s);
	answer(&s, with_t0(&s, DIRECTIVE_ARM, 1, s.now + SECOND));
	is_int(s.o.stage, ORDERS_READY, "arm without slots: a replacement stays silent");
	finish(&s);
}

static void test_late(void)
{
	struct story s;
	int64_t t0;

	armed(&s, &t0);
	ask(&s);
	pass(&s, SECOND);
	is_int(answer(&s, with_t0(&s, DIRECTIVE_RUN, 1, t0)), ORDERS_STOP, "run after T0: nothing is begun");
	load_ends(&s);
	ask(&s);
	ok(s.report.final && s.report.state == WORKER_ENDED, "  it ends");
	is_str(s.report.reason, "late", "  and says why");
	is_int(answer(&s, with_t0(&s, DIRECTIVE_RUN, 1, s.now + SECOND)), 0, "  for good");
	ok(!(s.todo & ORDERS_BEGIN), "  no request was sent");
	finish(&s);
}

static void test_old_answers(void)
{
	struct directive stop = directive(DIRECTIVE_STOP, 0);
	uint64_t old;
	struct story s;

	ready(&s);
	ask(&s);
	old = s.number;
	orders_unheard(&s.o, s.number, s.now);
	ask(&s);
	stop.now = AHEAD;
	is_int(orders_heard(&s.o, old, s.now, s.now, s.now, &stop), 0, "an answer to an older request");
	ok(s.o.stage == ORDERS_READY && s.o.asking, "  changes nothing");
	is_int(orders_refused(&s.o, old, s.now, 410, NULL), 0, "neither does an older refusal");
	answer(&s, directive(DIRECTIVE_WAIT, 0));
	ok(!s.o.asking, "the answer to the last one does");
	finish(&s);
}

/* --- stopping -------------------------------------------------------------------------------- */

static void test_stop(void)
{
	struct directive d = directive(DIRECTIVE_RUN, 1);
	struct story s;
	int64_t t0;

	going(&s, &t0);
	s.now = t0 + 5 * SECOND;
	is_int(told(&s, DIRECTIVE_STOP, 1), ORDERS_STOP, "stop while it runs");
	s.load = DRIVE_DRAINING;
	is_int(orders_next(&s.o), s.now, "  is acknowledged at once");
	ask(&s);
	ok(s.report.stop_ack && !s.report.final && s.report.state == WORKER_DRAINING,
	   "  answers are awaited");
	d.t0 = t0 + AHEAD;
	is_int(answer(&s, d), 0, "run after stop: stop is final");
	load_ends(&s);
	ask(&s);
	ok(s.report.stop_ack && s.report.final && s.report.state == WORKER_ENDED, "  then it has ended");
	d = directive(DIRECTIVE_STOP, 1);
	d.stored = s.report.seq;
	is_int(answer(&s, d), ORDERS_EXIT, "  and leaves when that is stored");
	finish(&s);

	armed(&s, &t0);
	is_int(told(&s, DIRECTIVE_STOP, 1), ORDERS_STOP, "stop before run");
	load_ends(&s);
	ask(&s);
	ok(s.report.stop_ack && s.report.final, "  nothing to wait for");
	finish(&s);

	begin(&s);
	is_int(told(&s, DIRECTIVE_STOP, 0), 0, "stop instead of a plan");
	ask(&s);
	ok(s.report.stop_ack && s.report.final, "  acknowledged as well");
	finish(&s);
}

static void test_terminate(void)
{
	struct directive d = directive(DIRECTIVE_RUN, 1);
	struct story s;
	int64_t t0;

	begin(&s);
	is_int(orders_terminate(&s.o, s.now), ORDERS_EXIT, "SIGTERM before anybody knows us: leaves");
	is_int(s.o.exit_code, 143, "  with 143");
	finish(&s);

	going(&s, &t0);
	s.now = t0 + 5 * SECOND;
	is_int(orders_terminate(&s.o, s.now), ORDERS_STOP, "SIGTERM while it runs: stops");
	load_ends(&s);
	ask(&s);
	ok(s.report.final && !s.report.stop_ack, "  publishes a last report");
	is_str(s.report.reason, "terminated", "  which says why");
	d.stored = s.report.seq;
	d.t0 = t0 + AHEAD;
	is_int(answer(&s, d), ORDERS_EXIT, "  leaves once it is stored");
	is_int(s.o.exit_code, 143, "  with 143");
	finish(&s);

	going(&s, &t0);
	orders_terminate(&s.o, s.now);
	load_ends(&s);
	is_int(orders_check(&s.o, s.now + ORDERS_TERM - 1), 0, "nobody takes the last report");
	is_int(orders_check(&s.o, s.now + ORDERS_TERM), ORDERS_EXIT, "  leaves all the same, within seconds");
	is_int(s.o.exit_code, 143, "  with 143");
	finish(&s);
}

/* --- trouble --------------------------------------------------------------------------------- */

static void test_other_places(void)
{
	struct story s;

	begin(&s);
	ask(&s);
	orders_refused(&s.o, s.number, s.now, 307, "http://[::1]:9/control/tests/x/workers");
	is_str(orders_url(&s.o), "http://[::1]:9", "307: to the owner");
	is_int(orders_next(&s.o), s.now, "  at once");
	ask(&s);
	answer(&s, with_slots(directive(DIRECTIVE_WAIT, 0)));
	orders_prepared(&s.o, s.now, SECOND);
	ask(&s);
	is_str(orders_url(&s.o), "http://[::1]:9", "  and stays there");
	orders_unheard(&s.o, s.number, s.now);
	is_str(orders_url(&s.o), "http://a:1", "the owner does not answer: the list again");
	ok(orders_next(&s.o) > s.now, "  a little later");
	ask(&s);
	orders_unheard(&s.o, s.number, s.now);
	is_str(orders_url(&s.o), "http://b:2", "  the next");
	ask(&s);
	orders_refused(&s.o, s.number, s.now, 404, NULL);
	is_str(orders_url(&s.o), "http://a:1", "  and round; 404 and 503 are no answers");
	ask(&s);
	orders_refused(&s.o, s.number, s.now, 401, NULL);
	ok(s.o.stage == ORDERS_READY && orders_next(&s.o) > s.now, "nor is 401 once it was let in");
	finish(&s);

	begin(&s);
	for (int i = 0; i < 3; i++) {
		ask(&s);
		orders_refused(&s.o, s.number, s.now, 307, i % 2 ? "http://a:1/x" : "http://b:2/x");
	}
	ask(&s);
	orders_refused(&s.o, s.number, s.now, 307, "http://b:2/x");
	ok(orders_next(&s.o) > s.now, "each sends to the other: not without a pause");
	ask(&s);
	orders_refused(&s.o, s.number, s.now, 307, NULL);
	ok(orders_next(&s.o) > s.now && strcmp(orders_url(&s.o), "http://b:2") == 0, "307 to nowhere");
	finish(&s);
}

static void test_refusals(void)
{
	static const struct {
		int status, code;
	} rows[] = {{401, 97}, {409, 97}, {410, 0}};
	struct story s;
	int64_t t0;

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		begin(&s);
		ask(&s);
		is_int(orders_refused(&s.o, s.number, s.now, rows[i].status, NULL), ORDERS_EXIT,
		       "refused at registration: leaves");
		is_int(s.o.exit_code, rows[i].code, "  with its status");
		finish(&s);
	}
	going(&s, &t0);
	ask(&s);
	is_int(orders_refused(&s.o, s.number, s.now, 410, NULL), ORDERS_EXIT,
	       "410 at any time: the test is over");
	finish(&s);
}

static void fail_for(struct story *s, int64_t ns)
{
	int64_t end = s->now + ns;

	while (orders_next(&s->o) < end) {
		ask(s);
		s->todo |= orders_unheard(&s->o, s->number, s->now);
	}
	s->now = end;
}

static void test_away(void)
{
	struct directive d;
	struct story s;
	uint64_t seq;
	int64_t t0;

	going(&s, &t0);
	s.todo = 0;
	seq = s.o.seq;
	s.now = t0;
	fail_for(&s, 40 * SECOND);
	ok(s.todo == 0 && s.o.stage == ORDERS_GO, "nobody answers: the plan is carried out");
	ok(s.o.seq - seq >= 38 && s.o.seq - seq <= 200, "  and it goes on reporting, about once a second");
	load_ends(&s);
	fail_for(&s, 10 * SECOND);
	is_int(orders_check(&s.o, s.now), 0, "  to its end and beyond");
	d = with_t0(&s, DIRECTIVE_RUN, 1, t0);
	ask(&s);
	ok(s.report.final, "  with the final report");
	d.stored = s.report.seq;
	is_int(answer(&s, d), ORDERS_EXIT, "back again: delivered");
	is_int(s.o.exit_code, 0, "  as if nothing had been");
	finish(&s);
}

static void test_deadlines(void)
{
	struct story s;
	int64_t t0;

	begin(&s);
	is_int(orders_check(&s.o, s.now + ORDERS_SILENCE), ORDERS_EXIT, "nobody lets it in: gives up");
	is_int(s.o.exit_code, 97, "  with 97");
	finish(&s);
	ready(&s);
	for (int i = 0; i < 10; i++) {
		pass(&s, ORDERS_SILENCE / 2);
		told(&s, DIRECTIVE_WAIT, 0);
	}
	is_int(orders_check(&s.o, s.now), 0, "it waits as long as it is told to");
	is_int(orders_check(&s.o, s.now + ORDERS_SILENCE), ORDERS_EXIT, "  but not longer");
	finish(&s);
	going(&s, &t0);
	is_int(orders_check(&s.o, t0 + 40 * SECOND + ORDERS_GRACE - 1), 0,
	       "a load is never cut short by silence");
	is_int(orders_check(&s.o, t0 + 40 * SECOND + ORDERS_GRACE), ORDERS_EXIT,
	       "  its report has a deadline");
	finish(&s);
}

static void test_failed(void)
{
	struct story s;

	registered(&s);
	is_int(orders_fail(&s.o, s.now, "target_unreachable", "cannot connect"), ORDERS_STOP,
	       "cannot prepare");
	load_ends(&s);
	ask(&s);
	ok(s.report.final && s.report.state == WORKER_ENDED, "  it ends with a report");
	is_str(s.report.reason, "target_unreachable", "  of the reason");
	is_str(s.report.detail, "cannot connect", "  in words");
	orders_terminate(&s.o, s.now);
	is_str(s.o.reason, "target_unreachable", "the first reason stays");
	finish(&s);
}

int main(void)
{
	test_registration();
	test_barrier();
	test_reports();
	test_fences();
	test_epochs();
	test_growth();
	test_no_place();
	test_late();
	test_old_answers();
	test_stop();
	test_terminate();
	test_other_places();
	test_refusals();
	test_away();
	test_deadlines();
	test_failed();
	return tap_done();
}
