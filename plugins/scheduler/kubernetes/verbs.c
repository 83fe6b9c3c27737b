/*
 * verbs.c - what an orchestrator asks for, each a task of a few requests.
 *
 *     prepare  prepare.c
 *     resume   GET -> PATCH fence and let go
 *     claim    GET -> PATCH fence
 *     stop     GET -> DELETE -> wait until the watches show that nothing is left
 *
 * Each change names the version that was read: who loses the race reads again. A fence above ours ends the
 * task. Every task can be repeated from its beginning, whatever became of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "task.h"

#define KILL_GRACE "1" /* s; 0 would take the pod out of the books before its node has ended it */

/* --- resume ---------------------------------------------------------------------------------- */

static void resume_found(struct api_call *c, int status, struct json_object *answer);

static void resume_done(struct api_call *c, int status, struct json_object *answer)
{
	task_changed(task_of(c), status, answer, resume_found);
}

static bool has_ended(struct task *t)
{
	struct job *j = cluster_find(&t->k->cluster, t->name);

	return t->workload.terminating || t->workload.ended ||
	       (j && j->exists && strcmp(j->workload.uid, t->workload.uid) == 0 &&
	        job_phase(j) == SQ_JOB_ENDED);
}

static void resume_found(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);
	const struct sq_host *h = t->k->host;

	if (!task_found(t, status, answer))
		return;
	if (t->workload.resumed ? has_ended(t) : t->workload.terminating)
		task_refuse(t, -EALREADY, "its workers have ended");
	else if (!t->workload.resumed)
		task_ask(t, "PATCH", t->name,
		         object_patch_resume(&t->workload, t->rq->fence, h->wall(h->ctx)), resume_done);
	else if (t->workload.fence < t->rq->fence)
		task_ask(t, "PATCH", t->name, object_patch_fence(&t->workload, t->rq->fence), resume_done);
	else
		task_end(t, 0);
}

/* --- claim ----------------------------------------------------------------------------------- */

static void claim_found(struct api_call *c, int status, struct json_object *answer);

static void claim_done(struct api_call *c, int status, struct json_object *answer)
{
	task_changed(task_of(c), status, answer, claim_found);
}

static void claim_found(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);

	if (!task_found(t, status, answer))
		return;
	if (t->workload.terminating)
		task_refuse(t, -EAGAIN, "it is being deleted");
	else if (t->workload.fence < t->rq->fence)
		task_ask(t, "PATCH", t->name, object_patch_fence(&t->workload, t->rq->fence), claim_done);
	else
		task_end(t, 0);
}

/* --- stop ------------------------------------------------------------------------------------ */

static void stop_found(struct api_call *c, int status, struct json_object *answer);

static bool nothing_left(const struct task *t)
{
	return kubernetes_synced(t->k) && !cluster_find(&t->k->cluster, t->name);
}

static void killed(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);

	(void)answer;
	if (status < 0)
		SQ_WARN(t->k->host, SQ_KV({"test", t->rq->id}),
		        "its pods ignore SIGTERM and could not be ended sooner: %s", c->why);
}

/* The grace is over. */
static void stop_kill(struct sq_timer *timer)
{
	struct task *t = sq_container(timer, struct task, kill);

	buf_printf(&t->call.path,
	           "/api/v1/namespaces/%s/"
	           "pods?labelSelector=squall.io%%2Fworkload%%3D%s&gracePeriodSeconds=" KILL_GRACE,
	           t->k->conf->ns, t->name);
	t->call.method = "DELETE";
	t->call.patch = false;
	t->call.done = killed;
	api_call(&t->k->api, &t->call);
}

static void wait_for_end(struct task *t)
{
	const struct sq_host *h = t->k->host;

	t->waiting = true;
	if (nothing_left(t)) {
		task_end(t, 0);
		return;
	}
	t->kill.fire = stop_kill;
	h->timer_start(h->ctx, &t->kill, t->rq->grace);
}

static void stop_deleted(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);

	(void)answer;
	if (status == -SQ_ECONFLICT)
		task_read_again(t, stop_found);
	else if (status < 0 && status != -ENOENT)
		task_trouble(t, status);
	else
		wait_for_end(t);
}

static void stop_found(struct api_call *c, int status, struct json_object *answer)
{
	struct task *t = task_of(c);

	if (status == -ENOENT) {
		wait_for_end(t);
		return;
	}
	if (status < 0) {
		task_trouble(t, status);
		return;
	}
	if (task_take(t, answer) && task_may_change(t))
		task_ask(t, "DELETE", t->name, object_delete(&t->workload), stop_deleted);
}

