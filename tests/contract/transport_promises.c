/* transport_promises.c - what any queue has to do, as far as it takes no time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transport_script.h"

static void simple(struct rig *g)
{
	struct sq_delivery *d;
	int64_t now;

	is_int(publish(g, name(g, "one"), 1, "{\"a\":1}"), 0, "publish ends with 0");
	script_pause(&g->script, 300);
	is_int(g->came, 0, "credit begins at 0: nothing comes");
	credit(g, 1);
	d = expect(g, name(g, "one"), 1, "with credit it comes");
	now = now_ns(g);
	is_int(d->msg.edition, 1, "with its edition");
	ok(slice_is(d->msg.body, text("{\"a\":1}")), "and its body");
	is_int(d->msg.submitted_at, 1234567, "and its time of submission");
	ok(d->lock_until > now, "locked into the future");
	is_int(settle(g, d, SQ_ACK), 0, "an acknowledged message");
	credit(g, 0);
	expect_empty(g, "never comes again");
}

static void bodies(struct rig *g)
{
	static char big[100 << 10];
	const struct sq_slice all[] = {{"", 0}, {"\0\xff{not json\n", 12}, {big, sizeof big}};
	struct call c;
	bool good = true;

	for (unsigned i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 31);
	credit(g, 1);
	for (unsigned i = 0; i < SQ_LEN(all); i++) {
		char id[8] = {'b', (char)('0' + i)};

		fill(&c, name(g, id), 1, all[i]);
		good &= call(g, &c, PUBLISH) == 0;
		good &= slice_is(await(g, 1)->msg.body, all[i]);
		good &= settle(g, g->held[0], SQ_ACK) == 0;
	}
	ok(good, "bodies come as they were published: none, bytes that are no text, 100 KiB");
	fill(&c, "", 0, text("who am I"));
	c.publish.msg.submitted_at = 0;
	is_int(call(g, &c, PUBLISH), 0, "a message without a name");
	is_str(await(g, 1)->msg.id, "", "comes without one");
	is_int(g->held[0]->msg.submitted_at, 0, "and 0 for an unknown time");
	is_int(settle(g, g->held[0], SQ_ACK), 0, "and goes");
	credit(g, 0);
}

static void duplicates(struct rig *g)
{
	unsigned came;

	is_int(publish(g, name(g, "dup"), 1, "1"), 0, "a message");
	is_int(publish(g, name(g, "dup"), 1, "1"), 0,
	       "sent again, as after an uncertain outcome: confirmed too");
	is_int(publish(g, name(g, "dup"), 2, "2"), 0, "another edition");
	is_int(publish(g, name(g, "dup2"), 1, "3"), 0, "another name");
	credit(g, 4);
	for (came = 0; came < 4; came++) {
		struct sq_delivery *d = await(g, 1);
		bool end = strcmp(d->msg.id, name(g, "dup2")) == 0;

		printf("# came %s edition %u\n", d->msg.id, d->msg.edition);
		settle(g, d, SQ_ACK);
		if (end)
			break;
	}
	ok(came == 2 || came == 3, "of the same name and edition one may be dropped, and nothing else");
	credit(g, 0);
}

static void orders(struct rig *g)
{
	enum { N = 12 };
	struct call c[N];
	char ids[N][SQ_ID_MAX + 1];
	bool good = true;

	for (unsigned i = 0; i < N; i++) {
		snprintf(ids[i], sizeof ids[i], "%s-o%02u", g->key, i);
		fill(&c[i], ids[i], 1, text("{}"));
		good &= begin(g, &c[i], PUBLISH) == 0;
	}
	for (unsigned i = 0; i < N; i++)
		good &= finish(g, &c[i]) == 0;
	ok(good, "12 messages submitted at once");
	credit(g, 5);
	await(g, 5);
	for (unsigned i = 0; i < 5; i++)
		good &= strcmp(g->held[i]->msg.id, ids[i]) == 0;
	ok(good, "the oldest come first");
	script_pause(&g->script, 300);
	is_int(g->held_count, 5, "as many as there is credit");
	is_int(settle(g, g->held[0], SQ_ACK), 0, "one settled");
	is_str(await(g, 5)->msg.id, ids[5], "makes room for the next");
	credit(g, 2);
	is_int(settle(g, g->held[0], SQ_ACK), 0, "with less credit than is held");
	is_int(settle(g, g->held[0], SQ_ACK), 0, "no settlement");
	is_int(settle(g, g->held[0], SQ_ACK), 0, "brings another");
	script_pause(&g->script, 300);
	is_int(g->held_count, 2, "until there is room again");
	credit(g, 20);
	await(g, N - 4);
	for (unsigned i = 0; i < N - 4; i++)
		good &= strcmp(g->held[i]->msg.id, ids[i + 4]) == 0;
	ok(good, "all of the rest come, in order");
	ok(g->held[0]->attempt == 1 && g->held[N - 5]->attempt == 1, "each for the first time");
	while (g->held_count > 0)
		good &= settle(g, g->held[0], SQ_ACK) == 0;
	ok(good, "and go");
	credit(g, 0);
}

/* What comes beyond the credit goes back by itself, and is nobody's attempt. */
static void withdrawn(struct rig *g)
{
	unsigned before = g->came;

	is_int(publish(g, name(g, "w"), 1, "{}"), 0, "a message");
	for (int i = 0; i < 20 && g->came == before; i++) {
		credit(g, 1);
		credit(g, 0);
	}
	is_int(g->came, before, "credit that is taken back at once brings nothing");
	credit(g, 1);
	is_int(settle(g, expect(g, name(g, "w"), 1, "it is there for who has credit"), SQ_ACK), 0, "once");
	credit(g, 0);
	expect_empty(g, "and is gone then");
}

