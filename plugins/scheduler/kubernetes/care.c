/*
 * care.c - looked at each second: what the platform does not do, or does not say where we watch.
 *
 * A Deployment and a Job of an old server know neither a deadline after which all is ended nor how many
 * lost workers are too many. We end them, whoever we are: the change names the version that was judged.
 * And that a quota refuses pods is told by events alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes.h"

#define EVERY SQ_S
#define SHORT_FOR (5 * SQ_S) /* fewer pods than asked for: then events are read, and again after as long */

struct care {
	struct kubernetes *k;
	char name[OBJECT_NAME_MAX + 1];
	struct api_call end, events;
};

static struct care *care_of(struct kubernetes *k, struct job *j)
{
	struct care *c = j->care;

	if (c)
		return c;
	c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->k = k;
	snprintf(c->name, sizeof c->name, "%s", j->name);
	j->care = c;
	return c;
}

void care_forget(struct kubernetes *k, struct job *j)
{
	struct care *c = j->care;

	(void)k;
	if (!c)
		return;
	api_forget(&c->end);
	api_forget(&c->events);
	free(c);
	j->care = NULL;
}

/* --- the end --------------------------------------------------------------------------------- */

static void ended(struct api_call *call, int status, struct json_object *answer)
{
	struct care *c = sq_container(call, struct care, end);
	struct workload w;

	if (status == 0 && workload_read(answer, &w) == 0)
		cluster_workload_changed(&c->k->cluster, &w);
	else if (status < 0 && status != -SQ_ECONFLICT && status != -ENOENT)
		SQ_WARN(c->k->host, SQ_KV({"workload", c->name}), "it has to end, and could not be ended: %s",
		        call->why);
}

/* Why it has to end now, or NULL. */
static const char *verdict(const struct kubernetes *k, const struct job *j, char *out, size_t size)
{
	const struct workload *w = &j->workload;
	uint32_t gone = job_gone(j);

	if (!j->exists || !w->resumed || w->ended || w->terminating || w->shape == SHAPE_JOB)
		return NULL;
	if (gone > w->max_failed) {
		snprintf(out, size, "TooManyFailed: %u of %u workers ended, %u may", gone, w->workers,
		         w->max_failed);
		return out;
	}
	if (w->expires > 0 && k->host->wall(k->host->ctx) > w->expires)
		return "DeadlineExceeded: the test should have been over";
	return NULL;
}

static void end_if_due(struct kubernetes *k, struct job *j)
{
	char text[128];
	const char *why = verdict(k, j, text, sizeof text);
	struct care *c = why ? care_of(k, j) : NULL;

	if (!c || api_busy(&c->end))
		return;
	c->end.method = "PATCH";
	c->end.patch = true;
	c->end.body = object_patch_end(&j->workload, why);
	c->end.done = ended;
	kubernetes_path(k, j->workload.shape, &c->end.path, j->name);
	c->end.path.failed |= !c->end.body;
	api_call(&k->api, &c->end);
}

/* --- why pods do not come -------------------------------------------------------------------- */

/* Once: it stays so until somebody changes the Role. */
static void tell_refused(struct kubernetes *k, const char *why)
{
	if (k->events_refused)
		return;
	k->events_refused = true;
	SQ_WARN(k->host, NULL,
	        "pods do not come, and why cannot be read: the Role of the service account lacks the verb "
	        "list of "
	        "events in namespace %s: %s",
	        k->conf->ns, why);
}

static void explained(struct api_call *call, int status, struct json_object *answer)
{
	struct care *c = sq_container(call, struct care, events);
	struct job *j = cluster_find(&c->k->cluster, c->name);
	char text[sizeof j->trouble] = "";

	if (status == 0)
		events_read(answer, text, sizeof text);
	else if (status == -EACCES)
		tell_refused(c->k, call->why);
	if (!j || !*text || strcmp(text, j->trouble) == 0)
		return;
	memcpy(j->trouble, text, sizeof text);
	c->k->cluster.changed(&c->k->cluster, j);
}

static bool is_short(const struct job *j)
{
	const struct workload *w = &j->workload;

	return j->exists && w->resumed && !w->ended && job_alive(j) + job_gone(j) < w->workers;
}

static void explain_if_short(struct kubernetes *k, struct job *j)
{
	int64_t now = kubernetes_now(k);
	struct care *c;

	if (!is_short(j) || j->short_since == 0) {
		j->short_since = is_short(j) ? now : 0;
		return;
	}
	c = now - j->short_since >= SHORT_FOR ? care_of(k, j) : NULL;
	if (!c || api_busy(&c->events))
		return;
	j->short_since = now;
	c->events.method = "GET";
	c->events.done = explained;
	buf_printf(&c->events.path, "/api/v1/namespaces/%s/events?fieldSelector=involvedObject.uid%%3D%s",
	           k->conf->ns, j->workload.uid);
	api_call(&k->api, &c->events);
}

/* --- life ------------------------------------------------------------------------------------ */

static void look(struct sq_timer *timer)
{
	struct kubernetes *k = sq_container(timer, struct kubernetes, care);

	k->host->timer_start(k->host->ctx, timer, EVERY);
	if (!kubernetes_synced(k))
		return;
	for (struct link *l = k->cluster.jobs.next; l != &k->cluster.jobs; l = l->next) {
		struct job *j = sq_container(l, struct job, link);

		end_if_due(k, j);
		explain_if_short(k, j);
	}
}

void care_start(struct kubernetes *k)
{
	k->care.fire = look;
	k->host->timer_start(k->host->ctx, &k->care, EVERY);
}

void care_stop(struct kubernetes *k)
{
	k->host->timer_stop(k->host->ctx, &k->care);
	for (struct link *l = k->cluster.jobs.next; l != &k->cluster.jobs; l = l->next)
		care_forget(k, sq_container(l, struct job, link));
}
