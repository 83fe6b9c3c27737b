/* test_op.c - every promise of squall/op.h, against a carrier that does what the test says. */
#include "core/host/op.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/dies.h"
#include "tests/tap.h"

static struct loop loop;
static struct ops ops;

struct call {
	struct sq_op op;
	int ran, status;
	int again; /* submits itself this many times more */
	bool again_at_once; /* the carrier completes it inside the submitting call */
	struct sq_op *then_cancel;
};

static bool waiting; /* in wait_turn() */
static bool inside; /* a call that must not run done() is on the stack */
static bool ran_inside;

/* --- a carrier ------------------------------------------------------------------------------- */

static struct sq_op *forgotten;
static int cancel_answer, cancels;
static int cancel_completes = INT32_MAX; /* the status it completes with inside cancel() */

static int carrier_cancel(void *self, struct sq_op *op)
{
	(void)self;
	cancels++;
	forgotten = op;
	if (cancel_completes != INT32_MAX)
		ops_done(&ops, op, cancel_completes);
	return cancel_answer;
}

static struct op_carrier carrier = {.who = "target", .cancel = carrier_cancel};
static struct op_carrier stubborn = {.who = "worker"}; /* cannot cancel */

static void submit_to(struct op_carrier *c, struct call *call)
{
	op_begin(&ops, &call->op, c, "store.add");
	inside = true;
	if (call->again_at_once)
		ops_done(&ops, &call->op, 1);
	op_end(&ops, &call->op, 0);
	inside = false;
}

static void submit(struct call *c)
{
	submit_to(&carrier, c);
}

static void cancel(struct call *c)
{
	inside = true;
	ops_cancel(&ops, &c->op);
	inside = false;
}

/* One turn that waits for something. done() runs at its beginning, before libev would go to sleep: it breaks
 * off. */
static void wait_turn(void)
{
	waiting = true;
	ev_run(loop.ev, EVRUN_ONCE);
	waiting = false;
}

static void done(struct sq_op *op, int status)
{
	struct call *c = sq_container(op, struct call, op);

	ran_inside |= inside;
	c->ran++;
	c->status = status;
	if (waiting)
		ev_break(loop.ev, EVBREAK_ONE);
	if (c->then_cancel)
		ops_cancel(&ops, c->then_cancel);
	if (c->again-- > 0)
		submit(c);
}

static void turn(void)
{
	ev_run(loop.ev, EVRUN_NOWAIT);
}

static unsigned open_count(void)
{
	return carrier.open + stubborn.open;
}

#define CALL(...)                                 \
	{                                         \
		.op = {.done = done}, __VA_ARGS__ \
	}

/* --- accepted, refused ----------------------------------------------------------------------- */

static void test_accepted(void)
{
	struct call c = CALL(.ran = 0), eager = CALL(.again_at_once = true);

	submit(&c);
	turn();
	ok(c.ran == 0 && carrier.open == 1, "accepted: nothing before it is completed");
	ops_done(&ops, &c.op, 7);
	ok(c.ran == 1 && c.status == 7, "completed from outside: done() has returned with op_done()");
	submit(&eager);
	ok(eager.ran == 0, "completed inside the submitting call: not yet");
	turn();
	ok(eager.ran == 1 && eager.status == 1, "... but at the end of the turn");
	turn();
	ok(c.ran == 1 && eager.ran == 1, "exactly once");
	is_int(open_count(), 0, "nothing is open");
}

static void test_refused(void)
{
	struct call c = CALL(.ran = 0);
	static const struct sq_op zero;
	int r;

	op_begin(&ops, &c.op, &carrier, "store.add");
	r = op_end(&ops, &c.op, -ENOTCONN);
	turn();
	ok(r == -ENOTCONN && c.ran == 0, "refused: the reason comes back, done() never runs");
	ok(memcmp(&c.op.host, &zero.host, sizeof zero.host) == 0, "the host's part is as before");
	submit(&c);
	ops_done(&ops, &c.op, 0);
	ok(c.ran == 1, "a refused op may be submitted again");
}

static void free_it(struct sq_op *op, int status)
{
	(void)status;
	free(sq_container(op, struct call, op));
}

static void test_memory(void)
{
	struct call *heap = calloc(1, sizeof *heap);
	struct call again = CALL(.again = 3, .again_at_once = true);

	heap->op.done = free_it;
	submit(heap);
	ops_done(&ops, &heap->op, 0);
	ok(carrier.open == 0, "done() may free the op");
	submit(&again);
	for (int n = 1; n <= 4; n++) {
		turn();
		if (again.ran != n)
			break;
	}
	ok(again.ran == 4, "done() may submit it anew; instant ones take a turn each");
}

static void test_other_op(void)
{
	struct call outer = CALL(.ran = 0), other = CALL(.ran = 0);

	submit(&other);
	op_begin(&ops, &outer.op, &carrier, "store.add");
	ops_done(&ops, &other.op, 5);
	ok(other.ran == 1, "another op that ends inside a submitting call is done at once: its outputs go");
	op_end(&ops, &outer.op, 0);
	ops_done(&ops, &outer.op, 0);
}