static void come_back(struct rig *g)
{
	struct sq_delivery *d;
	uint32_t max;

	is_int(publish(g, name(g, "back"), 3, "{\"x\":2}"), 0, "a message");
	credit(g, 1);
	d = expect(g, name(g, "back"), 1, "comes");
	max = d->attempt_max;
	is_int(settle(g, d, SQ_RELEASE), 0, "released");
	d = expect(g, name(g, "back"), 1, "it comes back, and that was no attempt");
	is_int(settle(g, d, SQ_RETRY), 0, "failed");
	d = expect(g, name(g, "back"), 2, "it comes back, and that was one");
	is_int(d->msg.edition, 3, "the same edition");
	is_int(d->msg.submitted_at, 1234567, "of the same age");
	ok(slice_is(d->msg.body, text("{\"x\":2}")), "with the same body");
	is_int(d->attempt_max, max, "and as many attempts");
	is_int(settle(g, d, SQ_RELEASE), 0, "released again");
	d = expect(g, name(g, "back"), 2, "it is at the same attempt");
	is_int(settle(g, d, SQ_ACK), 0, "and goes");
	credit(g, 0);
}

static void renewals(struct rig *g)
{
	struct call a = {0}, b = {0}, c = {0};
	struct sq_delivery *d;
	int64_t until;

	is_int(publish(g, name(g, "renew"), 1, "{}"), 0, "a message");
	credit(g, 1);
	d = expect(g, name(g, "renew"), 1, "comes");
	until = d->lock_until;
	script_pause(&g->script, 20);
	a.settling.delivery = b.settling.delivery = d;
	is_int(call(g, &a, RENEW), 0, "its lock is renewed");
	ok(d->lock_until > until, "and ends later");
	is_int(begin(g, &a, RENEW), 0, "once more");
	ok(begin(g, &b, RENEW) < 0, "but one at a time");
	c.settling = (struct sq_settling){.delivery = d, .how = SQ_ACK};
	is_int(begin(g, &c, SETTLE), 0, "settled meanwhile");
	forget(g, d);
	is_int(finish(g, &c), 0, "it goes");
	finish(g, &a);
	ok(a.status == 0 || a.status == -ECANCELED || a.status == -SQ_EUNCERTAIN, "and the renewal with it");
	ok(a.ended < c.ended, "before it, for the delivery is not its own any more");
	credit(g, 0);
}

