/*
 * kubernetes.c - scheduler kubernetes: a test's workers are pods of a cluster.
 *
 * What was asked for is done by requests that can be repeated (verbs.c); what became of it is seen by
 * watches, two of our workloads, by kind, and one of all our pods, which fill the cluster (cluster.h). Every
 * orchestrator of the namespace sees the same.
 */
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes.h"
#include "plugins/common/doc.h"

#define KUBERNETES_MAGIC 0x7338736bu

static const char *const workload_words[] = {"auto", "job", "deployment", NULL};

static const struct sq_opt kubernetes_opts[] = {
    {.key = "namespace",
     .type = SQ_T_STRING,
     .off = offsetof(struct kubernetes_conf, ns),
     .def = "load-testing",
     .env = "K8S_NAMESPACE",
     .help =
         "Namespace of the workers. In it the account needs, of jobs or deployments (see workload): create, "
         "get, "
         "list, watch, patch, delete; of pods: list, watch, deletecollection; of secrets: create, get; of "
         "networkpolicies: create; of events: list. squalld -t --connect names what is missing."},
    SQ_STRING(
        struct kubernetes_conf, space, "main",
        "Labels what is ours (squall.io/space). Systems that do not share a store need different ones where "
        "they share a namespace: each ends the workers of tests that its store does not know."),
    SQ_STRING(struct kubernetes_conf, image, "worker:latest", "Image of the workers.", .env = "WORKER_IMAGE"),
    SQ_STRING(struct kubernetes_conf, image_pull_policy, "",
              "Always, IfNotPresent or Never; without one the cluster decides by the image's tag."),
    SQ_ENUM(
        struct kubernetes_conf, workload, "auto", workload_words,
        "job: one Indexed Job for each test; deployment: one Deployment, scaled; auto: job where the "
        "server is 1.29 or newer, else deployment. Tests that were made as the other kind are seen and ended "
        "too where the account has the same rights of that (but create); without them it is taken to have "
        "none."),
    SQ_STRING(struct kubernetes_conf, api_server, "",
              "URL of the API server; without one that of the cluster this process is a pod of."),
    SQ_PATH(
        struct kubernetes_conf, ca, "",
        "Certificates (PEM) that the API server's is verified with; in a pod those of its service account."),
    SQ_PATH(struct kubernetes_conf, token_file, "",
            "File with a bearer token, read for each request; in a pod that of its service account."),
    SQ_SECRET(struct kubernetes_conf, token, "Bearer token, where there is no token_file."),
    SQ_PATH(struct kubernetes_conf, cert, "", "Client certificate (PEM), in place of a token."),
    SQ_PATH(struct kubernetes_conf, key, "", "Its key (PEM)."),
    SQ_STRING(struct kubernetes_conf, service_account, "",
              "Service account of the workers. They get no token of it."),
    SQ_STRING(struct kubernetes_conf, container, "",
              "JSON merged into the workers' container (RFC 7386), e.g. "
              "{\\\"resources\\\":{\\\"limits\\\":{\\\"cpu\\\":\\\"2\\\"},\\\"requests\\\":{\\\"cpu\\\":"
              "\\\"2\\\"}}}. Keep requests equal to "
              "limits: a throttled worker measures itself."),
    SQ_STRING(
        struct kubernetes_conf, pod, "",
        "JSON merged into the spec of the workers' pods: nodeSelector, tolerations, affinity, ... What a "
        "service mesh injects into the namespace's pods runs beside the worker and is not taken for it; a "
        "test does not wait for its end."),
    SQ_STRING(struct kubernetes_conf, annotations, "",
              "JSON merged into the annotations of the workers' pods, e.g. "
              "{\\\"sidecar.istio.io/inject\\\":\\\"false\\\"}: a "
              "proxy between a worker and the target is measured too."),
    SQ_LIST(struct kubernetes_conf, env, "", "Further variables of the workers, as NAME=value."),
    SQ_BOOL(struct kubernetes_conf, network_policy, "true",
            "Makes a NetworkPolicy that lets nobody connect to the workers."),
    SQ_DURATION(struct kubernetes_conf, grace, "30s", SQ_S, 3600 * SQ_S,
                "What a worker has between SIGTERM and SIGKILL to give its last report."),
    SQ_OPTS_END,
};