/* --- cancelled, too late --------------------------------------------------------------------- */

static void test_cancel(void)
{
	struct call clean = CALL(.ran = 0), left = CALL(.ran = 0), first = CALL(.again_at_once = true);

	cancel_answer = 0;
	submit(&clean);
	cancel(&clean);
	ok(forgotten == &clean.op && clean.ran == 0, "the carrier is told; done() is not inside cancel()");
	turn();
	ok(clean.ran == 1 && clean.status == -ECANCELED, "nothing had left: -ECANCELED");
	cancel_answer = 1;
	submit(&left);
	cancel(&left);
	turn();
	ok(left.ran == 1 && left.status == -SQ_EUNCERTAIN, "something had left: uncertain");
	cancels = 0;
	submit(&first);
	cancel(&first);
	turn();
	ok(first.ran == 1 && first.status == 1 && cancels == 0, "the result came first: it stands");
	cancel(&first);
	turn();
	ok(first.ran == 1 && cancels == 0, "cancelling what is not open is harmless");
}

static void test_cancel_busy(void)
{
	struct call busy = CALL(.ran = 0), raced = CALL(.ran = 0), never = CALL(.op.timeout = 1);

	cancel_answer = -EBUSY;
	cancels = 0;
	submit(&busy);
	cancel(&busy);
	cancel(&busy);
	turn();
	ok(busy.ran == 0 && cancels == 1 && carrier.open == 1, "-EBUSY: stays accepted, is not asked again");
	ops_done(&ops, &busy.op, 3);
	ok(busy.ran == 1 && busy.status == 3, "... and ends with its result");
	cancel_completes = 9;
	submit(&raced);
	cancel(&raced);
	cancel_completes = INT32_MAX;
	ok(raced.ran == 0, "completed inside the carrier's cancel(): done() is not inside cancel()");
	turn();
	ok(raced.ran == 1 && raced.status == 9, "... and gets the result");
	submit_to(&stubborn, &never);
	while (ops.due)
		ev_run(loop.ev, EVRUN_ONCE);
	cancel(&never);
	turn();
	ok(never.ran == 0 && stubborn.open == 1, "a carrier without cancel() is always busy");
	ops_done(&ops, &never.op, 0);
	ok(never.ran == 1, "... until it completes");
}

static void test_cancel_while_submitting(void)
{
	struct call outer = CALL(.ran = 0), other = CALL(.then_cancel = &outer.op);

	cancel_answer = 0;
	cancels = 0;
	submit(&other);
	op_begin(&ops, &outer.op, &carrier, "store.add");
	ops_done(&ops, &other.op, 0);
	ok(cancels == 0, "cancelled while it is being submitted: the carrier does not know it yet");
	inside = true;
	op_end(&ops, &outer.op, 0);
	inside = false;
	ok(cancels == 1 && outer.ran == 0, "... is told when it has accepted");
	turn();
	ok(outer.ran == 1 && outer.status == -ECANCELED, "... and the op ends as cancelled");
}

static void wait_for(const struct call *c)
{
	while (c->ran == 0)
		wait_turn();
}

static void test_timeout(void)
{
	struct call clean = CALL(.op.timeout = 2 * SQ_MS), left = CALL(.op.timeout = 2 * SQ_MS);
	struct call in_time = CALL(.op.timeout = 10 * SQ_MS);
	int64_t due;

	cancel_answer = 0;
	submit(&in_time);
	ops_done(&ops, &in_time.op, 4);
	due = loop_now() + clean.op.timeout;
	submit(&clean);
	wait_for(&clean);
	ok(clean.status == -ETIMEDOUT && loop_now() >= due, "too late: -ETIMEDOUT, not before its time");
	cancel_answer = 1;
	submit(&left);
	wait_for(&left);
	ok(left.status == -SQ_EUNCERTAIN, "too late and something had left: uncertain");
	ok(in_time.ran == 1 && in_time.status == 4, "in time: the result");
	ok(!ops.due, "no deadline is left");
}

#define MANY 2000

static struct call many[MANY];
static int64_t last_due;
static bool in_order = true;
static unsigned timed_out;

static void timed(struct sq_op *op, int status)
{
	struct call *c = sq_container(op, struct call, op);

	c->ran++;
	c->status = status;
	if (waiting)
		ev_break(loop.ev, EVBREAK_ONE);
	if (status != -ETIMEDOUT)
		return;
	timed_out++;
	if (op->timeout < last_due)
		in_order = false;
	last_due = op->timeout;
}

