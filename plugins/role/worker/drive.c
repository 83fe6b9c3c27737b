/* drive.c - one load of this process, from the target's name to the last answer. */
#include "drive.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "finder.h"
#include "pacer.h"
#include "request.h"

#define DRIVE_MAGIC 0x64726976u
#define DRIVE_STOP_DRAIN (2 * SQ_S) /* longest wait for answers once it was stopped */

struct drive {
	uint32_t magic;
	struct drive_setup set;
	enum drive_stage stage;
	bool stopping;

	struct finder finder;

	struct messages messages;
	struct schedule schedule;
	struct engine *engine;
	enum plan_timer timer;
	struct sq_timer limit; /* the end of the schedule or of the drain */
	struct machine_marks marks;

	int64_t t0; /* monotonic ns */
	int64_t stopped; /* the same: the end of the schedule, or the stop; 0 before */
};

static struct drive *drive_of(void *owner)
{
	struct drive *d = owner;

	assert(d && d->magic == DRIVE_MAGIC);
	return d;
}

/* --- the end --------------------------------------------------------------------------------- */

static void drive_end(struct drive *d)
{
	d->stage = DRIVE_OVER;
	finder_stop(&d->finder);
	if (d->engine)
		engine_close(d->engine);
	d->set.ended(d->set.owner);
}

static void drive_fail(struct drive *d, const char *reason, const char *detail)
{
	d->stage = DRIVE_OVER;
	d->set.prepared(d->set.owner, reason, detail);
}

static void drive_limit(struct sq_timer *t)
{
	drive_end(sq_container(t, struct drive, limit));
}

/* --- the load -------------------------------------------------------------------------------- */

/* The schedule lasts for its whole duration, also behind the last request; then answers are
 * awaited. */
static void drive_scheduled(void *owner)
{
	struct drive *d = drive_of(owner);
	const struct sq_host *h = d->set.host;
	int64_t now = h->now(h->ctx), end = d->t0 + drive_span(d);

	if (d->stopping)
		return;
	d->stage = DRIVE_DRAINING;
	/* The closed model ends with its last request, when it was told how many. */
	d->stopped = now > end || d->schedule.closed ? now : end;
	h->timer_start(h->ctx, &d->limit, d->stopped - now + d->set.plan->drain);
}

static void drive_ended(void *owner)
{
	struct drive *d = drive_of(owner);
	const struct sq_host *h = d->set.host;
	int64_t now = h->now(h->ctx);

	h->timer_start(h->ctx, &d->limit, d->stopped > now ? d->stopped - now : 0);
}

int drive_start(struct drive *d, const struct slots *slots, uint64_t until_tick, int64_t t0)
{
	struct engine_setup setup = {.loop = d->set.host->loop,
	                             .plan = d->set.plan,
	                             .schedule = &d->schedule,
	                             .slots = slots,
	                             .until_tick = until_tick < d->schedule.total ? until_tick
	                                                                          : d->schedule.total,
	                             .addresses = &d->finder.addresses,
	                             .tls = d->finder.tls,
	                             .messages = &d->messages,
	                             .timer = d->timer,
	                             .t0 = t0,
	                             .accounts = d->set.accounts,
	                             .scheduled = drive_scheduled,
	                             .ended = drive_ended,
	                             .owner = d};
	int r;

	assert(d->stage == DRIVE_PREPARED);
	accounts_begin(d->set.accounts, t0, d->schedule.warmup);
	r = engine_new(&setup, &d->engine);
	if (r < 0)
		return r;
	d->stage = DRIVE_LOADING;
	d->t0 = t0;
	machine_read("", clock_now(), &d->marks);
	return 0;
}

void drive_extend(struct drive *d, const struct slots *slots, uint64_t until_tick)
{
	if (d->stage == DRIVE_LOADING)
		engine_extend(d->engine, slots, until_tick);
}

void drive_stop(struct drive *d)
{
	const struct sq_host *h = d->set.host;
	int64_t now = h->now(h->ctx), drain = d->set.plan->drain;

	if (d->stopping || d->stage == DRIVE_OVER)
		return;
	d->stopping = true;
	if (d->engine) {
		d->stage = DRIVE_DRAINING;
		/* In the drain the schedule has ended already. */
		d->stopped = d->stopped && d->stopped < now ? d->stopped : now;
		h->timer_start(h->ctx, &d->limit, drain < DRIVE_STOP_DRAIN ? drain : DRIVE_STOP_DRAIN);
		engine_stop(d->engine);
	} else {
		drive_end(d);
	}
}

