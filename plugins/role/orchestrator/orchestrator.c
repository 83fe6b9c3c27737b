/* orchestrator.c - the plugin: takes tests from the queue, and looks after them until their end. */
#include "orchestrator.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/url.h"
#include "run.h"

#define ORCHESTRATOR_MAGIC 0x6f726368u
#define PAUSE (1 * SQ_S) /* of taking messages when the store failed */

static const struct sq_opt orchestrator_opts[] = {
    SQ_STRING(struct orchestrator_conf, target_url, "http://target-api:8000/hit",
              "The target of a test that names none, which may always be loaded.", .env = "TARGET_URL"),
    SQ_LIST(struct orchestrator_conf, allowed_targets, NULL,
            "Other targets that may be loaded, as in the gateway's option of this name; looked at again "
            "because messages may come from elsewhere."),
    SQ_INT(struct orchestrator_conf, max_rate, "100000", 0, 10000000,
           "Most requests per second of one test, over all workers; 0 = no limit."),
    SQ_INT(struct orchestrator_conf, max_workers, "100", 0, 10000, "Most workers of one test; 0 = no limit."),
    SQ_DURATION(struct orchestrator_conf, max_duration, "24h", 0, 30 * 86400 * SQ_S,
                "Longest test; 0 = no limit."),
    SQ_SIZE(struct orchestrator_conf, max_request_body, "1M", 0, 1 << 20,
            "Longest body of a request that a test sends; 0 = no limit but the plan's."),
    SQ_INT(struct orchestrator_conf, max_total_rate, "0", 0, 1000000000,
           "Most requests per second of the tests that run here, together; others wait in the queue. 0 = no "
           "limit."),
    SQ_INT(struct orchestrator_conf, max_total_workers, "0", 0, 1000000,
           "Most workers of the tests that run here, together; others wait in the queue. 0 = no limit."),
    SQ_INT(struct orchestrator_conf, max_concurrent_tests, "4", 1, 1000,
           "Tests that run here at the same time; others wait in the queue."),
    SQ_LIST(
        struct orchestrator_conf, control_urls, NULL,
        "Where workers ask for their test when this orchestrator does not answer any more: the URLs of the "
        "others, or of the service before them all, as http://host:port. Without any its workers find "
        "nobody, and their test is lost with it."),
    SQ_DURATION(struct orchestrator_conf, lease_ttl, "10s", 500 * SQ_MS, 3600 * SQ_S,
                "A test whose orchestrator is silent for so long is adopted by another one.",
                .flags = SQ_F_EXPERT),
    SQ_DURATION(struct orchestrator_conf, report_timeout, "5s", 2 * SQ_S, 600 * SQ_S,
                "A worker that is silent for longer is lost.", .flags = SQ_F_EXPERT),
    SQ_DURATION(struct orchestrator_conf, provisioning_timeout, "10m", 1 * SQ_S, 24 * 3600 * SQ_S,
                "Longest time until all workers of a test are ready."),
    SQ_INT(struct orchestrator_conf, timeline_points, "3600", 8, 100000,
           "Most points of a test's timeline, one for each second; older ones are merged then, so that each "
           "stands for more of them. They are merged also when all have more than 10 MB.",
           .flags = SQ_F_EXPERT),
    SQ_OPTS_END,
};

struct orchestrator *orchestrator_of(void *self)
{
	struct orchestrator *o = self;

	assert(o && o->magic == ORCHESTRATOR_MAGIC);
	return o;
}

void orchestrator_began(struct orchestrator *o)
{
	o->open++;
}

void orchestrator_ended(struct orchestrator *o)
{
	assert(o->open > 0);
	o->open--;
	if (o->drain && o->open == 0)
		o->host->op_done(o->host->ctx, o->drain, 0);
}

/* Whoever wrote last may have gone on while we saw nothing: adopters wait for one whole ttl. A queued test is
 * nobody's, so that messages need no more than a store that answers again. */
