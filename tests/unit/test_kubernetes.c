/* test_kubernetes.c - what scheduler kubernetes writes and reads, and what it makes of reports. */
#include <errno.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "plugins/common/doc.h"
#include "plugins/scheduler/kubernetes/cluster.h"
#include "plugins/scheduler/kubernetes/object.h"

#include "tests/failmalloc.h"
#include "tests/tap.h"

#define ID "550e8400-e29b-41d4-a716-446655440000"
#define HASH "9c1dd2f8b6a0c3e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708"

static const char *const variables[] = {"SQUALL_CONTROL_URL=http://10.0.0.7:8000", "SQUALL_TEST_ID=" ID,
                                        "SQUALL_TOKEN=t0ken", NULL};
static const char *const further[] = {"GOMEMLIMIT=1", NULL};
static const struct sq_job job = {
    .plan_sha256 = HASH, .workers = 20, .max_failed = 2, .deadline = 1320 * SQ_S, .env = variables};

static struct object_style style(enum shape shape)
{
	return (struct object_style){
	    .shape = shape,
	    .space = "main",
	    .image = "registry.example/worker:1.0",
	    .pull_policy = "Always",
	    .service_account = "",
	    .env = further,
	    .pod = json_tokener_parse("{\"nodeSelector\":{\"agentpool\":\"loadgen\"},\"dnsConfig\":null}"),
	    .container = json_tokener_parse(
	        "{\"resources\":{\"limits\":{\"cpu\":\"2\"},\"requests\":{\"cpu\":\"2\"}}}"),
	    .annotations = json_tokener_parse("{\"karpenter.sh/do-not-disrupt\":null,\"team\":\"a\"}"),
	    .grace = 30 * SQ_S};
}

static void free_style(struct object_style *s)
{
	json_object_put(s->pod);
	json_object_put(s->container);
	json_object_put(s->annotations);
}

/* --- golden files ---------------------------------------------------------------------------- */

static char *read_file(const char *path)
{
	struct buf out = {0};
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		return NULL;
	while ((n = fread(buf_room(&out, 4096), 1, 4096, f)) > 0)
		out.len += n;
	buf_str(&out, "");
	fclose(f);
	return out.data;
}

static char *read_golden(const char *name)
{
	const char *src = getenv("top_srcdir");
	char path[4096];

	snprintf(path, sizeof path, "%s/tests/kubernetes/golden/%s.json", src ? src : ".", name);
	return read_file(path);
}

static void golden(const char *name, struct json_object *o)
{
	const char *got = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
	                                                        JSON_C_TO_STRING_NOSLASHESCAPE);
	char whole[65536];
	char *want;

	snprintf(whole, sizeof whole, "%s\n", got ? got : "");
	want = read_golden(name);
	is_str(whole, want, name);
	free(want);
	json_object_put(o);
}

static void test_written(void)
{
	static const char *const names[] = {"job", "job_plain", "deployment"};
	struct json_object *server = NULL;

	for (int shape = SHAPE_JOB; shape <= SHAPE_DEPLOYMENT; shape++) {
		struct object_style s = style((enum shape)shape);

		golden(names[shape], object_workload(&s, ID, 17, &job));
		free_style(&s);
	}
	server = json_tokener_parse(
	    "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"lw-" ID
	    "\",\"uid\":\"11111111-2222-3333-4444-555555555555\",\"labels\":{\"app\":\"load-worker\"}}}");
	golden("secret", object_secret(server, &job));
	golden("policy", object_policy(server));
	json_object_put(server);
}

static void test_names(void)
{
	static const struct {
		const char *id, *name;
	} cases[] = {{ID, "lw-" ID}, {"t-one", "lw-t-one"}};
	char name[OBJECT_NAME_MAX + 1], other[OBJECT_NAME_MAX + 1];

	for (unsigned i = 0; i < SQ_LEN(cases); i++) {
		object_name(cases[i].id, name);
		is_str(name, cases[i].name, "the name is the id's");
	}
	object_name("Under_Score", name);
	object_name("under-score", other);
	ok(strlen(name) == 43 && strncmp(name, "lw-", 3) == 0 && strcmp(name, other) != 0,
	   "an id that is no name has a hash of its own");
}

/* --- read back ------------------------------------------------------------------------------- */

/* As the server would have it: with uid and version. */
static struct json_object *served(enum shape shape, const char *version)
{
	struct object_style s = style(shape);
	struct json_object *o = object_workload(&s, ID, 17, &job), *m = NULL;

