/* task.c - the requests of a task, and its end. */
#include "task.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#define RACES_MAX 8

/* --- the end of a task ----------------------------------------------------------------------- */

/* It is in no list any more. */
static void task_free(struct task *t)
{
	t->k->host->timer_stop(t->k->host->ctx, &t->kill);
	api_forget(&t->call);
	json_object_put(t->asked);
	json_object_put(t->object);
	free(t);
}

void task_drop(struct task *t)
{
	list_remove(&t->link);
	task_free(t);
}

static void fill_state(struct task *t)
{
	struct job *j = cluster_find(&t->k->cluster, t->name);

	if (j && j->exists && job_state(j, &t->rq->state) == 0)
		return;
	t->rq->state = (struct sq_job_state){
	    .id = t->rq->id, .phase = t->verb == STOP ? SQ_JOB_GONE : SQ_JOB_PREPARED, .fence = t->rq->fence};
}

void task_end(struct task *t, int status)
{
	const struct sq_host *h = t->k->host;
	struct sq_job_rq *rq = t->rq;

	list_remove(&t->link); /* done() may ask for anything */
	if (status >= 0)
		fill_state(t);
	else if (*t->why)
		rq->reason = t->why;
	if (status < 0)
		SQ_DEBUG(h, SQ_KV({"test", rq->id}), "not done: %s", t->why);
	h->op_done(h->ctx, &rq->op, status);
	task_free(t);
}

void task_refuse(struct task *t, int status, const char *why)
{
	snprintf(t->why, sizeof t->why, "%s", why);
	task_end(t, status);
}

/* What the server said ends the task. */
void task_trouble(struct task *t, int status)
{
	/* A quota is a 403 as well. */
	bool rights = t->call.http == 403 && strstr(t->call.why, " cannot ");

	snprintf(t->why, sizeof t->why, "%.300s%s", t->call.why,
	         rights                ? " (has the service account the rights of the Role?)"
	         : t->call.http == 401 ? " (is the token this cluster's, and not over?)"
	                               : "");
	task_end(t, status == -EHOSTUNREACH ? -SQ_EUNCERTAIN : status);
}

/* --- requests -------------------------------------------------------------------------------- */

void task_ask(struct task *t, const char *method, const char *name, struct json_object *body, next_fn *next)
{
	t->call.method = method;
	kubernetes_path(t->k, t->shape, &t->call.path, name);
	t->call.body = body;
	t->call.patch = strcmp(method, "PATCH") == 0;
	t->call.done = next;
	if (!body && strcmp(method, "GET") != 0)
		t->call.path.failed = true; /* it could not be written for want of memory */
	api_call(&t->k->api, &t->call);
}

void task_make(struct task *t, const char *collection, struct json_object *body, next_fn *next)
{
	buf_printf(&t->call.path, "%s/namespaces/%s/%s", collection, t->k->conf->ns,
	           strcmp(collection, "/api/v1") == 0 ? "secrets" : "networkpolicies");
	t->call.method = "POST";
	t->call.body = body;
	t->call.patch = false;
	t->call.done = next;
	if (!body)
		t->call.path.failed = true;
	api_call(&t->k->api, &t->call);
}

/* The workload as it is now. False when the task has ended for it. */
bool task_take(struct task *t, struct json_object *answer)
{
	json_object_put(t->object);
	t->object = json_object_get(answer);
	if (workload_read(answer, &t->workload) < 0 || strcmp(t->workload.id, t->rq->id) != 0) {
		task_refuse(t, -EEXIST, "there is an object of that name which is not ours: delete it");
		return false;
	}
	return true;
}

/* The version may be owned by somebody newer. */
bool task_may_change(struct task *t)
{
	if (t->workload.fence > t->rq->fence) {
		task_refuse(t, -SQ_EFENCED, "it belongs to a newer owner");
		return false;
	}
	return true;
}

void task_read_again(struct task *t, next_fn *next)
{
	if (++t->races > RACES_MAX)
		task_refuse(t, -SQ_EUNCERTAIN, "it changes faster than it can be read");
	else
		task_ask(t, "GET", t->name, NULL, next);
}

/* The one change that resume or claim is about. */
void task_changed(struct task *t, int status, struct json_object *answer, next_fn *again)
{
	if (status == -SQ_ECONFLICT) {
		task_read_again(t, again);
	} else if (status < 0) {
		task_trouble(t, status);
	} else if (task_take(t, answer)) {
		cluster_workload_changed(&t->k->cluster, &t->workload);
		task_end(t, 0);
	}
}

/* False when there is nothing that we may change, which ends the task. */
bool task_found(struct task *t, int status, struct json_object *answer)
{
	if (status == -ENOENT)
		task_refuse(t, status, "there is no such workload");
	else if (status < 0)
		task_trouble(t, status);
	return status == 0 && task_take(t, answer) && task_may_change(t);
}

/* --- a new one --- */

void task_find(struct task *t)
{
	struct job *j = cluster_find(&t->k->cluster, t->name);

	t->shape = j && j->exists ? j->workload.shape : t->k->style.shape;
}

static int check(const struct sq_job_rq *rq, enum verb verb)
{
	const struct sq_job *job = rq->job;

	if (!rq->id || !*rq->id || strlen(rq->id) > SQ_ID_MAX || rq->fence == 0)
		return -EINVAL;
	if (verb == PREPARE &&
	    (!job || job->workers == 0 || !job->plan_sha256 || strlen(job->plan_sha256) > 64))
		return -EINVAL;
	return 0;
}

int task_new(struct kubernetes *k, struct sq_job_rq *rq, enum verb verb, struct task **ret)
{
	int r = check(rq, verb);
	struct task *t;

	rq->reason = NULL;
	if (r < 0)
		return r;
	t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	t->k = k;
	t->rq = rq;
	t->verb = verb;
	rq->op.driver = t;
	object_name(rq->id, t->name);
	list_add_last(&k->tasks, &t->link);
	*ret = t;
	return 0;
}
