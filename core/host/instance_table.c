/* instance_table.c - struct sq_host as one plugin sees it. */
#include "instance_table.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "core/base/text.h"

#include "log.h"
#include "metrics.h"

#define INSTANCE_MAGIC 0x74736e69u

static struct instance *instance_of(void *ctx)
{
	struct instance *i = ctx;

	assert(i && i->magic == INSTANCE_MAGIC);
	return i;
}

static const char *get_url(void *ctx)
{
	struct instance *i = instance_of(ctx);

	if (!i->server)
		return NULL;
	if (*i->conf->listener->advertise)
		return i->conf->listener->advertise;
	return i->url;
}

static int64_t get_now(void *ctx)
{
	(void)ctx;
	return loop_now();
}

static int64_t get_wall(void *ctx)
{
	(void)ctx;
	return loop_wall();
}

static void timer_start(void *ctx, struct sq_timer *t, int64_t delay)
{
	loop_timer_start(instance_of(ctx)->process->loop, t, delay);
}

static void timer_stop(void *ctx, struct sq_timer *t)
{
	loop_timer_stop(instance_of(ctx)->process->loop, t);
}

static void post(void *ctx, struct sq_post *p)
{
	loop_post(instance_of(ctx)->process->loop, p);
}

static void later(void *ctx, struct sq_post *p)
{
	loop_later(instance_of(ctx)->process->loop, p);
}

static void unpost(void *ctx, struct sq_post *p)
{
	loop_unpost(instance_of(ctx)->process->loop, p);
}

static int work(void *ctx, struct sq_work *w)
{
	struct instance *i = instance_of(ctx);

	if (i->in_destroy)
		return -ECANCELED;
	pool_work(i->process->pool, &i->work, w);
	return 0;
}

static void SQ_PRINTF(4, 5)
    log_line(void *ctx, enum sq_level level, const struct sq_kv *kv, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vevent(instance_of(ctx)->name, level, kv, fmt, ap);
	va_end(ap);
}

static int64_t *counter(void *ctx, const char *name, const char *help)
{
	(void)ctx;
	return metrics_counter(name, help);
}

static int64_t *gauge(void *ctx, const char *name, const char *help)
{
	(void)ctx;
	return metrics_gauge(name, help);
}

static void set_ready(void *ctx, int yes, const char *why)
{
	struct instance *i = instance_of(ctx);
	enum instance_ready now = yes ? READY_YES : READY_NO;
	bool changed = now != i->ready;

	i->ready = now;
	text_safe(i->why, sizeof i->why, why ? why : "", why ? strlen(why) : 0);
	if (changed)
		i->process->ready_changed(i->process);
}

static void stop(void *ctx, int exit_code)
{
	struct process *p = instance_of(ctx)->process;

	p->stop(p, exit_code);
}

static void op_done(void *ctx, struct sq_op *op, int status)
{
	ops_done(instance_of(ctx)->process->ops, op, status);
}

static void cancel(void *ctx, struct sq_op *op)
{
	ops_cancel(instance_of(ctx)->process->ops, op);
}

/* To nobody when the role is gone: the lock expires, and the message comes again elsewhere. */
static void deliver(void *ctx, struct sq_delivery *d)
{
	struct instance *to = instance_of(ctx)->process->taker;

	if (to)
		to->role.deliver(to->self, d);
}

static void lost(void *ctx, struct sq_delivery *d)
{
	struct instance *to = instance_of(ctx)->process->taker;

	if (to && to->role.lost)
		to->role.lost(to->self, d);
}

static void job_changed(void *ctx, const struct sq_job_state *state)
{
	struct instance *to = instance_of(ctx)->process->job_taker;

	if (to)
		to->role.job_changed(to->self, state);
}

static const struct sq_host calls = {
    .size = sizeof(struct sq_host),
    .version = PACKAGE_VERSION,
    .url = get_url,
    .now = get_now,
    .wall = get_wall,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .post = post,
    .later = later,
    .unpost = unpost,
    .work = work,
    .log = log_line,
    .counter = counter,
    .gauge = gauge,
    .ready = set_ready,
    .stop = stop,
    .op_done = op_done,
    .cancel = cancel,
    .deliver = deliver,
    .lost = lost,
    .job_changed = job_changed,
};

void instance_table_init(struct instance *i)
{
	i->magic = INSTANCE_MAGIC;
	i->table = calls;
	i->table.ctx = i;
	i->table.state_dir = i->process->state_dir;
	i->table.instance = i->process->name;
	i->table.loop = i->process->loop->ev;
}

static void link_to(struct instance *i, struct proxy *p, const struct instance *carrier)
{
	proxy_init(p, i->process->ops, carrier->conf->desc, carrier->self, i->name);
	p->takes_deliveries = i->role.deliver != NULL;
}

void instance_table_link(struct instance *i)
{
	const struct process *p = i->process;

	i->table.http = &http_server_calls;
	if (p->store) {
		link_to(i, &i->store, p->store);
		i->table.store = &i->store.face.store;
		i->table.store_self = &i->store;
	}
	if (p->transport) {
		link_to(i, &i->transport, p->transport);
		i->table.transport = &i->transport.face.transport;
		i->table.transport_self = &i->transport;
	}
	if (p->scheduler) {
		link_to(i, &i->scheduler, p->scheduler);
		i->table.scheduler = &i->scheduler.face.scheduler;
		i->table.scheduler_self = &i->scheduler;
	}
}
