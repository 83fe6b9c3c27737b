/* transport_ends.c - messages that fail, and locks that run out. */
#include "transport_script.h"

void failures(struct rig *g)
{
	struct sq_delivery *d;

	is_int(publish(g, name(g, "fails"), 1, "{}"), 0, "a message");
	credit(g, 1);
	d = expect(g, name(g, "fails"), 1, "comes");
	for (uint32_t n = 1; d->attempt_max > 0 && n < d->attempt_max; n++) {
		is_int(settle(g, d, SQ_RETRY), 0, "and fails");
		d = expect(g, name(g, "fails"), n + 1, "comes back");
	}
	is_int(settle(g, d, SQ_RETRY), 0, "fails at its last attempt");
	credit(g, 0);
	expect_empty(g, "and never comes again");
	drop_dead(g);
}

static void run_out(struct rig *g)
{
	int64_t until;
	uint32_t max;
	struct sq_delivery *d;

	is_int(publish(g, name(g, "slow"), 1, "{}"), 0, "a message");
	credit(g, 1);
	d = expect(g, name(g, "slow"), 1, "comes");
	max = d->attempt_max;
	for (uint32_t n = 1; n <= max; n++) {
		until = d->lock_until;
		await_lost(g, g->lost + 1);
		ok(now_ns(g) >= until, "is not lost before its lock ends");
		is_str(g->lost_last.id, name(g, "slow"), "and named when it is");
		d = expect(g, name(g, "slow"), n + 1, "it comes again");
	}
	ok(max == 0 || d->attempt > d->attempt_max, "once more than there are attempts, to be explained");
	is_int(settle(g, d, SQ_RETRY), 0, "there is no further one");
	credit(g, 0);
	expect_empty(g, "so it never comes again");
}

static void run_out_at_last(struct rig *g)
{
	uint32_t max;

	is_int(publish(g, name(g, "ever"), 1, "{}"), 0, "a message");
	credit(g, 1);
	max = await(g, 1)->attempt_max;
	for (uint32_t n = 0; n <= max; n++)
		await_lost(g, g->lost + 1);
	credit(g, 0);
	expect_empty(g, "whose every lock runs out never comes again");
}

static void renewed_in_time(struct rig *g)
{
	struct call c = {0};
	struct sq_delivery *d;
	unsigned lost = g->lost;
	int64_t first;
	bool good = true;

	is_int(publish(g, name(g, "long"), 1, "{}"), 0, "a message");
	credit(g, 1);
	d = c.settling.delivery = expect(g, name(g, "long"), 1, "comes");
	first = d->lock_until;
	while (good && g->lost == lost && now_ns(g) < first + SQ_S) {
		script_pause(&g->script, 50);
		good = g->lost > lost || call(g, &c, RENEW) == 0;
	}
	ok(good && g->lost == lost, "and is kept by renewing it, for longer than the first lock");
	if (g->lost == lost)
		is_int(settle(g, d, SQ_ACK), 0, "to its end");
	credit(g, 0);
}

void expiries(struct rig *g)
{
	run_out(g);
	run_out_at_last(g);
	renewed_in_time(g);
	ok(!g->lost_last.in_renewal, "no lock is lost while its renewal is open");
}