/* --- before the load ------------------------------------------------------------------------- */

static void drive_found(struct finder *f, const char *reason, const char *detail)
{
	struct drive *d = sq_container(f, struct drive, finder);

	if (reason) {
		drive_fail(d, reason, detail);
		return;
	}
	d->stage = DRIVE_PREPARED;
	d->set.prepared(d->set.owner, NULL, NULL);
}

static void drive_moved(struct finder *f)
{
	struct drive *d = sq_container(f, struct drive, finder);

	if (d->engine && d->stage != DRIVE_OVER)
		engine_moved(d->engine);
}

static void drive_looked_up(struct finder *f, int64_t ns)
{
	const struct drive *d = sq_container(f, struct drive, finder);

	if (d->stage != DRIVE_OVER)
		books_looked_up(d->set.accounts->common, ns);
}

int drive_new(const struct drive_setup *setup, struct drive **ret, struct sq_err *err)
{
	const struct sq_host *h = setup->host;
	const struct plan *plan = setup->plan;
	struct drive *d = calloc(1, sizeof *d);
	int r;

	if (!d)
		return sq_fail(err, -ENOMEM, "not enough memory for a load");
	d->magic = DRIVE_MAGIC;
	d->set = *setup;
	d->limit.fire = drive_limit;
	d->timer = pacer_mode((enum plan_timer)plan->timer, machine_whole_cpu(""));
	d->finder = (struct finder){.host = h,
	                            .plan = plan,
	                            .test_id = setup->test_id,
	                            .found = drive_found,
	                            .moved = drive_moved,
	                            .looked_up = drive_looked_up};
	plan_schedule(plan, &d->schedule);
	r = messages_init(&d->messages, plan, h->version, setup->test_id);
	r = r < 0 ? sq_fail(err, r, "cannot begin the load (%s)", strerror(-r))
	          : finder_start(&d->finder, err);
	if (r < 0) {
		drive_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void drive_free(struct drive *d)
{
	if (!d)
		return;
	d->set.host->timer_stop(d->set.host->ctx, &d->limit);
	engine_free(d->engine);
	finder_free(&d->finder);
	messages_free(&d->messages);
	d->magic = 0;
	free(d);
}

/* --- how it goes ----------------------------------------------------------------------------- */

enum drive_stage drive_stage(const struct drive *d)
{
	return d->stage;
}

enum plan_timer drive_timer(const struct drive *d)
{
	return d->timer;
}

int64_t drive_span(const struct drive *d)
{
	return d->schedule.warmup + d->schedule.end;
}

uint32_t drive_addresses(const struct drive *d)
{
	return d->finder.addresses.count;
}

int64_t drive_start_lag(const struct drive *d)
{
	return d->engine ? engine_start_lag(d->engine) : -1;
}

void drive_vitals(struct drive *d, struct vitals *v)
{
	const struct sq_host *h = d->set.host;
	int64_t until = d->stopped ? d->stopped : h->now(h->ctx),
	        last_sent = accounts_last_sent(d->set.accounts);

	*v = (struct vitals){.health = MACHINE_UNKNOWN};
	if (!d->engine)
		return;
	v->from = d->marks;
	v->warmup = d->schedule.warmup;
	v->elapsed = until - d->t0 > v->warmup ? until - d->t0 - v->warmup : 0;
	v->elapsed = last_sent > v->elapsed ? last_sent : v->elapsed;
	engine_tally(d->engine);
	v->spun = engine_health(d->engine, &v->health);
}

/* A long wait for the last answers would thin out what happened in the load, so the time is that of the
 * load alone. */
void vitals_measure(struct vitals *v)
{
	struct machine_marks now;

	if (v->from.at) {
		machine_read("", clock_now(), &now);
		machine_between(&v->from, &now, &v->health);
	}
	v->health.elapsed = v->warmup + v->elapsed;
	if (v->health.cpu >= 0)
		v->health.cpu = v->health.cpu > v->spun ? v->health.cpu - v->spun : 0;
}