	free_style(&s);
	json_object_object_get_ex(o, "metadata", &m);
	doc_put_text(m, "uid", "u1");
	doc_put_text(m, "resourceVersion", version);
	doc_put_text(m, "creationTimestamp", "2026-11-28T12:00:00Z");
	return o;
}

static void test_listed(void)
{
	static const enum shape shapes[] = {SHAPE_JOB, SHAPE_JOB_PLAIN, SHAPE_DEPLOYMENT};

	for (unsigned i = 0; i < SQ_LEN(shapes); i++) {
		struct json_object *o = served(shapes[i], "1");
		struct workload w = {.shape = 99};

		json_object_object_del(o, "kind");
		json_object_object_del(o, "apiVersion");
		ok(workload_read(o, &w) == 0 && w.shape == shapes[i],
		   "shape %u, from a list, which says no kind", shapes[i]);
		json_object_put(o);
	}
}

/* RFC 7386, as the server does it. */
static void apply(struct json_object *into, struct json_object *patch)
{
	json_object_object_foreach(patch, name, value)
	{
		struct json_object *old = NULL;

		if (json_object_is_type(value, json_type_object) &&
		    json_object_object_get_ex(into, name, &old))
			apply(old, value);
		else
			json_object_object_add(into, name, json_object_get(value));
	}
}

static void test_life(void)
{
	static const int64_t noon = 1795867200; /* 2026-11-28T12:00:00Z */

	for (int shape = SHAPE_JOB; shape <= SHAPE_DEPLOYMENT; shape++) {
		struct json_object *o = served((enum shape)shape, "5"), *p;
		struct workload w;

		is_int(workload_read(o, &w), 0, "what was written is read");
		ok(w.shape == (enum shape)shape && strcmp(w.id, ID) == 0 && strcmp(w.name, "lw-" ID) == 0 &&
		       w.fence == 17 && w.workers == 20 && w.max_failed == 2 && w.deadline == 1320 * SQ_S &&
		       strcmp(w.plan_sha256, HASH) == 0 && w.created == noon,
		   "all of it");
		ok(!w.resumed && !w.ended && w.expires == 0, "it runs nothing");
		p = object_patch_fence(&w, 18);
		apply(o, p);
		json_object_put(p);
		workload_read(o, &w);
		ok(w.fence == 18 && !w.resumed, "a claim changes its fence alone");
		p = object_patch_resume(&w, 19, (noon + 60) * 1000);
		apply(o, p);
		json_object_put(p);
		workload_read(o, &w);
		ok(w.fence == 19 && w.resumed && !w.ended && w.expires == (noon + 60 + 1320) * 1000,
		   "resumed, its deadline counts from then");
		p = object_patch_end(&w, "TooManyFailed");
		apply(o, p);
		json_object_put(p);
		workload_read(o, &w);
		ok(w.resumed && w.ended && strcmp(w.reason, "TooManyFailed") == 0, "ended, with a reason");
		json_object_put(o);
	}
}

/* The pods that the controllers of the server would want of it. */
static int pods_wanted(struct json_object *o)
{
	struct json_object *n = NULL, *suspend = NULL;

	if (json_pointer_get(o, "/spec/replicas", &n) < 0)
		json_pointer_get(o, "/spec/parallelism", &n);
	return json_pointer_get(o, "/spec/suspend", &suspend) == 0 && json_object_get_boolean(suspend)
	           ? 0
	           : json_object_get_int(n);
}

static void patch(struct json_object *o, struct json_object *p, struct workload *w)
{
	apply(o, p);
	json_object_put(p);
	ok(workload_read(o, w) == 0, "read");
}

/* With all that a server of that version fills in, and without what it does not know. */
static void test_as_served(void)
{
	static const struct {
		const char *name;
		enum shape shape;
	} cases[] = {{"served/job_plain_1.20", SHAPE_JOB_PLAIN},
	             {"served/job_plain_1.25", SHAPE_JOB_PLAIN},
	             {"served/job_plain_1.30", SHAPE_JOB_PLAIN},
	             {"served/job_1.28", SHAPE_JOB_PLAIN}, /* nothing but its suspend was known there */
	             {"served/job_1.30", SHAPE_JOB},
	             {"served/deployment_1.25", SHAPE_DEPLOYMENT}};

	for (unsigned i = 0; i < SQ_LEN(cases); i++) {
		char *text = read_golden(cases[i].name);
		struct json_object *o = text ? json_tokener_parse(text) : NULL;
		struct workload w = {.shape = 99};

		ok(workload_read(o, &w) == 0 && w.shape == cases[i].shape && w.workers == 20 && !w.resumed &&
		       !w.ended,
		   "%s: shape %u is read as such", cases[i].name, (unsigned)cases[i].shape);
		is_int(pods_wanted(o), 0, "it has no pods");
		patch(o, object_patch_resume(&w, 18, (w.created + 60) * 1000), &w);
		ok(pods_wanted(o) == 20 && w.resumed && w.shape == cases[i].shape, "resumed, it has all: %d",
		   pods_wanted(o));
		patch(o, object_patch_end(&w, "TooManyFailed"), &w);
		ok(pods_wanted(o) == 0 && w.ended, "ended, it has none");
		json_object_put(o);
		free(text);
	}
}

