/*
 * role_contract_transport.c - the contract of squall/transport.h: what any queue has to do.
 *
 * The script's lines go to standard output as TAP; exit code 0 when all is well. The phases main and
 * dead want a queue whose lock is longer than they run, the others one of a second or so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport_script.h"

struct contract_conf {
	int phase;
	int64_t count;
	const char *key;
};

enum {
	PHASE_MAIN,
	PHASE_DEAD,
	PHASE_EXPIRY,
	PHASE_KEEP,
	PHASE_KEPT,
	PHASE_HOLD,
	PHASE_FILL,
	PHASE_COMPETE,
	PHASE_OUTAGE,
	PHASE_UNSURE,
	PHASE_TORN,
	PHASE_MUTE,
	PHASE_UNMANAGED,
	PHASE_LARGE
};
static const char *const phases[] = {"main", "dead", "expiry",    "keep",   "kept",
                                     "hold", "fill", "compete",   "outage", "unsure",
                                     "torn", "mute", "unmanaged", "large",  NULL};

static const struct sq_opt contract_opts[] = {
    SQ_ENUM(
        struct contract_conf, phase, "main", phases,
        "main: every promise but those of time; dead: the end of a message that fails; expiry: locks that "
        "run out; keep, kept: what outlives a process; hold: takes a message and waits to be killed; "
        "fill: publishes; compete: takes it all, beside others; outage: holds messages while the queue is "
        "away; unsure: settles one while the queue does not answer; torn: settles and renews while the "
        "connection ends; mute: renews while the queue does not answer, unmanaged: while it refuses; "
        "large: publishes more than the queue takes."),
    SQ_INT(struct contract_conf, count, "0", 0, 100000,
           "How many messages fill publishes; hold: whether it publishes the one; outage: whether the queue "
           "is still "
           "away when they are settled."),
    SQ_STRING(struct contract_conf, key, "t", "Prefix of all ids."), SQ_OPTS_END};

/* --- on the loop --- */

static int loop_submit(void *arg)
{
	struct rig *g = arg;
	struct call *c = g->target;
	const struct sq_transport *t = g->host->transport;
	void *self = g->host->transport_self;
	int r;

	if (c->verb == PUBLISH)
		r = t->publish(self, &c->publish);
	else if (c->verb == SETTLE)
		r = t->settle(self, &c->settling);
	else
		r = t->renew(self, &c->settling);
	c->status = r;
	return r;
}

static int loop_cancel(void *arg)
{
	struct rig *g = arg;

	g->host->cancel(g->host->ctx, &g->target->op);
	return 0;
}

static int loop_credit(void *arg)
{
	struct rig *g = arg;

	g->host->transport->credit(g->host->transport_self, g->credit);
	return 0;
}

static void ended(struct sq_op *op, int status)
{
	struct call *c = sq_container(op, struct call, op);
	struct rig *g = c->rig;

	if (script_calls(&g->script))
		ok(false, "done() does not run inside a submitting call");
	c->status = status;
	c->ended = ++g->ended;
	if (c == g->renewal)
		g->renewal = NULL;
	script_event(&g->script);
}

void forget(struct rig *g, const struct sq_delivery *d)
{
	for (unsigned i = 0; i < g->held_count; i++) {
		if (g->held[i] != d)
			continue;
		memmove(&g->held[i], &g->held[i + 1], (g->held_count - i - 1) * sizeof *g->held);
		g->held_count--;
		return;
	}
	ok(false, "only what was delivered is lost or settled");
}

static void contract_deliver(void *self, struct sq_delivery *d)
{
	struct rig *g = self;

	if (g->held_count >= g->credit || g->held_count == HELD_MOST) {
		ok(false, "no more than credit is ever held");
		return;
	}
	g->held[g->held_count++] = d;
	g->came++;
	script_event(&g->script);
}

static void contract_lost(void *self, struct sq_delivery *d)
{
	struct rig *g = self;

	forget(g, d);
	snprintf(g->lost_last.id, sizeof g->lost_last.id, "%s", d->msg.id);
	g->lost_last.in_renewal = g->renewal != NULL;
	g->lost++;
	script_event(&g->script);
}

/* --- the script's side --- */

int resume(struct rig *g, struct call *c)
{
	c->op.done = ended;
	c->rig = g;
	c->ended = 0;
	g->target = c;
	return script_do(&g->script, loop_submit, g);
}

void give_up(struct rig *g, struct call *c)
{
	g->target = c;
	script_do(&g->script, loop_cancel, g);
}

int begin(struct rig *g, struct call *c, enum verb verb)
{
	memset(&c->op, 0, sizeof c->op);
	c->verb = verb;
	return resume(g, c);
}

static bool is_over(void *arg)
{
	return ((struct call *)arg)->ended > 0;
}

int finish(struct rig *g, struct call *c)
{
	script_wait(&g->script, is_over, c);
	return c->status;
}

