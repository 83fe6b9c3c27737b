/* cluster.c - tables of workloads and pods. */
#include "cluster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- jobs and their pods --------------------------------------------------------------------- */

struct job *cluster_find(struct cluster *c, const char *name)
{
	for (struct link *l = c->jobs.next; l != &c->jobs; l = l->next) {
		struct job *j = sq_container(l, struct job, link);

		if (strcmp(j->name, name) == 0)
			return j;
	}
	return NULL;
}

static struct job *get_job(struct cluster *c, const char *name)
{
	struct job *j = cluster_find(c, name);

	if (j)
		return j;
	j = calloc(1, sizeof *j);
	if (!j)
		return NULL;
	snprintf(j->name, sizeof j->name, "%s", name);
	list_init(&j->pods);
	list_add_last(&c->jobs, &j->link);
	return j;
}

static struct pod_seen *find_pod(struct job *j, const char *name)
{
	for (struct link *l = j->pods.next; l != &j->pods; l = l->next) {
		struct pod_seen *s = sq_container(l, struct pod_seen, link);

		if (strcmp(s->pod.name, name) == 0)
			return s;
	}
	return NULL;
}

static void free_job(struct job *j)
{
	list_remove(&j->link);
	while (!list_empty(&j->pods)) {
		struct pod_seen *s = sq_container(j->pods.next, struct pod_seen, link);

		list_remove(&s->link);
		free(s);
	}
	free(j->workers);
	free(j);
}

static uint32_t count(const struct job *j, bool gone)
{
	uint32_t n = 0;

	for (struct link *l = j->pods.next; l != &j->pods; l = l->next)
		n += (sq_container(l, struct pod_seen, link)->pod.phase == SQ_W_GONE) == gone;
	return n;
}

uint32_t job_alive(const struct job *j)
{
	return count(j, false);
}

uint32_t job_gone(const struct job *j)
{
	return count(j, true);
}

static void tell(struct cluster *c, struct job *j)
{
	c->changed(c, j);
	if (!j->exists && job_alive(j) == 0) {
		c->forgotten(c, j);
		free_job(j);
	}
}

/* --- reports --------------------------------------------------------------------------------- */

/* Versions are opaque by contract; in fact they are numbers of one growing sequence. */
static bool older(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	return n != m ? n < m : strcmp(a, b) < 0;
}

int cluster_workload(struct cluster *c, const struct workload *w)
{
	struct job *j = get_job(c, w->name);

	if (!j)
		return -ENOMEM;
	j->listed = true;
	if (j->exists && older(w->version, j->workload.version))
		return 0;
	j->exists = true;
	j->workload = *w;
	tell(c, j);
	return 0;
}

void cluster_workload_changed(struct cluster *c, const struct workload *w)
{
	struct job *j = cluster_find(c, w->name);

	if (j && j->exists && strcmp(j->workload.uid, w->uid) == 0)
		cluster_workload(c, w);
}

void cluster_workload_gone(struct cluster *c, const char *name, const char *uid)
{
	struct job *j = cluster_find(c, name);

	if (!j || !j->exists || (uid && strcmp(j->workload.uid, uid) != 0))
		return;
	j->exists = false;
	tell(c, j);
}

static bool same(const struct pod *a, const struct pod *b)
{
	return a->phase == b->phase && a->exit_code == b->exit_code && strcmp(a->reason, b->reason) == 0;
}

int cluster_pod(struct cluster *c, const struct pod *p, bool gone)
{
	struct job *j = gone ? cluster_find(c, p->workload) : get_job(c, p->workload);
	struct pod_seen *s = j ? find_pod(j, p->name) : NULL;
	struct pod news = *p;

	if (!j || (gone && !s))
		return gone ? 0 : -ENOMEM;
	if (!s) {
		s = calloc(1, sizeof *s);
		if (!s)
			return -ENOMEM;
		list_add_last(&j->pods, &s->link);
		s->pod.phase = (enum sq_worker_phase) - 1; /* unlike any */
	}
	s->listed = true;
	if (s->pod.phase == SQ_W_GONE) /* whatever it is now, that worker has ended */
		return 0;
	if (gone)
		news.phase = SQ_W_GONE;
	if (same(&s->pod, &news))
		return 0;
	s->pod = news;
	tell(c, j);
	return 0;
}

