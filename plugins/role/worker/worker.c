/*
 * worker.c - the role "worker": drives the load of one plan.
 *
 * With control_url it serves the orchestrator there: the plan, the time to begin and its share come from
 * it, and what was measured goes to it (session.h). Otherwise it is on its own: the plan comes from the
 * options, i.e. TARGET_URL, HITS_PER_SEC and DURATION_SEC, and the result is printed (run.h). The process
 * ends with the load.
 */
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include <squall/plugin.h>

#include "plugins/common/doc.h"
#include "plugins/common/knock.h"
#include "plugins/common/plan.h"
#include "run.h"
#include "session.h"

#define WORKER_MAGIC 0x776f726bu

struct worker_conf {
	const char *target_url;
	int64_t hits_per_sec, duration_sec;
	const char *method;
	int64_t timeout, patience, drain;
	int64_t max_connections, max_in_flight;
	int timer;
	int output;
	const char *plan;
	bool strict, allow_invalid;
	const char *const *control_url;
	const char *test_id, *token, *worker;
	bool park;
};

struct worker {
	uint32_t magic;
	const struct sq_host *host;
	const struct worker_conf *conf;
	struct plan *plan;
	struct run *run; /* on its own */
	struct session *session; /* under an orchestrator */
	bool over;
	struct sq_op *drained; /* completed when the run is over */
	struct knock knock; /* of -t --connect */
};

static const char *const output_words[] = {"text", "json", NULL}; /* enum run_output */

static const struct sq_opt worker_opts[] = {
    SQ_STRING(struct worker_conf, target_url, "http://target-api:8000/hit", "URL to load.",
              .env = "TARGET_URL"),
    SQ_INT(struct worker_conf, hits_per_sec, "10", 1, 10000000, "Requests per second.",
           .env = "HITS_PER_SEC"),
    SQ_INT(struct worker_conf, duration_sec, "60", 1, 2592000, "How long to load, in seconds.",
           .env = "DURATION_SEC"),
    SQ_STRING(struct worker_conf, method, "POST", "HTTP method."),
    SQ_DURATION(struct worker_conf, timeout, "30s", SQ_MS, 1800 * SQ_S,
                "Longest wait for an answer, from the first byte sent to the last one received."),
    SQ_DURATION(
        struct worker_conf, patience, "0s", 0, 1800 * SQ_S,
        "Longest wait of a due request for a connection; then it is dropped, and counted. 0: the timeout.",
        .flags = SQ_F_EXPERT),
    SQ_DURATION(struct worker_conf, drain, "0s", 0, 3600 * SQ_S,
                "Longest wait for answers after the last request. 0: the timeout.", .flags = SQ_F_EXPERT),
    SQ_INT(struct worker_conf, max_connections, "1000", 1, 1000000, "Most connections to the target."),
    SQ_INT(struct worker_conf, max_in_flight, "0", 0, 1000000,
           "Most requests that are due and not ended; further ones are dropped, and counted. 0: the plan's "
           "default.",
           .flags = SQ_F_EXPERT),
    SQ_ENUM(struct worker_conf, timer, "auto", plan_timer_name,
            "How exactly requests leave: precise (microseconds, up to one CPU), balanced, economy "
            "(milliseconds). "
            "auto: precise with a whole CPU, else balanced."),
    SQ_SECRET(
        struct worker_conf, plan,
        "The plan of a worker on its own, as JSON text with the fields of POST /tests, but for workers. What "
        "it leaves out is that of the options above; they give no rate to stages or the closed model, and no "
        "duration to stages or max_requests. It may hold keys, so it is not written into the file itself.",
        .flags = SQ_F_EXPERT, .env = "SQUALL_PLAN"),
    SQ_ENUM(struct worker_conf, output, "text", output_words,
            "text: progress and result for people. json: the result document alone."),
    SQ_BOOL(struct worker_conf, strict, "false",
            "Exit with 98 also when the generator's verdict is suspect."),
    SQ_BOOL(struct worker_conf, allow_invalid, "false", "Never exit with 98 for the generator's verdict."),
    SQ_LIST(
        struct worker_conf, control_url, NULL,
        "Orchestrators to serve, as http://host:port; the next one is asked when one does not answer. The "
        "plan comes from there, and the options above are not used. The scheduler sets this and what "
        "follows. Empty: run the options' own plan.",
        .flags = SQ_F_EXPERT, .env = "SQUALL_CONTROL_URL"),
    SQ_STRING(struct worker_conf, test_id, "", "The test to serve.", .flags = SQ_F_EXPERT,
              .env = "SQUALL_TEST_ID"),
    SQ_SECRET(struct worker_conf, token, "What proves to the orchestrator that this worker is the test's.",
              .flags = SQ_F_EXPERT, .env = "SQUALL_TOKEN"),
    SQ_STRING(struct worker_conf, worker, "", "The name of this process with the scheduler.",
              .flags = SQ_F_EXPERT, .env = "SQUALL_WORKER"),
    SQ_BOOL(struct worker_conf, park, "false",
            "Do nothing more when the test is over, and wait for SIGTERM: for platforms that start anew what "
            "ends. Only with control_url.",
            .flags = SQ_F_EXPERT, .env = "SQUALL_PARK"),
    SQ_OPTS_END,
};

