/*
 * total.c - what all tests that wait or run ask for together, before one more is taken.
 *
 * The store is asked; those that this gateway let in a moment ago may not be there yet and count as well.
 * With several gateways a few too many may get in at the same instant: they wait in the queue, as the
 * orchestrator begins no more than fit.
 */
#include <errno.h>
#include <string.h>

#include "core/base/text.h"
#include "gateway.h"

#define HEADS 1000 /* records of one page */
#define BODIES 100

static bool wants_bodies(const struct gateway *gw)
{
	return gw->limits.total_rate || gw->limits.total_workers;
}

static void finish(struct total *t, int status)
{
	struct gateway *gw = t->call->gw;
	char most[TEXT_MAX];
	struct sq_err why;
	bool fits = true;

	if (status >= 0) {
		t->others.tests += gw->arriving.tests;
		t->others.rate += gw->arriving.rate;
		t->others.workers += gw->arriving.workers;
		fits = limits_fit(&gw->limits, &t->others, t->rate, t->workers, &why);
	}
	if (fits && gw->conf->max_tests && t->others.tests >= (uint64_t)gw->conf->max_tests) {
		sq_fail(&why, -EBUSY, "%s tests wait or run, and max_tests allows no more",
		        text_count(most, t->others.tests));
		fits = false;
	}
	if (status >= 0 && fits) {
		demand_add(&gw->arriving, t->rate, t->workers);
		t->counted = true;
	}
	t->done(t, status, fits ? NULL : &why);
}

static void ask_page(struct total *t);

static void take_page(struct total *t)
{
	for (uint32_t i = 0; i < t->list.count; i++) {
		const struct sq_record *rec = &t->list.records[i];
		struct test_record r = {.state = T_QUEUED};
		int64_t rate = 0, workers = 0;

		if (wants_bodies(t->call->gw) && record_read(rec->body, &r, NULL) == 0) {
			record_demand(&r, &rate, &workers);
			record_free(&r);
		}
		demand_add(&t->others, rate, workers);
	}
}

static void listed(struct sq_op *op, int status)
{
	struct total *t = sq_container(op, struct total, list.op);

	if (status < 0) {
		finish(t, status);
		return;
	}
	take_page(t);
	snprintf(t->cursor, sizeof t->cursor, "%s", t->list.next);
	if (*t->cursor)
		ask_page(t);
	else
		finish(t, 0);
}

static void ask_page(struct total *t)
{
	const struct sq_host *host = t->call->gw->host;
	bool bodies = wants_bodies(t->call->gw);

	t->list = (struct sq_store_list){.op = {.done = listed, .timeout = STORE_TIMEOUT},
	                                 .live_only = true,
	                                 .heads_only = !bodies,
	                                 .cursor = t->cursor,
	                                 .limit = bodies ? BODIES : HEADS};
	call_submitted(&t->list.op, host->store->list(host->store_self, &t->list));
}

void total_ask(struct total *t)
{
	*t->cursor = '\0';
	t->others = (struct demand){0};
	if (t->call->gw->conf->max_tests || wants_bodies(t->call->gw))
		ask_page(t);
	else
		finish(t, 0);
}

void total_leave(struct total *t)
{
	if (t->counted)
		demand_remove(&t->call->gw->arriving, t->rate, t->workers);
	t->counted = false;
}
