/*
 * role_probe.c - a role that uses everything the host gives, as its routes are asked to.
 *
 * GET /probe walks through timer, later, post, work, store, transport and scheduler, one after the
 * other, and answers with what it saw. POST /probe/{act} does one thing that a test needs.
 */
#include "fake.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct probe {
	struct fake fake; /* first: the fakes' life is ours */
	struct sq_http *asked, *slow, *held;
	char seen[256];
	struct sq_timer timer, slow_timer;
	struct sq_post later, post;
	struct sq_work work, hanging;
	struct sq_store_count count, stuck;
	struct sq_counter counter, stuck_counter;
	struct sq_publish publish;
	struct sq_settling settling;
	struct sq_job_rq job;
	pthread_t thread;
	struct sq_op *drain;
};

static struct probe *probe_of(void *self)
{
	return self;
}

static void saw(struct probe *p, const char *what)
{
	size_t n = strlen(p->seen);

	snprintf(p->seen + n, sizeof p->seen - n, "%s%s", n ? " " : "", what);
}

/* --- GET /probe: each step starts the next --- */

static void answer(struct probe *p)
{
	const struct sq_host *host = p->fake.host;
	char body[512];
	int n = snprintf(body, sizeof body, "%s\nurl %s\ninstance %s\nstate_dir %s\n", p->seen,
	                 host->url(host->ctx), host->instance, host->state_dir ? host->state_dir : "-");

	host->http->reply(p->asked, 200, "text/plain", body, (size_t)n);
	p->asked = NULL;
}

static void job_changed(void *self, const struct sq_job_state *state)
{
	saw(probe_of(self), state->phase == SQ_JOB_ENDED ? "job_changed" : "wrong phase");
}

static void job_stopped(struct sq_op *op, int status)
{
	struct probe *p = sq_container(op, struct probe, job.op);

	saw(p, status == 0 ? "scheduler" : "scheduler failed");
	answer(p);
}

static void settled(struct sq_op *op, int status)
{
	struct probe *p = sq_container(op, struct probe, settling.op);
	const struct sq_host *host = p->fake.host;

	saw(p, status == 0 ? "settled" : "settle failed");
	p->job = (struct sq_job_rq){.op.done = job_stopped, .id = "t1", .fence = 1};
	if (host->scheduler->stop(host->scheduler_self, &p->job) < 0)
		saw(p, "scheduler refused");
}

static void deliver(void *self, struct sq_delivery *d)
{
	struct probe *p = probe_of(self);
	const struct sq_host *host = p->fake.host;

	saw(p, strcmp(d->msg.id, "t1") == 0 ? "delivered" : "wrong message");
	p->settling = (struct sq_settling){.op.done = settled, .delivery = d, .how = SQ_ACK};
	if (host->transport->settle(host->transport_self, &p->settling) < 0)
		saw(p, "settle refused");
}

static void lost(void *self, struct sq_delivery *d)
{
	(void)d;
	saw(probe_of(self), "lost");
}

static void published(struct sq_op *op, int status)
{
	struct probe *p = sq_container(op, struct probe, publish.op);
	const struct sq_host *host = p->fake.host;

	saw(p, status == 0 ? "published" : "publish failed");
	host->transport->credit(host->transport_self, 1);
}

static void counted(struct sq_op *op, int status)
{
	struct probe *p = sq_container(op, struct probe, count.op);
	const struct sq_host *host = p->fake.host;

	saw(p, status == 0 && p->counter.value > 0 ? "store" : "store failed");
	p->publish = (struct sq_publish){.op.done = published, .msg.id = "t1", .msg.edition = 1};
	if (host->transport->publish(host->transport_self, &p->publish) < 0)
		saw(p, "publish refused");
}

static void worked(struct sq_op *op, int status)
{
	struct probe *p = sq_container(op, struct probe, work.op);
	const struct sq_host *host = p->fake.host;

	saw(p, status == 5 ? "work" : "work failed");
	p->counter = (struct sq_counter){.name = SQ_COUNTER_HITS, .n = 1};
	p->count = (struct sq_store_count){
	    .op = {.done = counted, .timeout = 5 * SQ_S}, .items = &p->counter, .count = 1};
	if (host->store->add(host->store_self, &p->count) < 0)
		saw(p, "store refused");
}

static int run(struct sq_work *w)
{
	(void)w;
	return 5;
}

static void on_post(struct sq_post *post)
{
	struct probe *p = sq_container(post, struct probe, post);
	const struct sq_host *host = p->fake.host;

	pthread_join(p->thread, NULL);
	saw(p, "post");
	p->work = (struct sq_work){.op.done = worked, .run = run, .what = "nap", .lane = SQ_LANE_CPU};
	host->work(host->ctx, &p->work);
}

static void *post_from_thread(void *arg)
{
	struct probe *p = arg;

	p->fake.host->post(p->fake.host->ctx, &p->post);
	return NULL;
}