static struct worker *worker_of(void *self)
{
	struct worker *w = self;

	assert(w && w->magic == WORKER_MAGIC);
	return w;
}

/* --- the plan -------------------------------------------------------------------------------- */

/* The option plan as it was given, or an empty one. */
static int worker_given(const struct worker_conf *c, struct json_object **ret, struct sq_err *err)
{
	struct json_object *o = NULL;
	struct sq_err why;

	if (!*c->plan)
		o = json_object_new_object();
	else if (doc_parse((struct sq_slice){c->plan, strlen(c->plan)}, PLAN_DEPTH_MAX, &o, &why) < 0)
		return sq_fail(err, -EINVAL, "plan is not JSON: %s", why.text);
	if (!o && !*c->plan)
		return sq_fail(err, -ENOMEM, "not enough memory for the plan");
	if (!json_object_is_type(o, json_type_object)) { /* the word null is NULL */
		json_object_put(o);
		return sq_fail(err, -EINVAL, "plan must be a JSON object");
	}
	*ret = o;
	return 0;
}

/* A member that is null is not given. */
static bool worker_has(struct json_object *o, const char *name)
{
	return json_object_object_get(o, name) != NULL;
}

static bool worker_is_closed(struct json_object *o)
{
	struct json_object *mode = json_object_object_get(o, "mode");

	return json_object_is_type(mode, json_type_string) &&
	       strcmp(json_object_get_string(mode), plan_mode_name[PLAN_CLOSED]) == 0;
}

/* The options about how much and how long: their defaults must not stand beside what means something else. */
static bool worker_put_load(const struct worker_conf *c, struct json_object *o)
{
	struct json_object *stages = json_object_object_get(o, "stages");
	bool good = true,
	     shaped = json_object_is_type(stages, json_type_array) && json_object_array_length(stages) > 0,
	     counted = json_object_get_int64(json_object_object_get(o, "max_requests")) != 0;

	if (!shaped && !worker_has(o, "hits_per_sec") && !worker_is_closed(o))
		good = doc_put_count(o, "hits_per_sec", (uint64_t)c->hits_per_sec);
	if (!shaped && !counted && !worker_has(o, "duration_sec"))
		good = good && doc_put_count(o, "duration_sec", (uint64_t)c->duration_sec);
	return good;
}

static bool worker_put_limits(const struct worker_conf *c, struct json_object *o)
{
	bool good = true;

	if (!worker_has(o, "timeout_ms") && !worker_has(json_object_object_get(o, "timeouts_ms"), "total"))
		good = doc_put_decimal(o, "timeout_ms", c->timeout, 6);
	if (!worker_has(o, "max_connections"))
		good = good && doc_put_count(o, "max_connections", (uint64_t)c->max_connections);
	if (c->max_in_flight && !worker_has(o, "max_in_flight"))
		good = good && doc_put_count(o, "max_in_flight", (uint64_t)c->max_in_flight);
	if (c->patience && !worker_has(o, "patience_ms"))
		good = good && doc_put_decimal(o, "patience_ms", c->patience, 6);
	if (c->drain && !worker_has(o, "drain_sec"))
		good = good && doc_put_decimal(o, "drain_sec", c->drain, 9);
	return good;
}