static void test_foreign(void)
{
	static const char *const cases[] = {
	    "{}", "[]", "null", "{\"metadata\":7}",
	    "{\"kind\":\"Job\",\"metadata\":{\"name\":\"lw-x\",\"uid\":\"u\",\"resourceVersion\":\"1\"}}"};
	struct workload w;
	struct pod p;

	for (unsigned i = 0; i < SQ_LEN(cases); i++) {
		struct json_object *o = json_tokener_parse(cases[i]);

		ok(workload_read(o, &w) == -EBADMSG && pod_read(o, &p) == -EBADMSG, "not ours: %s", cases[i]);
		json_object_put(o);
	}
}

static void test_dropped(void)
{
	struct json_object *asked = served(SHAPE_JOB, "1"), *got = served(SHAPE_JOB, "1"), *spec = NULL,
	                   *template = NULL;
	char text[200];

	object_dropped(asked, got, text, sizeof text);
	is_str(text, "", "nothing is missing");
	json_object_object_get_ex(got, "spec", &spec);
	json_object_object_del(spec, "suspend");
	json_object_object_del(spec, "maxFailedIndexes");
	object_dropped(asked, got, text, sizeof text);
	is_str(text, "spec.suspend, spec.maxFailedIndexes", "what an old server left out is named");
	json_pointer_get(got, "/spec/template/spec/containers/0/securityContext", &spec);
	json_object_object_del(spec, "readOnlyRootFilesystem");
	json_pointer_get(asked, "/spec/template/spec", &template);
	json_object_object_add(template, "hostNetwork", json_object_new_boolean(0));
	object_dropped(asked, got, text, sizeof text);
	is_str(text,
	       "spec.suspend, spec.template.spec.containers[0].securityContext.readOnlyRootFilesystem, "
	       "spec.maxFailedIndexes",
	       "at any depth, but not what is left out because it means nothing");
	object_dropped(asked, got, text, 20);
	is_int(strlen(text), 19, "as far as there is room");
	json_object_put(asked);
	json_object_put(got);
}