/* --- whole lists ----------------------------------------------------------------------------- */

static bool is_of_kind(const struct job *j, bool deployments)
{
	return (j->workload.shape == SHAPE_DEPLOYMENT) == deployments;
}

void cluster_workloads_begin(struct cluster *c, bool deployments)
{
	for (struct link *l = c->jobs.next; l != &c->jobs; l = l->next) {
		struct job *j = sq_container(l, struct job, link);

		if (is_of_kind(j, deployments))
			j->listed = false;
	}
}

void cluster_workloads_end(struct cluster *c, bool deployments)
{
	for (struct link *l = c->jobs.next, *next; l != &c->jobs; l = next) {
		struct job *j = sq_container(l, struct job, link);

		next = l->next;
		if (!j->listed && is_of_kind(j, deployments))
			cluster_workload_gone(c, j->name, NULL);
	}
}

void cluster_pods_begin(struct cluster *c)
{
	for (struct link *l = c->jobs.next; l != &c->jobs; l = l->next) {
		struct job *j = sq_container(l, struct job, link);

		for (struct link *p = j->pods.next; p != &j->pods; p = p->next)
			sq_container(p, struct pod_seen, link)->listed = false;
	}
}

void cluster_pods_end(struct cluster *c)
{
	for (struct link *l = c->jobs.next, *next; l != &c->jobs; l = next) {
		struct job *j = sq_container(l, struct job, link);
		bool lost = false;

		next = l->next;
		for (struct link *p = j->pods.next; p != &j->pods; p = p->next) {
			struct pod_seen *s = sq_container(p, struct pod_seen, link);

			if (s->listed || s->pod.phase == SQ_W_GONE)
				continue;
			s->pod.phase = SQ_W_GONE;
			lost = true;
		}
		if (lost)
			tell(c, j);
	}
}

/* --- states ---------------------------------------------------------------------------------- */

enum sq_job_phase job_phase(const struct job *j)
{
	const struct workload *w = &j->workload;
	uint32_t alive = job_alive(j), running = 0;

	for (struct link *l = j->pods.next; l != &j->pods; l = l->next)
		running += sq_container(l, struct pod_seen, link)->pod.phase == SQ_W_RUNNING;
	if (!j->exists)
		return alive == 0 ? SQ_JOB_GONE : SQ_JOB_RUNNING;
	if (!w->resumed)
		return SQ_JOB_PREPARED;
	if (alive == 0 && (w->ended || job_gone(j) >= w->workers))
		return SQ_JOB_ENDED;
	return running >= w->workers ? SQ_JOB_RUNNING : SQ_JOB_PENDING;
}

int job_state(struct job *j, struct sq_job_state *out)
{
	uint32_t n = 0;

	for (struct link *l = j->pods.next; l != &j->pods; l = l->next)
		n++;
	if (n > j->worker_room) {
		struct sq_job_worker *more = realloc(j->workers, n * sizeof *more);

		if (!more)
			return -ENOMEM;
		j->workers = more;
		j->worker_room = n;
	}
	n = 0;
	for (struct link *l = j->pods.next; l != &j->pods; l = l->next) {
		const struct pod *p = &sq_container(l, struct pod_seen, link)->pod;

		j->workers[n++] = (struct sq_job_worker){.name = p->name,
		                                         .phase = p->phase,
		                                         .exit_code = p->exit_code,
		                                         .reason = *p->reason ? p->reason : NULL};
	}
	*out = (struct sq_job_state){.id = j->workload.id,
	                             .phase = job_phase(j),
	                             .fence = j->workload.fence,
	                             .reason = *j->workload.reason ? j->workload.reason
	                                       : *j->trouble       ? j->trouble
	                                                           : NULL,
	                             .workers = j->workers,
	                             .worker_count = n};
	return 0;
}

/* --- life ------------------------------------------------------------------------------------ */

void cluster_init(struct cluster *c)
{
	list_init(&c->jobs);
}

void cluster_free(struct cluster *c)
{
	while (!list_empty(&c->jobs))
		free_job(sq_container(c->jobs.next, struct job, link));
}