/* What the plan leaves out, from the options, so that there is one way of reading plans. */
static bool worker_put_options(const struct worker_conf *c, struct json_object *o)
{
	bool good = worker_put_load(c, o) && worker_put_limits(c, o);

	if (!worker_has(o, "url"))
		good = good && doc_put_text(o, "url", c->target_url);
	if (!worker_has(o, "method"))
		good = good && doc_put_text(o, "method", c->method);
	if (!worker_has(o, "timer"))
		good = good && doc_put_text(o, "timer", plan_timer_name[c->timer]);
	return good;
}

/* What needs others is refused, not left undone. */
static int worker_check_alone(const struct plan *p, struct sq_err *err)
{
	if (p->workers > 1)
		return sq_fail(
		    err, -EINVAL,
		    "workers: %lld cannot be had of a worker on its own, which is one: leave it out, or "
		    "post the plan to a gateway (squall run --gateway)",
		    (long long)p->workers);
	return 0;
}

static int worker_plan(const struct worker_conf *c, struct plan **ret, struct sq_err *err)
{
	struct plan_problems problems = {0};
	struct json_object *doc = NULL;
	struct plan *plan = NULL;
	int r = worker_given(c, &doc, err);

	if (r < 0)
		return r;
	r = worker_put_options(c, doc) ? plan_read(doc, NULL, &plan, &problems) : -ENOMEM;
	if (r == -EINVAL)
		sq_fail(err, r, "%.*s", (int)strcspn(problems.text.data, "\n"), problems.text.data);
	else if (r < 0)
		sq_fail(err, r, "not enough memory for the plan");
	else
		r = worker_check_alone(plan, err);
	plan_problems_free(&problems);
	json_object_put(doc);
	if (r < 0)
		plan_free(plan);
	else
		*ret = plan;
	return r;
}

/* --- under an orchestrator ------------------------------------------------------------------- */

static bool worker_is_name(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";

	return strlen(s) <= SQ_ID_MAX && s[strspn(s, letters)] == '\0';
}

static int worker_check_url(const char *text, struct sq_err *err)
{
	struct sq_err why;
	struct url url;

	if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
		return sq_fail(err, -EINVAL, "control_url \"%.128s\" does not begin with http:// or https://",
		               text);
	if (url_parse(text, &url, &why) < 0)
		return sq_fail(err, -EINVAL, "control_url \"%.128s\": %.256s", text, why.text);
	if (strcmp(url.path, "/") != 0 || text[strlen(text) - 1] == '/')
		return sq_fail(err, -EINVAL, "control_url \"%.128s\" has a path: http://host:port is all",
		               text);
	return 0;
}

static int worker_check_session(const struct worker_conf *c, struct sq_err *err)
{
	int r = 0;

	for (const char *const *url = c->control_url; *url && r == 0; url++)
		r = worker_check_url(*url, err);
	if (r < 0)
		return r;
	if (!*c->test_id || !worker_is_name(c->test_id))
		return sq_fail(err, -EINVAL,
		               "test_id \"%.128s\" is no test's id; with control_url it is needed",
		               c->test_id);
	if (!worker_is_name(c->worker))
		return sq_fail(err, -EINVAL,
		               "worker \"%.128s\" is not a name of at most %d letters, digits and ._:-",
		               c->worker, SQ_ID_MAX);
	return 0;
}

static bool worker_is_alone(const struct worker_conf *c)
{
	return !c->control_url[0];
}