static void on_later(struct sq_post *later)
{
	struct probe *p = sq_container(later, struct probe, later);

	saw(p, "later");
	p->post.run = on_post;
	if (pthread_create(&p->thread, NULL, post_from_thread, p) != 0)
		saw(p, "no thread");
}

static void on_timer(struct sq_timer *t)
{
	struct probe *p = sq_container(t, struct probe, timer);

	saw(p, "timer");
	p->later.run = on_later;
	p->fake.host->later(p->fake.host->ctx, &p->later);
}

static void walk(void *self, struct sq_http *rq)
{
	struct probe *p = probe_of(self);
	const struct sq_host *host = p->fake.host;

	p->asked = rq;
	p->seen[0] = '\0';
	p->timer.fire = on_timer;
	host->timer_start(host->ctx, &p->timer, 1 * SQ_MS);
}

/* --- POST /probe/{act} --- */

static void ignore(struct sq_op *op, int status)
{
	(void)op, (void)status;
}

static int run_for_ever(struct sq_work *w)
{
	(void)w;
	for (;;)
		pause();
	return 0;
}

static void slow_over(struct sq_timer *t)
{
	struct probe *p = sq_container(t, struct probe, slow_timer);
	const struct sq_host *host = p->fake.host;

	host->http->reply(p->slow, 200, "text/plain", "at last\n", 8);
	host->op_done(host->ctx, p->drain, 0);
}

static void hang_op(struct probe *p)
{
	const struct sq_host *host = p->fake.host;

	p->stuck_counter = (struct sq_counter){.name = "stuck", .n = 1};
	p->stuck = (struct sq_store_count){.op.done = ignore, .items = &p->stuck_counter, .count = 1};
	host->store->add(host->store_self, &p->stuck);
}

static void hang_work(struct probe *p)
{
	const struct sq_host *host = p->fake.host;

	p->hanging = (struct sq_work){
	    .op.done = ignore, .run = run_for_ever, .what = "endless nap", .lane = SQ_LANE_DISK};
	host->work(host->ctx, &p->hanging);
}

static void act(void *self, struct sq_http *rq)
{
	struct probe *p = probe_of(self);
	const struct sq_host *host = p->fake.host;
	char word[32];

	snprintf(word, sizeof word, "%.*s", (int)rq->params[0].len, rq->params[0].data);
	if (strcmp(word, "slow") == 0) {
		p->slow = rq; /* until drain() */
		return;
	}
	if (strcmp(word, "hold") == 0) {
		p->held = rq;
		return;
	}
	if (strcmp(word, "hang-op") == 0)
		hang_op(p);
	else if (strcmp(word, "hang-work") == 0)
		hang_work(p);
	else if (strcmp(word, "ready") == 0)
		host->ready(host->ctx, 1, NULL);
	else if (strcmp(word, "unready") == 0)
		host->ready(host->ctx, 0, "told so");
	else if (strcmp(word, "stop") == 0)
		host->stop(host->ctx, 7);
	host->http->reply(rq, 204, NULL, NULL, 0);
}

/* --- life --- */

static int create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct probe *p;
	void *fake = NULL;
	int r = fake_create(host, conf, &fake, err);

	if (r < 0)
		return r;
	p = realloc(fake, sizeof *p);
	if (!p) {
		free(fake);
		return sq_fail(err, -ENOMEM, "not enough memory");
	}
	memset((char *)p + sizeof p->fake, 0, sizeof *p - sizeof p->fake);
	++*host->counter(host->ctx, "probes_total", "Probes made.");
	*ret_self = p;
	return 0;
}

static void drain(void *self, struct sq_op *op)
{
	struct probe *p = probe_of(self);

	p->drain = op;
	p->slow_timer.fire = slow_over;
	if (p->slow)
		p->fake.host->timer_start(p->fake.host->ctx, &p->slow_timer, 50 * SQ_MS);
	else
		fake_drain(&p->fake, op);
}

/* The host has answered what was held long ago; the handle has to be given back all the same. */
static void destroy(void *self)
{
	struct probe *p = probe_of(self);

	if (p->held)
		p->fake.host->http->reply(p->held, 200, NULL, NULL, 0);
	fake_destroy(self);
}

static const struct sq_route routes[] = {
    {.method = "GET", .path = "/probe", .handle = walk, .help = "Uses everything."},
    {.method = "POST", .path = "/probe/{act}", .handle = act, .help = "Does one thing."},
    {.method = NULL}};
static const struct sq_role role = {.size = sizeof role,
                                    .needs = SQ_NEEDS_STORE | SQ_NEEDS_TRANSPORT | SQ_NEEDS_SCHEDULER,
                                    .routes = routes,
                                    .deliver = deliver,
                                    .lost = lost,
                                    .job_changed = job_changed};

SQ_PLUGIN(role, SQ_ROLE, probe, .version = "1", .summary = "For tests: uses everything the host gives.",
          .opts = fake_opts, .conf_size = sizeof(struct fake_conf), .create = create, .start = fake_start,
          .drain = drain, .destroy = destroy, .vt.role = &role);