static const struct {
	const char *name, *status;
	enum sq_worker_phase phase;
	int32_t exit_code;
	const char *reason;
} pods[] = {
    {"new", "{}", SQ_W_PENDING, INT32_MIN, ""},
    {"unschedulable",
     "{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":"
     "\"Unschedulable\",\"message\":\"0/1 nodes\"}]}",
     SQ_W_PENDING, INT32_MIN, "Unschedulable: 0/1 nodes"},
    {"creating",
     "{\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"worker\",\"state\":{\"waiting\":{\"reason\":"
     "\"ContainerCreating\"}}}]}",
     SQ_W_PENDING, INT32_MIN, ""},
    {"no image",
     "{\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"worker\",\"state\":{\"waiting\":{\"reason\":"
     "\"ErrImagePull\","
     "\"message\":"
     "\"not found\"}}}]}",
     SQ_W_PENDING, INT32_MIN, "ErrImagePull: not found"},
    {"running",
     "{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"worker\",\"restartCount\":0,\"state\":{"
     "\"running\":{}}}]}",
     SQ_W_RUNNING, INT32_MIN, ""},
    {"done",
     "{\"phase\":\"Succeeded\",\"containerStatuses\":[{\"name\":\"worker\",\"state\":{\"terminated\":{"
     "\"exitCode\":0,\"reason\":"
     "\"Completed\"}}}]}",
     SQ_W_GONE, 0, ""},
    {"killed",
     "{\"phase\":\"Failed\",\"containerStatuses\":[{\"name\":\"worker\",\"state\":{\"terminated\":{"
     "\"exitCode\":137,\"reason\":"
     "\"OOMKilled\"}}}]}",
     SQ_W_GONE, 137, "OOMKilled"},
    {"started anew",
     "{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"worker\",\"restartCount\":1,\"state\":{"
     "\"running\":{}},"
     "\"lastState\":{"
     "\"terminated\":{\"exitCode\":7,\"reason\":\"Error\"}}}]}",
     SQ_W_GONE, 7, "Error"},
    {"evicted", "{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"low on memory\"}", SQ_W_GONE,
     INT32_MIN, "Evicted: low on memory"},
    {"evicted, its container seen to end",
     "{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"low on memory\",\"containerStatuses\":["
     "{\"name\":\"worker\",\"state\":{\"terminated\":{\"exitCode\":137,\"reason\":\"Error\"}}}]}",
     SQ_W_GONE, 137, "Evicted: low on memory"},
    {"drained",
     "{\"phase\":\"Failed\",\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":"
     "\"EvictionByEvictionAPI\",\"message\":\"Eviction API: evicting\"}],\"containerStatuses\":["
     "{\"name\":\"worker\",\"state\":{\"terminated\":{\"exitCode\":143,\"reason\":\"Error\"}}}]}",
     SQ_W_GONE, 143, "EvictionByEvictionAPI: Eviction API: evicting"},
    {"about to be preempted",
     "{\"phase\":\"Running\",\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":"
     "\"PreemptionByScheduler\"}],\"containerStatuses\":[{\"name\":\"worker\",\"state\":{\"running\":{}}}]}",
     SQ_W_RUNNING, INT32_MIN, "PreemptionByScheduler"},
    {"not disrupted after all",
     "{\"phase\":\"Failed\",\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"False\",\"reason\":"
     "\"X\"}],\"containerStatuses\":[{\"name\":\"worker\",\"state\":{\"terminated\":{\"exitCode\":7,"
     "\"reason\":"
     "\"Error\"}}}]}",
     SQ_W_GONE, 7, "Error"},
    {"running beside a proxy that was started again",
     "{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"istio-proxy\",\"restartCount\":1,\"state\":{"
     "\"running\":{}},\"lastState\":{\"terminated\":{\"exitCode\":1,\"reason\":\"Error\"}}},"
     "{\"name\":\"worker\",\"state\":{\"running\":{}}}]}",
     SQ_W_RUNNING, INT32_MIN, ""},
    {"gone while its proxy runs on",
     "{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"istio-proxy\",\"state\":{\"running\":{}}},"
     "{\"name\":\"worker\",\"state\":{\"terminated\":{\"exitCode\":97,\"reason\":\"Error\"}}}]}",
     SQ_W_GONE, 97, "Error"},
    {"without its image beside a proxy that runs",
     "{\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"istio-proxy\",\"state\":{\"running\":{}}},"
     "{\"name\":\"worker\",\"state\":{\"waiting\":{\"reason\":\"ErrImagePull\"}}}]}",
     SQ_W_PENDING, INT32_MIN, "ErrImagePull"},
    {"not started yet beside a proxy that runs",
     "{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"istio-proxy\",\"state\":{\"running\":{}}}]}",
     SQ_W_PENDING, INT32_MIN, ""},
};

static void test_pods(void)
{
	for (unsigned i = 0; i < SQ_LEN(pods); i++) {
		char text[1024];
		struct json_object *o;
		struct pod p;

		snprintf(text, sizeof text,
		         "{\"metadata\":{\"name\":\"lw-x-1\",\"labels\":{\"squall.io/"
		         "workload\":\"lw-x\"}},\"status\":%s}",
		         pods[i].status);
		o = json_tokener_parse(text);
		ok(pod_read(o, &p) == 0 && p.phase == pods[i].phase && p.exit_code == pods[i].exit_code &&
		       strcmp(p.reason, pods[i].reason) == 0,
		   "a pod that is %s: \"%s\"", pods[i].name, p.reason);
		json_object_put(o);
	}
}

/* --- the cluster ----------------------------------------------------------------------------- */

static unsigned told, forgotten;
static struct sq_job_state last;

static void on_change(struct cluster *c, struct job *j)
{
	(void)c;
	told++;
	if (job_state(j, &last) == 0)
		last.workers = NULL; /* valid during the call alone */
}

static void on_forget(struct cluster *c, struct job *j)
{
	(void)c, (void)j;
	forgotten++;
}

static struct workload work(const char *version, bool resumed)
{
	struct workload w = {.shape = SHAPE_DEPLOYMENT, .fence = 3, .workers = 2, .resumed = resumed};

	strcpy(w.name, "lw-x");
	strcpy(w.id, "x");
	strcpy(w.uid, "u1");
	snprintf(w.version, sizeof w.version, "%s", version);
	return w;
}

static struct pod pod(const char *name, enum sq_worker_phase phase)
{
	struct pod p = {.phase = phase, .exit_code = INT32_MIN};

	strcpy(p.workload, "lw-x");
	snprintf(p.name, sizeof p.name, "%s", name);
	return p;
}