struct kubernetes *kubernetes_of(void *self)
{
	struct kubernetes *k = self;

	assert(k && k->magic == KUBERNETES_MAGIC);
	return k;
}

void kubernetes_path(const struct kubernetes *k, enum shape shape, struct buf *out, const char *name)
{
	buf_printf(out, "%s/namespaces/%s/%s%s%s", object_group(shape), k->conf->ns, object_plural(shape),
	           name ? "/" : "", name ? name : "");
}

/* --- what the watches bring ------------------------------------------------------------------ */

static void job_did_change(struct cluster *c, struct job *j)
{
	struct kubernetes *k = sq_container(c, struct kubernetes, cluster);
	struct sq_job_state state;

	if (*j->workload.id && job_state(j, &state) == 0)
		k->host->job_changed(k->host->ctx, &state);
}

static void job_forgotten(struct cluster *c, struct job *j)
{
	care_forget(sq_container(c, struct kubernetes, cluster), j);
}

static void take_workload(struct kubernetes *k, struct watch *w, struct json_object *object, bool deleted)
{
	struct workload seen;

	if (workload_read(object, &seen) < 0)
		return;
	if (deleted)
		cluster_workload_gone(&k->cluster, seen.name, seen.uid);
	else if (cluster_workload(&k->cluster, &seen) < 0)
		watch_lost(w);
	verbs_look(k);
}

static void workload_changed(struct watch *w, struct json_object *object, bool deleted)
{
	take_workload(sq_container(w, struct kubernetes, workloads), w, object, deleted);
}

static void workloads_begin(struct watch *w)
{
	struct kubernetes *k = sq_container(w, struct kubernetes, workloads);

	cluster_workloads_begin(&k->cluster, k->style.shape == SHAPE_DEPLOYMENT);
}

static void workloads_end(struct watch *w)
{
	struct kubernetes *k = sq_container(w, struct kubernetes, workloads);

	cluster_workloads_end(&k->cluster, k->style.shape == SHAPE_DEPLOYMENT);
}

static void other_changed(struct watch *w, struct json_object *object, bool deleted)
{
	take_workload(sq_container(w, struct kubernetes, others), w, object, deleted);
}

static void others_begin(struct watch *w)
{
	struct kubernetes *k = sq_container(w, struct kubernetes, others);

	cluster_workloads_begin(&k->cluster, k->style.shape != SHAPE_DEPLOYMENT);
}

static void others_end(struct watch *w)
{
	struct kubernetes *k = sq_container(w, struct kubernetes, others);

	cluster_workloads_end(&k->cluster, k->style.shape != SHAPE_DEPLOYMENT);
}

static void pod_changed(struct watch *w, struct json_object *object, bool deleted)
{
	struct kubernetes *k = sq_container(w, struct kubernetes, pods);
	struct pod seen;

	if (pod_read(object, &seen) < 0)
		return;
	if (cluster_pod(&k->cluster, &seen, deleted) < 0)
		watch_lost(w);
	verbs_look(k);
}

static void pods_begin(struct watch *w)
{
	cluster_pods_begin(&sq_container(w, struct kubernetes, pods)->cluster);
}

static void pods_end(struct watch *w)
{
	cluster_pods_end(&sq_container(w, struct kubernetes, pods)->cluster);
}

static void watch_state(struct kubernetes *k, const char *what, bool up, const char *why)
{
	if (!up)
		SQ_WARN(k->host, NULL, "%s cannot be watched, trying on: %s", what, why);
	k->host->ready(k->host->ctx, kubernetes_synced(k), "the API server does not answer");
	if (!k->begun && kubernetes_synced(k)) {
		k->begun = true;
		verbs_begin(k);
	}
	verbs_look(k);
}

static void workloads_state(struct watch *w, bool up, const char *why)
{
	struct kubernetes *k = sq_container(w, struct kubernetes, workloads);

	w->up = up;
	watch_state(k, object_plural(k->style.shape), up, why);
}