void orchestrator_trouble(struct orchestrator *o, int status)
{
	int64_t now = orchestrator_now(o);

	if (status != -ENOTCONN && status != -ETIMEDOUT && status != -SQ_EUNCERTAIN && status != -EIO)
		return;
	o->trouble_until = now + o->conf->lease_ttl;
	o->pause_until = now + PAUSE;
	o->host->timer_start(o->host->ctx, &o->pause, PAUSE);
	orchestrator_set_credit(o);
}

static void pause_over(struct sq_timer *t)
{
	orchestrator_set_credit(sq_container(t, struct orchestrator, pause));
}

/* Free slots. Adopted tests take slots as well, but are taken without asking for one. */
void orchestrator_set_credit(struct orchestrator *o)
{
	int64_t most = o->conf->max_concurrent_tests - *o->running;

	for (const struct link *l = o->runs.next; l != &o->runs; l = l->next)
		most += sq_container(l, const struct run, link)->delivery != NULL;
	if (most < 0 || o->drain || orchestrator_now(o) < o->pause_until)
		most = 0;
	if ((uint32_t)most == o->credit)
		return;
	o->credit = (uint32_t)most;
	o->host->transport->credit(o->host->transport_self, o->credit);
}

struct run *orchestrator_find(const struct orchestrator *o, const char *id, size_t len)
{
	for (struct link *l = o->runs.next; l != &o->runs; l = l->next) {
		struct run *r = sq_container(l, struct run, link);

		if (strlen(r->id) == len && memcmp(r->id, id, len) == 0)
			return r;
	}
	return NULL;
}

/* --- what the host brings -------------------------------------------------------------------- */

static void orchestrator_deliver(void *self, struct sq_delivery *d)
{
	take_delivery(orchestrator_of(self), d);
}

static void orchestrator_lost(void *self, struct sq_delivery *d)
{
	take_lost(orchestrator_of(self), d);
}

static void orchestrator_job_changed(void *self, const struct sq_job_state *state)
{
	struct orchestrator *o = orchestrator_of(self);
	struct run *r = orchestrator_find(o, state->id, strlen(state->id));

	if (r)
		run_job_changed(r, state);
}

/* --- life ------------------------------------------------------------------------------------ */

static int check_urls(const char *const *urls, struct sq_err *err)
{
	struct sq_err why;
	struct url url;

	for (; *urls; urls++) {
		if (url_parse(*urls, &url, &why) < 0)
			return sq_fail(err, -EINVAL, "control_urls: \"%.128s\": %.256s", *urls, why.text);
		if (strcmp(url.path, "/") != 0 || (*urls)[strlen(*urls) - 1] == '/' || strchr(*urls, ','))
			return sq_fail(err, -EINVAL, "control_urls: \"%.128s\" is more than http://host:port",
			               *urls);
	}
	return 0;
}

static int orchestrator_check(const void *conf, struct sq_err *err)
{
	const struct orchestrator_conf *c = conf;
	struct policy *p;
	int r = check_urls(c->control_urls, err);

	if (r < 0)
		return r;
	r = policy_new(c->allowed_targets, c->target_url, &p, err);

	if (r == 0)
		policy_free(p);
	return r;
}

static int orchestrator_create(const struct sq_host *host, const void *conf, void **ret_self,
                               struct sq_err *err)
{
	struct orchestrator *o = calloc(1, sizeof *o);
	int r;

	if (!o)
		return sq_fail(err, -ENOMEM, "no memory");
	o->magic = ORCHESTRATOR_MAGIC;
	o->host = host;
	o->conf = conf;
	o->limits = (struct limits){o->conf->max_rate,       o->conf->max_workers,
	                            o->conf->max_duration,   o->conf->max_request_body,
	                            o->conf->max_total_rate, o->conf->max_total_workers};
	list_init(&o->runs);
	list_init(&o->takes);
	o->pause.fire = pause_over;
	r = policy_new(o->conf->allowed_targets, o->conf->target_url, &o->policy, err);
	o->scratch = r < 0 ? NULL : books_new(0);
	if (r == 0 && !o->scratch)
		r = sq_fail(err, -ENOMEM, "no memory");
	if (r < 0) {
		policy_free(o->policy);
		free(o);
		return r;
	}
	o->running = host->gauge(host->ctx, "orchestrator_tests_running", "Tests that run here.");
	o->ended = host->counter(host->ctx, "orchestrator_tests_ended_total", "Tests that ended here.");
	o->adopted = host->counter(host->ctx, "orchestrator_tests_adopted_total",
	                           "Tests taken over from another orchestrator.");
	o->dead = host->counter(host->ctx, "orchestrator_dead_messages_total", "Messages that were refused.");
	*ret_self = o;
	return 0;
}