static void report(struct cluster *c, const char *name, enum sq_worker_phase phase, bool gone)
{
	struct pod p = pod(name, phase);

	cluster_pod(c, &p, gone);
}

static void test_cluster(void)
{
	struct cluster c = {.changed = on_change, .forgotten = on_forget};
	struct workload w = work("9", false);

	told = forgotten = 0;
	cluster_init(&c);
	report(&c, "p1", SQ_W_PENDING, false);
	ok(cluster_find(&c, "lw-x") && !cluster_find(&c, "lw-x")->exists, "a pod may be heard of first");
	cluster_workload(&c, &w);
	ok(last.phase == SQ_JOB_PREPARED && last.fence == 3, "prepared");
	w = work("10", true);
	cluster_workload(&c, &w);
	ok(last.phase == SQ_JOB_PENDING, "resumed");
	w = work("9", false);
	cluster_workload(&c, &w);
	ok(last.phase == SQ_JOB_PENDING, "an older report, come late, changes nothing");
	report(&c, "p1", SQ_W_RUNNING, false);
	report(&c, "p2", SQ_W_RUNNING, false);
	ok(last.phase == SQ_JOB_RUNNING && last.worker_count == 2, "both run");
	told = 0;
	report(&c, "p2", SQ_W_RUNNING, false);
	is_int(told, 0, "no news is not told");
	report(&c, "p1", SQ_W_RUNNING, true);
	ok(last.phase == SQ_JOB_PENDING && last.worker_count == 2, "one is gone, and remembered");
	report(&c, "p1", SQ_W_RUNNING, false);
	ok(job_gone(cluster_find(&c, "lw-x")) == 1, "for good");
	report(&c, "p2", SQ_W_GONE, false);
	ok(last.phase == SQ_JOB_ENDED, "all are gone: ended, though it exists");
	cluster_workload_gone(&c, "lw-x", "another");
	is_int(forgotten, 0, "the end of another of that name is not its end");
	cluster_workload_gone(&c, "lw-x", "u1");
	ok(last.phase == SQ_JOB_GONE && forgotten == 1 && !cluster_find(&c, "lw-x"),
	   "deleted: told, and forgotten");
	w = work("11", true);
	cluster_workload_changed(&c, &w);
	ok(!cluster_find(&c, "lw-x"),
	   "an answer to a change that comes behind its end does not bring it back");
	cluster_free(&c);
}

static void test_lists(void)
{
	struct cluster c = {.changed = on_change, .forgotten = on_forget};
	struct workload w = work("9", true);

	forgotten = 0;
	cluster_init(&c);
	cluster_workload(&c, &w);
	report(&c, "p1", SQ_W_RUNNING, false);
	report(&c, "p2", SQ_W_RUNNING, false);
	cluster_pods_begin(&c);
	report(&c, "p1", SQ_W_RUNNING, false);
	cluster_pods_end(&c);
	ok(job_gone(cluster_find(&c, "lw-x")) == 1, "a pod that is in no new list is gone");
	cluster_workloads_begin(&c, w.shape != SHAPE_DEPLOYMENT);
	cluster_workloads_end(&c, w.shape != SHAPE_DEPLOYMENT);
	ok(cluster_find(&c, "lw-x")->exists, "a workload stays when one of another kind is listed");
	cluster_workloads_begin(&c, w.shape == SHAPE_DEPLOYMENT);
	cluster_workloads_end(&c, w.shape == SHAPE_DEPLOYMENT);
	ok(cluster_find(&c, "lw-x") && last.phase == SQ_JOB_RUNNING,
	   "a workload too; but its last pod lives");
	cluster_pods_begin(&c);
	cluster_pods_end(&c);
	ok(last.phase == SQ_JOB_GONE && forgotten == 1, "until that is gone");
	cluster_free(&c);
}

/* --- without memory -------------------------------------------------------------------------- */

static void test_memory(void)
{
	struct object_style s = style(SHAPE_JOB);
	struct json_object *o;
	unsigned n = 0;
	bool failed;

	do {
		failmalloc_after(++n);
		o = object_workload(&s, ID, 17, &job);
		failed = failmalloc_stop();
		if (failed && o)
			ok(false, "allocation %u failed unnoticed", n);
		json_object_put(o);
	} while (failed);
	ok(o && n > 20, "each of %u allocations may fail", n - 1);
	free_style(&s);
}

int main(void)
{
	test_names();
	test_listed();
	test_written();
	test_life();
	test_as_served();
	test_foreign();
	test_dropped();
	test_pods();
	test_cluster();
	test_lists();
	test_memory();
	return tap_done();
}
