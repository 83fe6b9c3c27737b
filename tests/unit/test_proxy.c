/* test_proxy.c - what a role sees as its store, transport and scheduler. */
#include "core/host/proxy.h"

#include <errno.h>

#include "tests/dies.h"
#include "tests/tap.h"

static struct loop loop;
static struct ops ops;

/* --- plugins that note what they get --------------------------------------------------------- */

static struct {
	void *self, *rq;
	const char *verb;
	int answer;
	uint32_t credit;
} got;

#define NOTE(name, request)                             \
	static int name(void *self, struct request *rq) \
	{                                               \
		got.self = self;                        \
		got.rq = rq;                            \
		got.verb = #name;                       \
		return got.answer;                      \
	}

NOTE(add, sq_store_count)
NOTE(parts, sq_store_parts)
NOTE(publish, sq_publish)
NOTE(settle, sq_settling)
NOTE(prepare, sq_job_rq)

static void credit(void *self, uint32_t most)
{
	got.self = self;
	got.credit = most;
}

static int cancel(void *self, struct sq_op *op)
{
	got.self = self;
	got.rq = op;
	return 0;
}

static const struct sq_store store = {
    .size = sizeof store, .caps = 5, .add = add, .parts = parts, .cancel = cancel};
static const struct sq_transport transport = {.size = sizeof transport,
                                              .publish = publish,
                                              .settle = settle,
                                              .renew = settle,
                                              .credit = credit,
                                              .cancel = cancel};
static const struct sq_scheduler scheduler = {
    .size = sizeof scheduler, .caps = SQ_SCHEDULER_MORTAL, .prepare = prepare, .cancel = cancel};
/* As an older plugin has it: the table ends behind add(). */
static const struct sq_store old_store = {
    .size = offsetof(struct sq_store, read), .add = add, .parts = parts};

static const struct sq_plugin store_plugin = {.kind = SQ_STORE, .vt.store = &store};
static const struct sq_plugin old_plugin = {.kind = SQ_STORE, .vt.store = &old_store};
static const struct sq_plugin transport_plugin = {.kind = SQ_TRANSPORT, .vt.transport = &transport};
static const struct sq_plugin scheduler_plugin = {.kind = SQ_SCHEDULER, .vt.scheduler = &scheduler};

/* --- the caller ------------------------------------------------------------------------------ */

static int last_status, ran;

static void done(struct sq_op *op, int status)
{
	(void)op;
	ran++;
	last_status = status;
}

static void see(void *arg, const char *who, const char *what, unsigned count)
{
	snprintf(arg, 64, "%s %s %u", who, what, count);
}

static void test_store(void)
{
	struct sq_store_count rq = {.op.done = done};
	struct proxy p;
	char text[64] = "";
	int self, r;

	proxy_init(&p, &ops, &store_plugin, &self, "target");
	ok(p.face.store.size == sizeof(struct sq_store) && p.face.store.caps == 5, "size and caps are told");
	r = p.face.store.add(&p, &rq);
	ok(r == 0 && got.self == &self && got.rq == &rq, "the plugin gets its own self and the request");
	ops_each(&ops, see, text);
	is_str(text, "target store.add 1", "the op is named by role and verb");
	ops_done(&ops, &rq.op, 3);
	ok(ran == 1 && last_status == 3 && p.carrier.open == 0, "and completes");
	got.answer = -ENOTCONN;
	ok(p.face.store.add(&p, &rq) == -ENOTCONN && p.carrier.open == 0, "a refusal is passed on");
	got.answer = 0;
	p.face.store.add(&p, &rq);
	ops_cancel(&ops, &rq.op);
	ev_run(loop.ev, EVRUN_NOWAIT);
	ok(got.rq == &rq.op && last_status == -ECANCELED, "cancel goes to the plugin's own");
}

static void test_old_store(void)
{
	struct sq_store_parts rq = {.op.done = done};
	struct sq_store_count count = {.op.done = done};
	struct proxy p;

	proxy_init(&p, &ops, &old_plugin, NULL, "target");
	is_int(p.face.store.parts(&p, &rq), -ENOSYS, "behind the end of an older table: -ENOSYS");
	is_int(p.face.store.add(&p, &count), 0, "what it has works");
	ops_done(&ops, &count.op, 0);
	proxy_init(&p, &ops, &store_plugin, NULL, "target");
	is_int(p.face.store.read(&p, &count), -ENOSYS, "a verb that a plugin leaves out: -ENOSYS");
}

static void test_transport(void)
{
	struct sq_publish rq = {.op.done = done};
	struct sq_settling settling = {.op.done = done};
	struct proxy p;
	int self;

	proxy_init(&p, &ops, &transport_plugin, &self, "orchestrator");
	p.takes_deliveries = true;
	p.face.transport.credit(&p, 7);
	ok(got.self == &self && got.credit == 7, "credit goes through");
	p.face.transport.publish(&p, &rq);
	is_str(got.verb, "publish", "publish is publish");
	ops_done(&ops, &rq.op, 0);
	p.face.transport.settle(&p, &settling);
	is_str(got.verb, "settle", "settle is settle");
	ops_done(&ops, &settling.op, 0);
}

static void test_scheduler(void)
{
	struct sq_job_rq rq = {.op.done = done};
	struct proxy p;

	proxy_init(&p, &ops, &scheduler_plugin, NULL, "orchestrator");
	p.face.scheduler.prepare(&p, &rq);
	ok(got.rq == &rq && p.face.scheduler.caps == SQ_SCHEDULER_MORTAL, "the scheduler's too");
	ops_done(&ops, &rq.op, 0);
}

/* --- roles that do what they must not -------------------------------------------------------- */

static void wrong_credit(void)
{
	struct proxy p;

	proxy_init(&p, &ops, &transport_plugin, NULL, "gateway");
	p.face.transport.credit(&p, 1);
}

static void wrong_cancel(void)
{
	struct sq_store_count rq = {.op.done = done};
	struct proxy p;

	proxy_init(&p, &ops, &store_plugin, NULL, "gateway");
	p.face.store.cancel(&p, &rq.op);
}

int main(void)
{
	if (loop_init(&loop) < 0)
		return 1;
	ops_init(&ops, &loop);
	test_store();
	test_old_store();
	test_transport();
	test_scheduler();
	dies(wrong_credit, "who=gateway", "credit from a role without deliver");
	dies(wrong_cancel, "host->cancel()", "a role calls the plugin's cancel()");
	ops_fini(&ops);
	loop_fini(&loop);
	return tap_done();
}