/* A queue that is not there yet refuses. */
int call(struct rig *g, struct call *c, enum verb verb)
{
	int r = begin(g, c, verb);

	for (int i = 0; i < 1500 && r == -ENOTCONN; i++) {
		script_pause(&g->script, 20);
		r = begin(g, c, verb);
	}
	return r == 0 ? finish(g, c) : c->status;
}

void credit(struct rig *g, uint32_t most)
{
	g->credit = most;
	script_do(&g->script, loop_credit, g);
}

static bool has_come(void *arg)
{
	struct rig *g = arg;

	return g->held_count >= g->wanted;
}

struct sq_delivery *await(struct rig *g, unsigned held)
{
	g->wanted = held;
	script_wait(&g->script, has_come, g);
	return g->held[held - 1];
}

static bool has_lost(void *arg)
{
	struct rig *g = arg;

	return g->lost >= g->wanted;
}

void await_lost(struct rig *g, unsigned lost)
{
	g->wanted = lost;
	script_wait(&g->script, has_lost, g);
}

const char *name(struct rig *g, const char *suffix)
{
	static char ring[4][SQ_ID_MAX + 1];
	static unsigned at;
	char *out = ring[at++ % SQ_LEN(ring)];

	snprintf(out, sizeof ring[0], "%s-%s", g->key, suffix);
	return out;
}

struct sq_slice text(const char *s)
{
	return (struct sq_slice){s, strlen(s)};
}