static void others_state(struct watch *w, bool up, const char *why)
{
	struct kubernetes *k = sq_container(w, struct kubernetes, others);
	bool refused = !up && w->refused == 403, was = k->others_refused;
	const char *kind = object_plural(shape_other_kind(k->style.shape));

	w->up = up;
	k->others_refused = refused;
	if (refused && was)
		return;
	if (refused)
		SQ_INFO(k->host, NULL,
		        "no rights to list and watch %s: all is well unless tests that still run were made "
		        "as such",
		        kind);
	watch_state(k, kind, up || refused, why);
}

static void pods_state(struct watch *w, bool up, const char *why)
{
	w->up = up;
	watch_state(sq_container(w, struct kubernetes, pods), "pods", up, why);
}

static const struct watch_calls workload_calls = {workload_changed, workloads_begin, workloads_end,
                                                  workloads_state};
static const struct watch_calls other_calls = {other_changed, others_begin, others_end, others_state};
static const struct watch_calls pod_calls = {pod_changed, pods_begin, pods_end, pods_state};

static void collection(const struct kubernetes *k, enum shape shape, char out[200])
{
	snprintf(out, 200, "%s/namespaces/%s/%s", object_group(shape), k->conf->ns, object_plural(shape));
}

void kubernetes_shaped(struct kubernetes *k)
{
	collection(k, k->style.shape, k->workloads_path);
	collection(k, shape_other_kind(k->style.shape), k->others_path);
	snprintf(k->selector, sizeof k->selector, "%s%s", OBJECT_SELECTOR, k->conf->space);
	snprintf(k->pods_path, sizeof k->pods_path, "/api/v1/namespaces/%s/pods", k->conf->ns);
	watch_start(&k->workloads, &k->api, &workload_calls, k->workloads_path, k->selector);
	watch_start(&k->others, &k->api, &other_calls, k->others_path, k->selector);
	watch_start(&k->pods, &k->api, &pod_calls, k->pods_path, k->selector);
	care_start(k);
}

/* --- life ------------------------------------------------------------------------------------ */

/* An object, or none for "". */
static int read_json(const char *option, const char *text, struct json_object **ret, struct sq_err *err)
{
	struct json_object *o = NULL;
	struct sq_err why;
	int r;

	*ret = NULL;
	if (!*text)
		return 0;
	r = doc_parse((struct sq_slice){text, strlen(text)}, 32, &o, &why);
	if (r == 0 && !json_object_is_type(o, json_type_object))
		r = sq_fail(&why, -EINVAL, "it is no object");
	if (r < 0) {
		json_object_put(o);
		return sq_fail(err, r, "scheduler.%s: not a JSON object: %s", option, why.text);
	}
	*ret = o;
	return 0;
}

/* The worker is known by the name of its container, and is the only one that we write. */
static int check_style(const struct object_style *s, struct sq_err *err)
{
	if (s->container && json_object_object_get_ex(s->container, "name", NULL))
		return sq_fail(
		    err, -EINVAL,
		    "scheduler.container: the name of the workers' container stays: leave name out");
	if (s->pod && json_object_object_get_ex(s->pod, "containers", NULL))
		return sq_fail(
		    err, -EINVAL,
		    "scheduler.pod: containers would replace the worker: say what is to be other in the "
		    "option container");
	return 0;
}

static void free_style(struct object_style *s)
{
	json_object_put(s->pod);
	json_object_put(s->container);
	json_object_put(s->annotations);
	s->pod = s->container = s->annotations = NULL;
}

static int read_style(const struct kubernetes_conf *c, struct object_style *s, struct sq_err *err)
{
	int r;

	*s = (struct object_style){.space = c->space,
	                           .image = c->image,
	                           .pull_policy = c->image_pull_policy,
	                           .service_account = c->service_account,
	                           .env = c->env,
	                           .grace = c->grace};
	r = read_json("pod", c->pod, &s->pod, err);
	if (r == 0)
		r = read_json("container", c->container, &s->container, err);
	if (r == 0)
		r = read_json("annotations", c->annotations, &s->annotations, err);
	if (r == 0)
		r = check_style(s, err);
	for (const char *const *e = c->env; r == 0 && *e; e++)
		if (strchr(*e, '=') == NULL || **e == '=')
			r = sq_fail(err, -EINVAL, "scheduler.env: \"%s\" is not NAME=value", *e);
	if (r < 0)
		free_style(s);
	return r;
}