static void refused(struct rig *g)
{
	struct call c = {0};
	struct sq_delivery *d;

	is_int(publish(g, name(g, "refused"), 1, "{}"), 0, "a message");
	credit(g, 1);
	d = expect(g, name(g, "refused"), 1, "comes");
	c.settling = (struct sq_settling){.delivery = d, .how = (enum sq_settle)77};
	is_int(begin(g, &c, SETTLE), -EINVAL, "a settlement that is none is refused");
	c.settling = (struct sq_settling){.delivery = d, .how = SQ_DEAD};
	is_int(begin(g, &c, SETTLE), -EINVAL, "and a dead letter without a reason");
	is_int(settle(g, d, SQ_ACK), 0, "and leaves the delivery with the role");
	credit(g, 0);
}

/* What ended as uncertain is in the queue, or is not: both are right, and nothing else comes. */
static void come_or_not(struct rig *g, const char *id)
{
	is_int(publish(g, name(g, "after"), 1, "{}"), 0, "a message behind an uncertain one");
	credit(g, 1);
	if (strcmp(await(g, 1)->msg.id, id) == 0)
		is_int(settle(g, g->held[0], SQ_ACK), 0, "which comes");
	is_int(settle(g, expect(g, name(g, "after"), 1, "comes"), SQ_ACK), 0, "and goes");
	credit(g, 0);
}

static void cancelled(struct rig *g)
{
	struct call c;
	int status;

	fill(&c, name(g, "cancelled"), 1, text("{}"));
	is_int(begin(g, &c, PUBLISH), 0, "a publish");
	give_up(g, &c);
	status = finish(g, &c);
	ok(status == 0 || status == -ECANCELED || status == -SQ_EUNCERTAIN,
	   "that is cancelled ends all the same");
	if (status == -ECANCELED) {
		expect_empty(g, "as cancelled: nothing comes");
		return;
	}
	if (status == 0) {
		credit(g, 1);
		is_int(settle(g, expect(g, name(g, "cancelled"), 1, "as done: it comes"), SQ_ACK), 0,
		       "and goes");
		credit(g, 0);
	} else {
		come_or_not(g, name(g, "cancelled"));
	}
}

static void in_time(struct rig *g)
{
	struct call c;
	int status;

	fill(&c, name(g, "late"), 1, text("{}"));
	c.op.timeout = 1;
	is_int(resume(g, &c), 0, "a publish with a nanosecond of time");
	status = finish(g, &c);
	ok(status == 0 || status == -ETIMEDOUT || status == -SQ_EUNCERTAIN, "ends with what is true of it");
	is_int(publish(g, name(g, "late"), 1, "{}"), 0, "and can be sent again");
	credit(g, 1);
	is_int(settle(g, expect(g, name(g, "late"), 1, "it comes"), SQ_ACK), 0, "and goes");
	credit(g, 0);
}

void drop_dead(struct rig *g)
{
	is_int(publish(g, name(g, "dead"), 1, "{}"), 0, "a message");
	credit(g, 1);
	is_int(settle(g, expect(g, name(g, "dead"), 1, "comes"), SQ_DEAD), 0, "is put aside");
	credit(g, 0);
	expect_empty(g, "and never comes again");
}

void promises(struct rig *g)
{
	simple(g);
	bodies(g);
	duplicates(g);
	orders(g);
	withdrawn(g);
	come_back(g);
	renewals(g);
	refused(g);
	cancelled(g);
	in_time(g);
	drop_dead(g);
}
