/* store_host.c - a host for one store in a unit test. */
#include "store_host.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int64_t now(void *ctx)
{
	return ((struct store_host *)ctx)->now;
}

static int64_t wall(void *ctx)
{
	return 1700000000000LL + now(ctx) / SQ_MS;
}

static void timer_stop(void *ctx, struct sq_timer *t)
{
	struct store_host *h = ctx;

	for (unsigned i = 0; i < SQ_LEN(h->timers); i++)
		if (h->timers[i] == t)
			h->timers[i] = NULL;
}

static void timer_start(void *ctx, struct sq_timer *t, int64_t delay)
{
	struct store_host *h = ctx;
	unsigned i = 0;

	timer_stop(ctx, t);
	while (h->timers[i])
		i++;
	h->timers[i] = t;
	h->due[i] = h->now + delay;
}

static void later(void *ctx, struct sq_post *p)
{
	struct store_host *h = ctx;

	assert(h->later == NULL || h->later == p); /* the store has one */
	h->later = p;
}

static void unpost(void *ctx, struct sq_post *p)
{
	struct store_host *h = ctx;

	if (h->later == p)
		h->later = NULL;
}

static int work(void *ctx, struct sq_work *w)
{
	struct store_host *h = ctx;

	assert(h->work == NULL); /* one at a time */
	h->work = w;
	return 0;
}

static void log_line(void *ctx, enum sq_level level, const struct sq_kv *kv, const char *fmt, ...)
{
	struct store_host *h = ctx;
	va_list ap;

	(void)kv;
	h->errors += level <= SQ_L_WARN;
	h->infos += level == SQ_L_INFO;
	va_start(ap, fmt);
	vsnprintf(h->line, sizeof h->line, fmt, ap);
	va_end(ap);
}

static void ready(void *ctx, int yes, const char *why)
{
	(void)why;
	((struct store_host *)ctx)->ready = yes;
}

static void op_done(void *ctx, struct sq_op *op, int status)
{
	struct store_host *h = ctx;

	if (!h->submitting) {
		op->done(op, status);
		return;
	}
	assert(h->ended_count < SQ_LEN(h->ended));
	h->ended[h->ended_count].op = op;
	h->ended[h->ended_count++].status = status;
}

void store_host_init(struct store_host *h, const char *state_dir)
{
	*h = (struct store_host){.ready = -1};
	h->host = (struct sq_host){.size = sizeof h->host,
	                           .ctx = h,
	                           .version = "test",
	                           .state_dir = state_dir,
	                           .instance = "unit",
	                           .now = now,
	                           .wall = wall,
	                           .timer_start = timer_start,
	                           .timer_stop = timer_stop,
	                           .later = later,
	                           .unpost = unpost,
	                           .work = work,
	                           .log = log_line,
	                           .ready = ready,
	                           .op_done = op_done};
}

static bool fire_timers(struct store_host *h)
{
	bool fired = false;

	for (unsigned i = 0; i < SQ_LEN(h->timers); i++) {
		struct sq_timer *t = h->timers[i];

		if (t == NULL || h->due[i] > h->now)
			continue;
		h->timers[i] = NULL;
		t->fire(t);
		fired = true;
	}
	return fired;
}

static bool run_work(struct store_host *h)
{
	struct sq_work *w = h->work;

	if (w == NULL || h->hold)
		return false;
	h->work = NULL;
	w->op.done(&w->op, w->run(w));
	return true;
}

static bool end_ops(struct store_host *h)
{
	unsigned n = h->ended_count;

	h->ended_count = 0;
	for (unsigned i = 0; i < n; i++)
		h->ended[i].op->done(h->ended[i].op, h->ended[i].status);
	return n > 0;
}

bool host_turn(struct store_host *h)
{
	struct sq_post *p;
	bool busy = fire_timers(h);

	p = h->later;
	h->later = NULL;
	if (p)
		p->run(p);
	busy |= run_work(h);
	busy |= end_ops(h);
	return busy || p;
}

void host_settle(struct store_host *h)
{
	while (host_turn(h))
		;
}

void host_pass(struct store_host *h, int64_t ns)
{
	h->now += ns;
	host_settle(h);
}