static struct task *find_over(struct kubernetes *k)
{
	for (struct link *l = k->tasks.next; l != &k->tasks; l = l->next) {
		struct task *t = sq_container(l, struct task, link);

		if (t->waiting && nothing_left(t))
			return t;
	}
	return NULL;
}

void verbs_look(struct kubernetes *k)
{
	struct task *t;

	while ((t = find_over(k)) != NULL)
		task_end(t, 0);
	if (k->list_ops && kubernetes_synced(k))
		k->host->later(k->host->ctx, &k->answer);
}

/* --- submission ------------------------------------------------------------------------------ */

static void begin(struct task *t)
{
	static next_fn *const found[] = {[RESUME] = resume_found, [CLAIM] = claim_found, [STOP] = stop_found};

	task_find(t);
	if (t->verb == PREPARE)
		prepare_begin(t);
	else
		task_ask(t, "GET", t->name, NULL, found[t->verb]);
}

/* Before it is known what the server can take, and what there is, tasks wait. */
static int submit(struct kubernetes *k, struct sq_job_rq *rq, enum verb verb)
{
	struct task *t;
	int r = task_new(k, rq, verb, &t);

	if (r == 0 && k->begun)
		begin(t);
	return r;
}

void verbs_begin(struct kubernetes *k)
{
	for (struct link *l = k->tasks.next; l != &k->tasks; l = l->next)
		begin(sq_container(l, struct task, link)); /* ends none: its first request is on its way */
}

/* Its workload is being deleted, or pods of a deleted one are left. */
static bool still_ending(struct kubernetes *k, const char *id)
{
	char name[OBJECT_NAME_MAX + 1];
	struct job *j;

	object_name(id, name);
	for (struct link *l = k->tasks.next; l != &k->tasks; l = l->next) {
		const struct task *t = sq_container(l, struct task, link);

		if (t->verb == STOP && strcmp(t->name, name) == 0)
			return true;
	}
	j = cluster_find(&k->cluster, name);
	return j && !j->exists;
}

int verb_prepare(void *self, struct sq_job_rq *rq)
{
	struct kubernetes *k = kubernetes_of(self);

	if (rq->id && still_ending(k, rq->id)) {
		rq->reason = "its last workers are still ending";
		return -EAGAIN;
	}
	return submit(k, rq, PREPARE);
}

int verb_resume(void *self, struct sq_job_rq *rq)
{
	return submit(kubernetes_of(self), rq, RESUME);
}

int verb_claim(void *self, struct sq_job_rq *rq)
{
	return submit(kubernetes_of(self), rq, CLAIM);
}

int verb_stop(void *self, struct sq_job_rq *rq)
{
	return submit(kubernetes_of(self), rq, STOP);
}

/* --- lists, linked by op.driver -------------------------------------------------------------- */

int verb_list(void *self, struct sq_job_list *rq)
{
	struct kubernetes *k = kubernetes_of(self);

	rq->op.driver = k->list_ops;
	k->list_ops = &rq->op;
	verbs_look(k);
	return 0;
}

static uint32_t fill(struct kubernetes *k, struct sq_job_state *out)
{
	uint32_t n = 0;

	for (struct link *l = k->cluster.jobs.next; l != &k->cluster.jobs; l = l->next) {
		struct job *j = sq_container(l, struct job, link);

		if (*j->workload.id && (!out || job_state(j, &out[n]) == 0))
			n++;
	}
	return n;
}

void verbs_answer(struct sq_post *p)
{
	struct kubernetes *k = sq_container(p, struct kubernetes, answer);
	struct sq_job_state *states = calloc((size_t)fill(k, NULL) + 1, sizeof *states);
	uint32_t n = states ? fill(k, states) : 0;
	struct sq_op *op;

	while ((op = k->list_ops) != NULL) {
		struct sq_job_list *rq = sq_container(op, struct sq_job_list, op);

		k->list_ops = op->driver;
		rq->jobs = states;
		rq->count = n;
		k->host->op_done(k->host->ctx, op, states ? 0 : -ENOMEM);
	}
	free(states);
}

/* --- forgotten, and the end ------------------------------------------------------------------ */

int verb_cancel(void *self, struct sq_op *op)
{
	struct kubernetes *k = kubernetes_of(self);

	for (struct sq_op **at = &k->list_ops; *at; at = (struct sq_op **)&(*at)->driver) {
		if (*at == op) {
			*at = op->driver;
			return 0;
		}
	}
	task_drop(op->driver);
	return 1;
}

void verbs_free(struct kubernetes *k)
{
	k->host->unpost(k->host->ctx, &k->answer);
	while (!list_empty(&k->tasks))
		task_drop(sq_container(k->tasks.next, struct task, link));
}