static int orchestrator_start(void *self, struct sq_err *err)
{
	struct orchestrator *o = orchestrator_of(self);

	o->clock = orchestrator_wall(o) * SQ_MS - orchestrator_now(o);
	if ((o->host->transport->caps & SQ_TRANSPORT_REMOTE) && (o->host->store->caps & SQ_STORE_MACHINE))
		SQ_WARN(o->host, NULL,
		        "records are kept on this machine alone: a test that runs is lost when its "
		        "state_dir goes, as that of a pod does, and no gateway elsewhere sees its result; "
		        "set REDIS_HOST, or put state_dir on a volume that stays");
	if (sweep_start(o) < 0)
		return sq_fail(err, -ENOMEM, "no memory");
	orchestrator_set_credit(o);
	return 0;
}

static void orchestrator_drain(void *self, struct sq_op *op)
{
	struct orchestrator *o = orchestrator_of(self);
	struct link *next;

	o->drain = op;
	sweep_stop(o);
	orchestrator_set_credit(o);
	orchestrator_began(o); /* until the end of this function */
	for (struct link *l = o->runs.next; l != &o->runs; l = next) {
		struct run *r = sq_container(l, struct run, link);

		next = l->next;
		test_shutdown(&r->test, orchestrator_now(o));
		if (r->test.given_up) /* whoever has it next asks again */
			run_drop_job(r);
		run_pump(r);
	}
	orchestrator_ended(o);
}

static void orchestrator_probe(void *self, struct sq_op *op, struct sq_err *err)
{
	struct orchestrator *o = orchestrator_of(self);

	knock(&o->knock, o->host, o->conf->target_url, op, err);
}

static void orchestrator_destroy(void *self)
{
	struct orchestrator *o = orchestrator_of(self);

	assert(list_empty(&o->runs) && list_empty(&o->takes));
	o->host->timer_stop(o->host->ctx, &o->pause);
	sweep_free(o);
	policy_free(o->policy);
	books_free(o->scratch);
	o->magic = 0;
	free(o);
}

static const struct sq_route orchestrator_routes[] = {{.method = "POST",
                                                       .path = "/control/tests/{id}/workers",
                                                       .handle = handle_register,
                                                       .help = "A worker asks for its place and the plan."},
                                                      {.method = "POST",
                                                       .path = "/control/tests/{id}/workers/{uid}",
                                                       .handle = handle_report,
                                                       .max_body = REPORT_TEXT_MAX,
                                                       .help = "A worker reports, and is told what to do."},
                                                      {.method = NULL}};

static const struct sq_role orchestrator_role = {
    .size = sizeof(struct sq_role),
    .needs = SQ_NEEDS_TRANSPORT | SQ_NEEDS_STORE | SQ_NEEDS_SCHEDULER | SQ_NEEDS_LISTENER,
    .routes = orchestrator_routes,
    .deliver = orchestrator_deliver,
    .lost = orchestrator_lost,
    .job_changed = orchestrator_job_changed,
};

SQ_PLUGIN(role, SQ_ROLE, orchestrator, .version = PACKAGE_VERSION,
          .summary = "Runs the tests of the queue: workers, their start, their results",
          .opts = orchestrator_opts, .conf_size = sizeof(struct orchestrator_conf),
          .check = orchestrator_check, .create = orchestrator_create, .start = orchestrator_start,
          .drain = orchestrator_drain, .destroy = orchestrator_destroy, .probe = orchestrator_probe,
          .vt.role = &orchestrator_role);
