/* test_kubernetes_tasks.c - what scheduler kubernetes asks an API server that says what its script says. */
#include <errno.h>
#include <json-c/json.h>

#include "plugins/common/doc.h"
#include "plugins/scheduler/kubernetes/kubernetes.h"
#include "tests/unit/kubernetes_rig.h"

#define JOBS "/apis/batch/v1/namespaces/load-testing/jobs"
#define SECRETS "/api/v1/namespaces/load-testing/secrets"
#define POLICIES "/apis/networking.k8s.io/v1/namespaces/load-testing/networkpolicies"
#define EVENTS "/api/v1/namespaces/load-testing/events?fieldSelector=involvedObject.uid%3Du1 "

extern const struct sq_plugin sq_plugin_scheduler_kubernetes;

static const char *const nothing[] = {NULL};
static const struct sq_job job = {.plan_sha256 = "abc", .workers = 3, .deadline = 60 * SQ_S, .env = nothing};
static struct kubernetes *k;

/* --- the plugin, as it is once all was listed ------------------------------------------------ */

static struct kubernetes_conf some_conf(void)
{
	return (struct kubernetes_conf){.ns = "load-testing",
	                                .space = "main",
	                                .image = "worker",
	                                .image_pull_policy = "",
	                                .service_account = "",
	                                .pod = "",
	                                .container = "",
	                                .annotations = "",
	                                .api_server = "",
	                                .ca = "",
	                                .cert = "",
	                                .key = "",
	                                .token_file = "",
	                                .token = "",
	                                .env = nothing,
	                                .network_policy = true,
	                                .grace = 30 * SQ_S};
}

static void open_plugin(enum shape shape)
{
	static struct kubernetes_conf conf;
	struct sq_err err = {0};
	void *self = NULL;

	conf = some_conf();
	if (sq_plugin_scheduler_kubernetes.create(&host, &conf, &self, &err) < 0)
		abort();
	k = self;
	rig_api(&k->api, (struct api_access){0});
	k->style.shape = shape;
	k->shaped = k->begun = k->workloads.up = k->others.up = k->pods.up = true;
	memset(&logged, 0, sizeof logged);
}

static void close_plugin(void)
{
	sq_plugin_scheduler_kubernetes.destroy(k);
	k = NULL;
	rig_server();
}

/* The workload of test t1, as the server has it. version: a text of digits. */
static struct json_object *served(const char *version)
{
	struct json_object *o = object_workload(&k->style, "t1", 3, &job), *metadata = NULL, *spec = NULL;

	json_object_object_get_ex(o, "metadata", &metadata);
	doc_put_text(metadata, "uid", "u1");
	doc_put_text(metadata, "resourceVersion", version);
	json_object_object_get_ex(o, "spec", &spec);
	if (k->style.shape == SHAPE_JOB_PLAIN) /* filled in by servers from 1.22 on */
		json_object_object_add(spec, "suspend", json_object_new_boolean(0));
	return o;
}

static void next_served(const char *expect, int status, const char *version)
{
	struct json_object *o = served(version);

	script_next(&server, expect, status, json_object_to_json_string(o));
	json_object_put(o);
}

/* --- verbs ----------------------------------------------------------------------------------- */

static struct {
	struct sq_job_rq rq;
	int ended, status;
	char reason[400];
} asked;

static void on_done(struct sq_op *op, int status)
{
	(void)op;
	asked.ended++;
	asked.status = status;
	snprintf(asked.reason, sizeof asked.reason, "%s", asked.rq.reason ? asked.rq.reason : "");
}

static int ask(int verb(void *self, struct sq_job_rq *rq))
{
	int before = asked.ended;

	asked.rq = (struct sq_job_rq){
	    .op = {.done = on_done}, .id = "t1", .fence = 3, .job = &job, .grace = SQ_S};
	if (verb(k, &asked.rq) < 0 || !until(asked.ended > before))
		abort();
	return asked.status;
}

static const char *body(void)
{
	const char *end = strstr(server.last, "\r\n\r\n");

	return end ? end + 4 : "";
}

/* A quota whose count was changed by somebody else meanwhile says so with a 409. */
static void test_quota_race(void)
{
	static const char race[] =
	    "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"code\":409,\"message\":\"Operation "
	    "cannot be fulfilled on resourcequotas \\\"q\\\": the object has been modified\"}";

	open_plugin(SHAPE_JOB);
	script_next(&server, "POST " JOBS " ", 409, race);
	next_served("POST " JOBS " ", 201, "10");
	script_next(&server, "POST " SECRETS " ", 409, race);
	script_next(&server, "POST " SECRETS " ", 201, "{}");
	script_next(&server, "POST " POLICIES " ", 409, race);
	script_next(&server, "POST " POLICIES " ", 201, "{}");
	ok(ask(verb_prepare) == 0, "a test is prepared though each of its objects raced with a quota: %s",
	   asked.reason);
	is_int(server.asked, 6, "each was made once more");
	is_int(server.strange, 0, "and nothing else was asked");
	close_plugin();
}