bool slice_is(struct sq_slice a, struct sq_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void fill(struct call *c, const char *id, uint32_t edition, struct sq_slice body)
{
	*c = (struct call){
	    .publish.msg = {.id = id, .edition = edition, .body = body, .submitted_at = 1234567}};
}

int publish(struct rig *g, const char *id, uint32_t edition, const char *body)
{
	struct call c;

	fill(&c, id, edition, text(body));
	return call(g, &c, PUBLISH);
}

int settle(struct rig *g, struct sq_delivery *d, enum sq_settle how)
{
	struct call c = {.settling = {.delivery = d, .how = how}};

	if (how == SQ_DEAD) {
		c.settling.reason = "bad_plan";
		c.settling.description = "it asks for the moon";
	}
	if (begin(g, &c, SETTLE) < 0)
		return c.status;
	forget(g, d);
	return finish(g, &c);
}

struct sq_delivery *expect(struct rig *g, const char *id, uint32_t attempt, const char *what)
{
	struct sq_delivery *d = await(g, 1);

	is_str(d->msg.id, id, what);
	is_int(d->attempt, attempt, "at this attempt");
	return d;
}

void expect_empty(struct rig *g, const char *what)
{
	static unsigned n;
	char suffix[24];
	const char *id;

	snprintf(suffix, sizeof suffix, "marker%u", ++n);
	id = name(g, suffix);
	script_pause(&g->script, 1200);
	is_int(publish(g, id, 1, "{}"), 0, "a marker is published");
	credit(g, 1);
	is_str(await(g, 1)->msg.id, id, what);
	is_int(settle(g, g->held[0], SQ_ACK), 0, "and it goes");
	credit(g, 0);
}

int64_t now_ns(struct rig *g)
{
	return g->host->now(g->host->ctx); /* the loop stands still meanwhile */
}

/* --- phases --- */

static void phase_main(struct rig *g)
{
	promises(g);
	is_int(g->lost, 0, "no lock was lost");
}

static void phase_keep(struct rig *g)
{
	is_int(publish(g, name(g, "k1"), 1, "one"), 0, "a message");
	is_int(publish(g, name(g, "k2"), 1, "two"), 0, "a second");
	is_int(publish(g, name(g, "k3"), 1, "three"), 0, "a third");
	is_int(publish(g, name(g, "k4"), 1, "four"), 0, "and one more");
	credit(g, 3);
	await(g, 3);
	is_int(settle(g, g->held[0], SQ_ACK), 0, "the first is done");
	is_int(settle(g, g->held[0], SQ_DEAD), 0, "the second is dead");
	credit(g, 2);
	is_str(await(g, 2)->msg.id, name(g, "k4"), "the others are held to the end");
}

static void phase_kept(struct rig *g)
{
	credit(g, 2);
	await(g, 2);
	is_str(g->held[0]->msg.id, name(g, "k3"), "what was held comes back");
	ok(slice_is(g->held[0]->msg.body, text("three")), "with its body");
	is_int(g->held[0]->msg.submitted_at, 1234567, "and its time");
	is_str(g->held[1]->msg.id, name(g, "k4"), "all of it");
	is_int(settle(g, g->held[0], SQ_ACK), 0, "to be done");
	is_int(settle(g, g->held[0], SQ_ACK), 0, "once");
	credit(g, 0);
	expect_empty(g, "and nothing of what was done");
}

static void phase_hold(struct rig *g)
{
	struct sq_delivery *d;

	if (g->conf->count > 0)
		is_int(publish(g, name(g, "held"), 1, "{}"), 0, "a message");
	credit(g, 1);
	d = await(g, 1);
	script_say("holding %s attempt %u", d->msg.id, d->attempt);
	if (g->conf->count > 0)
		await_lost(g, 1);
	else
		is_int(settle(g, d, SQ_ACK), 0, "and settles it");
	script_say("over");
}

/* For competitors: the last message is the youngest. */
static void phase_fill(struct rig *g)
{
	char suffix[24];
	bool good = true;

	for (int64_t i = 0; i < g->conf->count; i++) {
		snprintf(suffix, sizeof suffix, "m%05lld", (long long)i);
		good &= publish(g, name(g, suffix), 1, "{}") == 0;
	}
	good &= publish(g, name(g, "last"), 1, "last") == 0;
	ok(good, "everything is published");
}

/* Several processes run this at once. */
static void phase_compete(struct rig *g)
{
	bool good = true, last = false;

	credit(g, 3);
	while (!last) {
		struct sq_delivery *d = await(g, 1);

		last = slice_is(d->msg.body, text("last"));
		if (!last)
			printf("# got %s attempt %u\n", d->msg.id, d->attempt);
		good &= settle(g, d, last ? SQ_RELEASE : SQ_ACK) == 0;
	}
	ok(good, "everything taken is settled");
	credit(g, 0);
}

/* The queue may go and come back in the pause: what is held stays held, and is settled afterwards. */
static void phase_outage(struct rig *g)
{
	struct call renewal = {0};

	is_int(publish(g, name(g, "ack"), 1, "{}"), 0, "a message");
	is_int(publish(g, name(g, "dead"), 1, "{}"), 0, "a second");
	is_int(publish(g, name(g, "retry"), 1, "{}"), 0, "and a third");
	credit(g, 3);
	await(g, 3);
	script_say("holding");
	script_pause(&g->script, 3000);
	is_int(g->lost, 0, "nothing is lost meanwhile");
	renewal.settling.delivery = g->held[0];
	if (g->conf->count == 0)
		is_int(call(g, &renewal, RENEW), 0, "a lock is renewed after it");
	is_int(settle(g, g->held[0], SQ_ACK), 0, "a message is done with");
	is_int(settle(g, g->held[0], SQ_DEAD), 0, "or put aside");
	credit(g, 1);
	is_int(settle(g, g->held[0], SQ_RETRY), 0, "or failed");
	is_int(settle(g, expect(g, name(g, "retry"), 2, "and comes again"), SQ_ACK), 0, "to be done then");
	credit(g, 0);
	expect_empty(g, "and nothing else");
}

/* The queue hears nothing from "holding" to "unsure". */
static void phase_unsure(struct rig *g)
{
	is_int(publish(g, name(g, "unsure"), 1, "{}"), 0, "a message");
	credit(g, 1);
	expect(g, name(g, "unsure"), 1, "comes");
	script_say("holding");
	script_pause(&g->script, 700);
	is_int(settle(g, g->held[0], SQ_ACK), -SQ_EUNCERTAIN, "an acknowledgement that is not answered");
	script_say("unsure");
	script_pause(&g->script, 4000);
	is_int(g->held_count, 0, "is not asked for again: the carrier knows the message when it comes");
	credit(g, 0);
	expect_empty(g, "and it is gone then");
}

static void script(void *arg)
{
	static void (*const run[])(struct rig *) = {
	    phase_main,    failures,     expiries,     phase_keep, phase_kept, phase_hold, phase_fill,
	    phase_compete, phase_outage, phase_unsure, torn,       mute,       unmanaged,  large};
	struct rig *g = arg;

	g->key = g->conf->key;
	run[g->conf->phase](g);
}

/* --- life --- */

static int contract_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct rig *g = calloc(1, sizeof *g);

	if (g == NULL)
		return sq_fail(err, -ENOMEM, "no memory");
	g->host = host;
	g->conf = conf;
	*ret_self = g;
	return 0;
}

static int contract_start(void *self, struct sq_err *err)
{
	struct rig *g = self;

	return script_start(&g->script, g->host, script, g, err);
}

static void contract_drain(void *self, struct sq_op *op)
{
	struct rig *g = self;

	script_end(&g->script);
	g->host->op_done(g->host->ctx, op, 0);
}

static void contract_destroy(void *self)
{
	free(self);
}

static const struct sq_role contract_role = {.size = sizeof(struct sq_role),
                                             .needs = SQ_NEEDS_TRANSPORT,
                                             .deliver = contract_deliver,
                                             .lost = contract_lost};

SQ_PLUGIN(role, SQ_ROLE, contract_transport, .version = "test", .summary = "Puts a transport to the test",
          .opts = contract_opts, .conf_size = sizeof(struct contract_conf), .create = contract_create,
          .start = contract_start, .drain = contract_drain, .destroy = contract_destroy,
          .vt.role = &contract_role);