/* Timeouts are so far apart that the time between two submissions does not matter for the order. */
static void test_many_timeouts(void)
{
	uint32_t random = 12345;
	unsigned completed = 0, once = 0;

	cancel_answer = 0;
	for (unsigned n = 0; n < MANY; n++) {
		random = random * 1664525u + 1013904223u;
		many[n] = (struct call){
		    .op = {.done = timed, .timeout = (1 + (random >> 16) % 4) * 60 * SQ_MS}};
		submit(&many[n]);
	}
	for (unsigned n = 0; n < MANY; n += 3) {
		ops_done(&ops, &many[n].op, 0);
		completed++;
	}
	while (timed_out + completed < MANY)
		wait_turn();
	for (unsigned n = 0; n < MANY; n++)
		once += many[n].ran == 1 && many[n].status == (n % 3 == 0 ? 0 : -ETIMEDOUT);
	ok(once == MANY, "%d ops with a timeout: each ends once, as it should", MANY);
	ok(in_order, "the earlier ones first");
	ok(!ops.due && open_count() == 0, "nothing is left");
}

/* --- fairness, names ------------------------------------------------------------------------- */

static bool readable;

static void on_readable(struct ev_loop *ev, ev_io *w, int events)
{
	(void)events;
	readable = true;
	ev_io_stop(ev, w);
}

static void test_fairness(void)
{
	struct call chain = CALL(.again = 1000000, .again_at_once = true);
	int fds[2];
	ev_io io;

	if (pipe(fds) < 0 || write(fds[1], "x", 1) != 1)
		return;
	ev_io_init(&io, on_readable, fds[0], EV_READ);
	ev_io_start(loop.ev, &io);
	submit(&chain);
	ev_run(loop.ev, EVRUN_ONCE);
	ev_run(loop.ev, EVRUN_ONCE);
	ok(readable && chain.ran == 2, "a chain of instant completions lets sockets in between");
	chain.again = 0;
	turn();
	turn();
	close(fds[0]);
	close(fds[1]);
}

struct seen {
	char text[256];
};

static void see(void *arg, const char *who, const char *what, unsigned count)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof s->text - n, "%s %s %u;", who, what, count);
}

static unsigned empties;

static void emptied(struct ops *o)
{
	(void)o;
	empties++;
}

static void test_names(void)
{
	struct call a = CALL(.ran = 0), b = CALL(.ran = 0), c = CALL(.ran = 0);
	struct seen seen = {""};

	submit(&a);
	submit(&b);
	submit_to(&stubborn, &c);
	ops_each(&ops, see, &seen);
	is_str(seen.text, "worker store.add 1;target store.add 2;", "what is open can be named");
	ops.emptied = emptied;
	ops_done(&ops, &a.op, 0);
	ok(empties == 0, "one of two has ended: nobody is told");
	ops_done(&ops, &b.op, 0);
	ok(empties == 1, "told when a carrier has nothing open");
	ops_done(&ops, &c.op, 0);
	ops.emptied = NULL;
	seen.text[0] = '\0';
	ops_each(&ops, see, &seen);
	is_str(seen.text, "", "nothing is open, nothing is named");
}

/* --- carriers that break the contract -------------------------------------------------------- */

static void complete_twice_early(void)
{
	struct call c = CALL(.ran = 0);

	op_begin(&ops, &c.op, &carrier, "store.add");
	ops_done(&ops, &c.op, 0);
	ops_done(&ops, &c.op, 0);
}

static void complete_twice_late(void)
{
	struct call c = CALL(.ran = 0);

	submit(&c);
	ops_done(&ops, &c.op, 0);
	ops_done(&ops, &c.op, 0);
}

static void complete_then_refuse(void)
{
	struct call c = CALL(.ran = 0);

	op_begin(&ops, &c.op, &carrier, "store.add");
	ops_done(&ops, &c.op, 0);
	op_end(&ops, &c.op, -EIO);
}

static void complete_then_forget(void)
{
	struct call c = CALL(.ran = 0);

	submit(&c);
	cancel_completes = 0;
	cancel_answer = 0;
	cancel(&c);
}

static void complete_after_forgetting(void)
{
	struct call c = CALL(.ran = 0);

	submit(&c);
	cancel_answer = 0;
	cancel(&c);
	ops_done(&ops, &c.op, 0);
}

static void submit_twice(void)
{
	struct call c = CALL(.ran = 0);

	submit(&c);
	submit(&c);
}

static void test_broken_carriers(void)
{
	dies(complete_twice_early, "completed twice", "completed twice inside the submitting call");
	dies(complete_twice_late, "completed", "completed again after done()");
	dies(complete_then_refuse, "completed and then refused", "completed and then refused");
	dies(complete_then_forget, "completed inside cancel()", "completed and then forgotten");
	dies(complete_after_forgetting, "completed twice", "completed after it was forgotten");
	dies(submit_twice, "submitted again", "submitted again before done()");
}

int main(void)
{
	if (loop_init(&loop) < 0)
		return 1;
	ops_init(&ops, &loop);
	test_accepted();
	test_refused();
	test_memory();
	test_other_op();
	test_cancel();
	test_cancel_busy();
	test_cancel_while_submitting();
	test_timeout();
	test_many_timeouts();
	test_fairness();
	test_names();
	test_broken_carriers();
	ok(!ran_inside, "done() never ran inside a submitting call or cancel()");
	is_int(open_count(), 0, "nothing is open at the end");
	ops_fini(&ops);
	loop_fini(&loop);
	return tap_done();
}