static void test_resume_plain(void)
{
	open_plugin(SHAPE_JOB_PLAIN);
	next_served("GET " JOBS "/lw-t1 ", 200, "10");
	next_served("PATCH " JOBS "/lw-t1 ", 200, "11");
	is_int(ask(verb_resume), 0, "a plain Job of a server that knows suspend is resumed");
	ok(strstr(body(), "\"suspend\":false") && strstr(body(), "\"parallelism\":3"), "by both fields: %s",
	   body());
	close_plugin();
}

/* The worker is told from what is injected beside it by the name of its container. */
static void test_conf(void)
{
	static const struct {
		const char *container, *pod, *word;
	} wrong[] = {{"{\"name\":\"mine\"}", "", "name"},
	             {"", "{\"containers\":[]}", "containers"},
	             {"", "[]", "not a JSON object"}};
	struct kubernetes_conf conf = some_conf();
	struct sq_err err = {0};

	conf.pod = "{\"nodeSelector\":{\"a\":\"b\"}}";
	conf.container = "{\"resources\":null}";
	is_int(sq_plugin_scheduler_kubernetes.check(&conf, &err), 0, "what may be merged");
	for (unsigned i = 0; i < SQ_LEN(wrong); i++) {
		conf.container = wrong[i].container;
		conf.pod = wrong[i].pod;
		ok(sq_plugin_scheduler_kubernetes.check(&conf, &err) == -EINVAL &&
		       strstr(err.text, wrong[i].word),
		   "what may not: %s", err.text);
	}
}

/* --- care ------------------------------------------------------------------------------------ */

/* A resumed test whose pods do not come, and six seconds later. */
static struct job *short_of_pods(void)
{
	struct json_object *o = served("10");
	struct workload w;

	if (workload_read(o, &w) < 0)
		abort();
	json_object_put(o);
	w.resumed = true;
	cluster_workload(&k->cluster, &w);
	care_start(k);
	until(cluster_find(&k->cluster, "lw-t1")->short_since != 0);
	passed += 6 * SQ_S;
	return cluster_find(&k->cluster, "lw-t1");
}

static void test_events(void)
{
	static const char odd[] =
	    "{\"items\":[{\"type\":null},7,null,{\"type\":\"Warning\",\"reason\":null,\"message\":\"no "
	    "quota\"},"
	    "{\"type\":\"Normal\",\"message\":\"x\"},{\"type\":\"Warning\",\"reason\":[],\"message\":{}},"
	    "{\"type\":\"Warning\",\"reason\":\"FailedCreate\",\"message\":\"exceeded "
	    "quota\"},{\"type\":null}]}";
	struct job *j;

	open_plugin(SHAPE_JOB);
	j = short_of_pods();
	script_next(&server, "GET " EVENTS, 200, odd);
	ok(until(*j->trouble), "why pods do not come is read from events, however odd some are");
	is_str(j->trouble, "FailedCreate: exceeded quota", "the last that warns");
	close_plugin();
}

static void test_events_refused(void)
{
	static const char no[] =
	    "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"code\":403,\"message\":\"events is "
	    "forbidden: User x cannot list resource events\"}";

	struct job *j;

	open_plugin(SHAPE_JOB);
	j = short_of_pods();
	script_next(&server, "GET " EVENTS, 403, no);
	script_next(&server, "GET " EVENTS, 403, no);
	script_next(&server, "GET " EVENTS, 200,
	            "{\"items\":[{\"type\":\"Warning\",\"reason\":\"Late\",\"message\":\"x\"}]}");
	for (unsigned n = 1; n <= 2; n++) {
		until(server.asked == n);
		passed += 6 * SQ_S;
	}
	ok(until(strcmp(j->trouble, "Late: x") == 0), "events that may not be read are asked for again");
	ok(logged.warnings == 1 && strstr(logged.text, "events") && strstr(logged.text, "list"),
	   "the right that is missing is named, once: %s", logged.text);
	close_plugin();
}

/* A plain Job replaces what it lost: who lost too many is ended by us, whatever held it back before. */
static void test_too_many(void)
{
	struct pod pod = {.phase = SQ_W_GONE, .exit_code = 137};
	struct json_object *o;
	struct workload w;

	open_plugin(SHAPE_JOB_PLAIN);
	o = served("10");
	workload_read(o, &w);
	json_object_put(o);
	w.resumed = true;
	cluster_workload(&k->cluster, &w);
	strcpy(pod.name, "lw-t1-0");
	strcpy(pod.workload, "lw-t1");
	cluster_pod(&k->cluster, &pod, false);
	next_served("PATCH " JOBS "/lw-t1 ", 200, "11");
	care_start(k);
	ok(until(server.asked == 1) && strstr(body(), "\"suspend\":true") &&
	       strstr(body(), "\"parallelism\":0") && strstr(body(), "TooManyFailed"),
	   "a plain Job that lost more than it may is ended: %s", body());
	close_plugin();
}

int main(void)
{
	rig_open();
	test_conf();
	test_quota_race();
	test_resume_plain();
	test_too_many();
	test_events();
	test_events_refused();
	rig_close();
	return tap_done();
}
