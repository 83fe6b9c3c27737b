/* transport_faults.c - a queue that ends the connection, does not answer, or refuses. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transport_script.h"

/* The connection ends with a publish on its way; in the done() of that all that is held is used again. */
void torn(struct rig *g)
{
	struct call sent, renewal = {0}, settled[3] = {0};
	unsigned i;

	for (i = 0; i < SQ_LEN(settled) + 1; i++)
		is_int(publish(g, name(g, "held"), i + 1, "{}"), 0, "a message");
	credit(g, SQ_LEN(settled) + 1);
	await(g, SQ_LEN(settled) + 1);
	script_say("holding");
	script_pause(&g->script, 700);
	fill(&sent, name(g, "sent"), 1, text("{}"));
	is_int(begin(g, &sent, PUBLISH), 0, "a publish");
	script_say("publishing");
	is_int(finish(g, &sent), -SQ_EUNCERTAIN, "ends with the connection");
	for (i = 0; i < SQ_LEN(settled); i++) {
		settled[i].settling = (struct sq_settling){.delivery = g->held[0], .how = (enum sq_settle)i};
		if (begin(g, &settled[i], SETTLE) == 0)
			forget(g, g->held[0]);
	}
	renewal.settling.delivery = g->held[0];
	is_int(begin(g, &renewal, RENEW), -ENOTCONN, "in that moment no lock is renewed");
	credit(g, 10);
	for (i = 0; i < SQ_LEN(settled); i++) {
		finish(g, &settled[i]);
		ok(settled[i].status == 0 || settled[i].status == -SQ_EUNCERTAIN,
		   "and a settlement ends, one way or the other");
	}
	is_int(settle(g, g->held[0], SQ_ACK), 0, "a message that was held all the time is settled");
}

/* The queue hears nothing from "holding" on for a while. */
void mute(struct rig *g)
{
	struct call renewal = {0};

	is_int(publish(g, name(g, "mute"), 1, "{}"), 0, "a message");
	credit(g, 1);
	renewal.settling.delivery = expect(g, name(g, "mute"), 1, "comes");
	script_say("holding");
	script_pause(&g->script, 700);
	is_int(call(g, &renewal, RENEW), -SQ_EUNCERTAIN, "a renewal that is not answered ends all the same");
	script_say("unsure");
	script_pause(&g->script, 700);
	is_int(g->held_count, 1, "and leaves the message with its lock");
	is_int(call(g, &renewal, RENEW), 0, "which is renewed once there are answers");
	is_int(settle(g, g->held[0], SQ_ACK), 0, "and goes");
}

/* Links are lost, and what would help then is refused, from "holding" to "refused". */
void unmanaged(struct rig *g)
{
	struct call renewal = {0};

	is_int(publish(g, name(g, "link"), 1, "{}"), 0, "a message");
	is_int(publish(g, name(g, "none"), 1, "{}"), 0, "and another");
	credit(g, 2);
	await(g, 2);
	script_say("holding");
	script_pause(&g->script, 700);
	renewal.settling.delivery = g->held[0];
	is_int(call(g, &renewal, RENEW), -EIO, "a renewal that is refused says so");
	is_int(g->held_count, 2, "and takes nothing away");
	is_int(settle(g, g->held[0], SQ_ACK), 0, "a message is settled on its link without that");
	script_say("without links");
	script_pause(&g->script, 2000);
	is_int(settle(g, g->held[0], SQ_ACK), -SQ_EUNCERTAIN, "and one whose link is lost is not");
	script_say("refused");
	script_pause(&g->script, 4000);
	is_int(g->held_count, 0, "but is known when it comes again");
	credit(g, 0);
	expect_empty(g, "and gone then");
}

/* The queue takes 64 KiB. */
void large(struct rig *g)
{
	static char big[100 << 10];
	struct call c;

	memset(big, 'x', sizeof big);
	fill(&c, name(g, "early"), 1, (struct sq_slice){big, sizeof big});
	c.op.timeout = 20 * SQ_S;
	c.status = begin(g, &c, PUBLISH);
	is_int(c.status == 0 ? finish(g, &c) : call(g, &c, PUBLISH), -E2BIG,
	       "too large a message is refused, early");
	is_int(publish(g, name(g, "small"), 1, "{}"), 0, "a small one is not");
	fill(&c, name(g, "late"), 1, (struct sq_slice){big, sizeof big});
	is_int(begin(g, &c, PUBLISH), -E2BIG, "and once the queue has said what it takes, at once");
	credit(g, 1);
	is_int(settle(g, expect(g, name(g, "small"), 1, "the small one comes"), SQ_ACK), 0, "and goes");
	credit(g, 0);
	expect_empty(g, "alone");
}