static int kubernetes_check(const void *conf, struct sq_err *err)
{
	const struct kubernetes_conf *c = conf;
	struct object_style style;
	int r = read_style(c, &style, err);

	if (r < 0)
		return r;
	free_style(&style);
	if (!object_is_label(c->space))
		return sq_fail(err, -EINVAL,
		               "scheduler.space: \"%.64s\" is no label: up to 63 letters, digits and - _ ., "
		               "the first and the last a letter or digit",
		               c->space);
	if (!*c->cert != !*c->key)
		return sq_fail(err, -EINVAL,
		               "scheduler.cert and scheduler.key go together: give both or none");
	return 0;
}

static int kubernetes_create(const struct sq_host *host, const void *conf, void **ret_self,
                             struct sq_err *err)
{
	struct kubernetes *k = calloc(1, sizeof *k);
	int r;

	if (!k)
		return sq_fail(err, -ENOMEM, "not enough memory");
	k->magic = KUBERNETES_MAGIC;
	k->host = host;
	k->conf = conf;
	list_init(&k->tasks);
	cluster_init(&k->cluster);
	k->cluster.changed = job_did_change;
	k->cluster.forgotten = job_forgotten;
	k->answer.run = verbs_answer;
	r = read_style(k->conf, &k->style, err);
	if (r < 0) {
		free(k);
		return r;
	}
	*ret_self = k;
	return 0;
}

static int open_api(struct kubernetes *k, struct sq_err *err)
{
	const struct kubernetes_conf *c = k->conf;
	const struct api_access access = {.server = c->api_server,
	                                  .ca = c->ca,
	                                  .cert = c->cert,
	                                  .key = c->key,
	                                  .token_file = c->token_file,
	                                  .token = c->token};

	return api_init(&k->api, k->host, &access, err);
}

static int kubernetes_start(void *self, struct sq_err *err)
{
	struct kubernetes *k = kubernetes_of(self);
	int r = open_api(k, err);

	if (r < 0)
		return r;
	k->host->ready(k->host->ctx, 0, "the API server was not reached yet");
	shape_ask(k);
	return 0;
}

static void kubernetes_probe(void *self, struct sq_op *op, struct sq_err *err)
{
	struct kubernetes *k = kubernetes_of(self);
	int r = open_api(k, err);

	if (r < 0)
		k->host->op_done(k->host->ctx, op, r);
	else
		rights_probe(k, op, err);
}

/* The workers go on without us. */
static void kubernetes_drain(void *self, struct sq_op *op)
{
	struct kubernetes *k = kubernetes_of(self);

	k->host->op_done(k->host->ctx, op, 0);
}

static void kubernetes_destroy(void *self)
{
	struct kubernetes *k = kubernetes_of(self);

	verbs_free(k);
	care_stop(k);
	watch_stop(&k->workloads);
	watch_stop(&k->others);
	watch_stop(&k->pods);
	k->host->timer_stop(k->host->ctx, &k->ask_again);
	api_forget(&k->version);
	rights_free(k);
	api_free(&k->api);
	cluster_free(&k->cluster);
	free_style(&k->style);
	k->magic = 0;
	free(k);
}

static const struct sq_scheduler kubernetes_scheduler = {.size = sizeof(struct sq_scheduler),
                                                         .prepare = verb_prepare,
                                                         .resume = verb_resume,
                                                         .claim = verb_claim,
                                                         .stop = verb_stop,
                                                         .list = verb_list,
                                                         .cancel = verb_cancel};

SQ_PLUGIN(scheduler, SQ_SCHEDULER, kubernetes, .version = PACKAGE_VERSION,
          .summary = "Runs the workers as pods of a Kubernetes cluster", .opts = kubernetes_opts,
          .conf_size = sizeof(struct kubernetes_conf), .check = kubernetes_check, .create = kubernetes_create,
          .start = kubernetes_start, .drain = kubernetes_drain, .destroy = kubernetes_destroy,
          .probe = kubernetes_probe, .vt.scheduler = &kubernetes_scheduler);