static int worker_check(const void *conf, struct sq_err *err)
{
	struct worker_conf c = *(const struct worker_conf *)conf;
	struct plan *plan;
	int r;

	if (!worker_is_alone(&c))
		return worker_check_session(&c, err);
	c.plan = ""; /* a secret, which is not read yet */
	r = worker_plan(&c, &plan, err);
	if (r == 0)
		plan_free(plan);
	return r;
}

/* --- life ------------------------------------------------------------------------------------ */

#define TERMINATED 143 /* 128 + SIGTERM, as of a worker that was not parked yet */

static void worker_over(void *owner, int exit_code)
{
	struct worker *w = worker_of(owner);

	w->over = true;
	if (w->session && w->conf->park && !w->drained) {
		SQ_INFO(w->host, NULL, "parked: the test is over for this worker, waiting for SIGTERM");
		return;
	}
	w->host->stop(w->host->ctx, exit_code);
	if (w->drained)
		w->host->op_done(w->host->ctx, w->drained, 0);
}

static int worker_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct worker *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return sq_fail(err, -ENOMEM, "not enough memory for a worker");
	w->magic = WORKER_MAGIC;
	w->host = host;
	w->conf = conf;
	r = worker_is_alone(conf) ? worker_plan(conf, &w->plan, err) : 0;
	if (r < 0) {
		free(w);
		return r;
	}
	*ret_self = w;
	return 0;
}

static int worker_start_run(struct worker *w, struct sq_err *err)
{
	struct run_setup setup = {.host = w->host,
	                          .plan = w->plan,
	                          .output = (enum run_output)w->conf->output,
	                          .strict = w->conf->strict,
	                          .allow_invalid = w->conf->allow_invalid,
	                          .over = worker_over,
	                          .owner = w};

	return run_start(&setup, &w->run, err);
}

static int worker_start_session(struct worker *w, struct sq_err *err)
{
	const struct worker_conf *c = w->conf;
	struct session_setup setup = {.host = w->host,
	                              .urls = c->control_url,
	                              .test_id = c->test_id,
	                              .token = c->token,
	                              .name = c->worker,
	                              .over = worker_over,
	                              .owner = w};

	if (!*c->token)
		return sq_fail(err, -EINVAL,
		               "token is missing (variable SQUALL_TOKEN): with control_url it is needed");
	return session_start(&setup, &w->session, err);
}

static int worker_start(void *self, struct sq_err *err)
{
	struct worker *w = worker_of(self);

	return worker_is_alone(w->conf) ? worker_start_run(w, err) : worker_start_session(w, err);
}

static void worker_drain(void *self, struct sq_op *op)
{
	struct worker *w = worker_of(self);

	if (w->session && w->over && w->conf->park)
		w->host->stop(w->host->ctx, TERMINATED);
	if ((!w->run && !w->session) || w->over) {
		w->host->op_done(w->host->ctx, op, 0);
		return;
	}
	w->drained = op;
	if (w->run)
		run_cancel(w->run);
	else
		session_terminate(w->session);
}

/* Under an orchestrator the target is the plan's. */
static void worker_probe(void *self, struct sq_op *op, struct sq_err *err)
{
	struct worker *w = worker_of(self);

	if (w->conf->control_url && w->conf->control_url[0])
		w->host->op_done(w->host->ctx, op, sq_fail(err, 0, "its target is told by the orchestrator"));
	else
		knock(&w->knock, w->host, w->plan->url.text, op, err);
}

static void worker_destroy(void *self)
{
	struct worker *w = worker_of(self);

	run_free(w->run);
	session_free(w->session);
	plan_free(w->plan);
	w->magic = 0;
	free(w);
}

static const struct sq_role worker_role = {.size = sizeof worker_role};

SQ_PLUGIN(role, SQ_ROLE, worker, .version = PACKAGE_VERSION,
          .summary = "Drives HTTP load: sends each request when it is due, and measures", .opts = worker_opts,
          .conf_size = sizeof(struct worker_conf), .check = worker_check, .create = worker_create,
          .start = worker_start, .drain = worker_drain, .destroy = worker_destroy, .probe = worker_probe,
          .vt.role = &worker_role);
