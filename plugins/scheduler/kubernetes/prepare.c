/*
 * prepare.c - makes a test's objects, or takes over those that are there.
 *
 *     POST workload -> POST Secret -> POST NetworkPolicy
 *        409: GET -> same plan? -> PATCH fence -> the same two
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "task.h"

static void prepare_found(struct api_call *c, int status, struct json_object *answer);

static void prepare_finish(struct task *t)
{
	task_end(t, 0);
}

static void policy_made(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);

	(void)answer;
	if (status == 0 || status == -EEXIST)
		prepare_finish(t);
	else
		task_trouble(t, status);
}

static void make_policy(struct task *t)
{
	if (t->k->conf->network_policy)
		task_make(t, "/apis/networking.k8s.io/v1", object_policy(t->object), policy_made);
	else
		prepare_finish(t);
}

static bool owned_by(struct json_object *o, const char *uid)
{
	struct json_object *metadata = NULL, *owners = NULL, *owner, *v = NULL;

	json_object_object_get_ex(o, "metadata", &metadata);
	json_object_object_get_ex(metadata, "ownerReferences", &owners);
	owner = json_object_is_type(owners, json_type_array) ? json_object_array_get_idx(owners, 0) : NULL;
	json_object_object_get_ex(owner, "uid", &v);
	return v && strcmp(json_object_get_string(v), uid) == 0;
}

static void secret_found(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);

	if (status == 0 && owned_by(answer, t->workload.uid)) {
		t->rq->adopted = true;
		make_policy(t);
	} else if (status == 0 || status == -ENOENT) {
		task_refuse(t, -EAGAIN, "the variables of its last workers are being deleted");
	} else {
		task_trouble(t, status);
	}
}

static void secret_made(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);

	(void)answer;
	if (status == 0) {
		t->rq->adopted = false; /* no worker can have started without it */
		make_policy(t);
	} else if (status == -EEXIST) {
		buf_printf(&t->call.path, "/api/v1/namespaces/%s/secrets/%s", t->k->conf->ns, t->name);
		t->call.method = "GET";
		t->call.done = secret_found;
		api_call(&t->k->api, &t->call);
	} else {
		task_trouble(t, status);
	}
}

static void make_secret(struct task *t)
{
	task_make(t, "/api/v1", object_secret(t->object, t->rq->job), secret_made);
}

static void prepare_claimed(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);

	if (status == -SQ_ECONFLICT || status == -ENOENT) {
		task_read_again(t, prepare_found);
		return;
	}
	if (status < 0) {
		task_trouble(t, status);
		return;
	}
	if (!task_take(t, answer))
		return;
	cluster_workload_changed(&t->k->cluster, &t->workload);
	make_secret(t);
}

static void prepare_made(struct api_call *c, int status, struct json_object *answer);

static void prepare_found(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);

	if (status == -ENOENT) {
		t->shape = t->k->style.shape;
		task_ask(t, "POST", NULL, json_object_get(t->asked), prepare_made);
		return;
	}
	if (status < 0) {
		task_trouble(t, status);
		return;
	}
	if (!task_take(t, answer) || !task_may_change(t))
		return;
	if (t->workload.terminating)
		task_refuse(t, -EAGAIN, "its last workers are being deleted");
	else if (strcmp(t->workload.plan_sha256, t->rq->job->plan_sha256) != 0)
		task_refuse(t, -EEXIST, "there are workers of another plan");
	else if (t->workload.fence < t->rq->fence)
		task_ask(t, "PATCH", t->name, object_patch_fence(&t->workload, t->rq->fence),
		         prepare_claimed);
	else
		make_secret(t);
}

static void warn_dropped(struct task *t, struct json_object *answer)
{
	char dropped[300];

	object_dropped(t->asked, answer, dropped, sizeof dropped);
	if (*dropped)
		SQ_WARN(t->k->host, SQ_KV({"test", t->rq->id}),
		        "the API server left out what it does not know: %s; look at the options pod and "
		        "container of "
		        "the scheduler, or choose workload = \"deployment\", which asks for less",
		        dropped);
}

static void prepare_made(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);

	if (status == -EEXIST) {
		task_read_again(t, prepare_found);
		return;
	}
	if (status < 0) {
		task_trouble(t, status);
		return;
	}
	warn_dropped(t, answer);
	if (!task_take(t, answer))
		return;
	if (cluster_workload(&t->k->cluster, &t->workload) < 0)
		SQ_DEBUG(t->k->host, NULL,
		         "not enough memory to remember a workload: the watch will bring it");
	make_secret(t);
}

void prepare_begin(struct task *t)
{
	t->asked = object_workload(&t->k->style, t->rq->id, t->rq->fence, t->rq->job);
	t->rq->adopted = false;
	if (t->shape != t->k->style.shape)
		task_read_again(t, prepare_found); /* made as the other kind */
	else
		task_ask(t, "POST", NULL, json_object_get(t->asked), prepare_made);
}
