/*
 * fork.c - scheduler fork: a test's workers are processes of this machine, started from this same
 * program with the workers' .conf.
 *
 * Everything is in memory: the workers end with this process, by their life-line pipe, whatever
 * kills it (SQ_SCHEDULER_MORTAL). A verb decides at once and answers at the end of the loop turn;
 * only stop waits, until the last process is gone.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <squall/plugin.h>

#include "job.h"

#define FORK_MAGIC 0x6b726f66u

struct fork_conf {
	const char *worker_conf;
	int64_t max_workers;
	bool affinity;
};

static const struct sq_opt fork_opts[] = {
    SQ_STRING(struct fork_conf, worker_conf, SQ_CONF_DIR "/worker.conf",
              "The .conf that the workers run with."),
    SQ_INT(struct fork_conf, max_workers, "64", 1, 4096, "Most worker processes of one test."),
    SQ_BOOL(struct fork_conf, affinity, "false",
            "Pin each worker to a CPU of its own, counted round when there are fewer CPUs than workers."),
    SQ_OPTS_END,
};

/* An accepted request, on one of two lists: to be answered, or (stop) waiting for its job. */
struct answer {
	struct answer *next;
	struct sq_op *op; /* NULL: it was cancelled meanwhile */
	int status;
	struct job *job; /* whose state goes with it, or NULL; list: see is_list */
	bool is_list;
};

struct fork {
	uint32_t magic;
	const struct sq_host *host;
	const struct fork_conf *conf;
	struct job_site site;
	struct job *jobs;
	struct answer *ready, **ready_tail;
	struct answer *waiting; /* stops */
	struct sq_post post;
	struct sq_op *drain;
};

static struct fork *fork_of(void *self)
{
	struct fork *f = self;

	assert(f && f->magic == FORK_MAGIC);
	return f;
}

static struct job *find(struct fork *f, const char *id)
{
	struct job *j = f->jobs;

	while (j && strcmp(j->id, id) != 0)
		j = j->next;
	return j;
}

static void unlink_job(struct fork *f, struct job *j)
{
	struct job **at = &f->jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
}

/* Answers. */

static struct answer *answer_new(struct sq_op *op, struct job *j)
{
	struct answer *a = calloc(1, sizeof *a);

	if (a) {
		a->op = op;
		a->job = j;
		op->driver = a;
	}
	return a;
}

static void answer_later(struct fork *f, struct answer *a)
{
	a->next = NULL;
	*f->ready_tail = a;
	f->ready_tail = &a->next;
	f->host->later(f->host->ctx, &f->post);
}

static int answer(struct fork *f, struct sq_op *op, struct job *j)
{
	struct answer *a = answer_new(op, j);

	if (!a)
		return -ENOMEM;
	answer_later(f, a);
	return 0;
}

static void give_job(struct fork *f, struct answer *a)
{
	struct sq_job_rq *rq = sq_container(a->op, struct sq_job_rq, op);
	struct sq_job_worker *workers = NULL;

	if (a->job && a->status >= 0) {
		workers = calloc(a->job->count, sizeof *workers);
		if (workers)
			job_state(a->job, &rq->state, workers);
		else
			a->status = -ENOMEM;
	}
	f->host->op_done(f->host->ctx, a->op, a->status);
	free(workers);
}

static void give_list(struct fork *f, struct answer *a)
{
	struct sq_job_list *rq = sq_container(a->op, struct sq_job_list, op);
	size_t jobs = 0, workers = 0, i = 0, w = 0;
	struct sq_job_state *states;
	struct sq_job_worker *all;

	for (const struct job *j = f->jobs; j; j = j->next) {
		jobs++;
		workers += j->count;
	}
	states = calloc(jobs + 1, sizeof *states);
	all = calloc(workers + 1, sizeof *all);
	if (states && all) {
		for (const struct job *j = f->jobs; j; w += j->count, j = j->next)
			job_state(j, &states[i++], &all[w]);
		rq->jobs = states;
		rq->count = (uint32_t)jobs;
	} else {
		a->status = -ENOMEM;
	}
	f->host->op_done(f->host->ctx, a->op, a->status);
	free(states);
	free(all);
}

static void drained(struct fork *f)
{
	if (f->drain && !f->ready && !f->jobs) {
		struct sq_op *op = f->drain;

		f->drain = NULL;
		f->host->op_done(f->host->ctx, op, 0);
	}
}

static void answer_all(struct sq_post *p)
{
	struct fork *f = sq_container(p, struct fork, post);
	struct answer *a = f->ready, *next;

	f->ready = NULL;
	f->ready_tail = &f->ready;
	for (; a; a = next) {
		next = a->next;
		if (a->op && a->is_list)
			give_list(f, a);
		else if (a->op)
			give_job(f, a);
		free(a);
	}
	drained(f);
}

/* Every stop of this job has its answer, and the job is no more. */
static void finish_stops(struct fork *f, struct job *j)
{
	struct answer **at = &f->waiting, *a;

	while ((a = *at) != NULL) {
		if (a->job != j) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		a->job = NULL;
		answer_later(f, a);
	}
	/* Answers that were to carry the job's state go without it. */
	for (a = f->ready; a; a = a->next)
		if (a->job == j)
			a->job = NULL;
	unlink_job(f, j);
	job_free(j);
	f->host->later(f->host->ctx, &f->post);
}

static void tell(struct fork *f, const struct job *j, enum sq_job_phase phase)
{
	struct sq_job_worker *workers = calloc(j->count, sizeof *workers);
	struct sq_job_state state;

	if (!workers) {
		SQ_ERROR(f->host, SQ_KV({"test", j->id}),
		         "out of memory: a change of its workers goes unreported");
		return;
	}
	job_state(j, &state, workers);
	state.phase = phase;
	f->host->job_changed(f->host->ctx, &state);
	free(workers);
}

static void job_did_change(struct job *j)
{
	struct fork *f = sq_container(j->site, struct fork, site);

	if (job_running(j) == 0 && j->stopping) {
		tell(f, j, SQ_JOB_GONE);
		finish_stops(f, j);
	} else {
		tell(f, j, job_phase(j));
	}
}

/* Verbs. */

/* The job that a verb may change, or why not. */
static int take(struct fork *f, const struct sq_job_rq *rq, struct job **ret)
{
	struct job *j;

	if (!rq->id || !*rq->id || strlen(rq->id) > SQ_ID_MAX || rq->fence == 0)
		return -EINVAL;
	j = find(f, rq->id);
	if (!j)
		return -ENOENT;
	if (rq->fence < j->fence)
		return -SQ_EFENCED;
	*ret = j;
	return 0;
}

static int adopt(struct job *j, struct sq_job_rq *rq)
{
	if (j->stopping)
		return -EAGAIN;
	if (strcmp(j->plan_sha256, rq->job->plan_sha256) != 0)
		return -EEXIST;
	j->fence = rq->fence;
	rq->adopted = true;
	return 0;
}

static int fork_prepare(void *self, struct sq_job_rq *rq)
{
	struct fork *f = fork_of(self);
	struct job *j = NULL;
	int r = take(f, rq, &j);

	if (r == -EINVAL || !rq->job || rq->job->workers == 0 || strlen(rq->job->plan_sha256) > 64)
		return -EINVAL;
	rq->adopted = false;
	rq->reason = NULL;
	if (rq->job->workers > f->conf->max_workers) {
		rq->reason = "more workers than max_workers of scheduler fork allows";
		return -E2BIG;
	}
	if (r == 0)
		r = adopt(j, rq);
	if (r != -ENOENT)
		return r < 0 ? r : answer(f, &rq->op, j);
	j = job_new(&f->site, rq->id, rq->fence, rq->job);
	if (!j)
		return -ENOMEM;
	r = answer(f, &rq->op, j);
	if (r < 0) {
		job_free(j);
		return r;
	}
	j->next = f->jobs;
	f->jobs = j;
	return 0;
}

static int fork_resume(void *self, struct sq_job_rq *rq)
{
	struct fork *f = fork_of(self);
	struct job *j;
	struct sq_err err;
	int r = take(f, rq, &j);

	rq->reason = NULL;
	if (r < 0)
		return r;
	if (j->stopping || (j->resumed && job_running(j) == 0))
		return -EALREADY;
	j->fence = rq->fence;
	if (!j->resumed && (r = job_resume(j, &err)) < 0) {
		SQ_ERROR(f->host, SQ_KV({"test", j->id}), "%s", err.text);
		rq->reason = "a worker process could not be started: see the log of the orchestrator";
		return r;
	}
	return answer(f, &rq->op, j);
}

static int fork_claim(void *self, struct sq_job_rq *rq)
{
	struct fork *f = fork_of(self);
	struct job *j;
	int r = take(f, rq, &j);

	if (r < 0)
		return r;
	j->fence = rq->fence;
	return answer(f, &rq->op, j);
}

static int fork_stop(void *self, struct sq_job_rq *rq)
{
	struct fork *f = fork_of(self);
	struct answer *a;
	struct job *j;
	int r = take(f, rq, &j);

	if (r == -ENOENT)
		return answer(f, &rq->op, NULL);
	if (r < 0)
		return r;
	a = answer_new(&rq->op, j);
	if (!a)
		return -ENOMEM;
	j->fence = rq->fence;
	a->next = f->waiting;
	f->waiting = a;
	job_stop(j, rq->grace);
	if (job_running(j) == 0)
		finish_stops(f, j);
	return 0;
}

static int fork_list(void *self, struct sq_job_list *rq)
{
	struct fork *f = fork_of(self);
	struct answer *a = answer_new(&rq->op, NULL);

	if (!a)
		return -ENOMEM;
	a->is_list = true;
	answer_later(f, a);
	return 0;
}

/* A stop that was cancelled goes on killing; the rest was decided when it was submitted. */
static int fork_cancel(void *self, struct sq_op *op)
{
	struct fork *f = fork_of(self);
	struct answer *a = op->driver, **at = &f->waiting;

	while (*at && *at != a)
		at = &(*at)->next;
	if (*at) {
		*at = a->next;
		free(a);
	} else {
		a->op = NULL;
	}
	return 1;
}

/* Life. */

static int fork_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct fork *f = calloc(1, sizeof *f);

	if (!f)
		return sq_fail(err, -ENOMEM, "out of memory");
	f->magic = FORK_MAGIC;
	f->host = host;
	f->conf = conf;
	f->site = (struct job_site){
	    .host = host,
	    .worker_conf = f->conf->worker_conf,
	    .affinity = f->conf->affinity,
	    .changed = job_did_change,
	};
	f->ready_tail = &f->ready;
	f->post.run = answer_all;
	*ret_self = f;
	return 0;
}

static int fork_start(void *self, struct sq_err *err)
{
	struct fork *f = fork_of(self);
	FILE *readable = fopen(f->conf->worker_conf, "r");

	if (!readable)
		return sq_fail(err, -errno, "cannot read the workers' .conf %s (option worker_conf): %s",
		               f->conf->worker_conf, strerror(errno));
	fclose(readable);
	return 0;
}

/* The roles are gone, so nobody needs the workers any more: they get SIGTERM, and SIGKILL in destroy
 * if the process's grace ends first. */
static void fork_drain(void *self, struct sq_op *op)
{
	struct fork *f = fork_of(self);

	f->drain = op;
	for (struct job *j = f->jobs, *next; j; j = next) {
		next = j->next;
		job_stop(j, INT64_MAX / 4);
		if (job_running(j) == 0)
			finish_stops(f, j);
	}
	f->host->later(f->host->ctx, &f->post);
}

static void fork_destroy(void *self)
{
	struct fork *f = fork_of(self);

	f->host->unpost(f->host->ctx, &f->post);
	while (f->jobs) {
		struct job *j = f->jobs;

		f->jobs = j->next;
		job_free(j);
	}
	free(f);
}

static const struct sq_scheduler fork_vt = {
    .size = sizeof fork_vt,
    .caps = SQ_SCHEDULER_MORTAL,
    .prepare = fork_prepare,
    .resume = fork_resume,
    .claim = fork_claim,
    .stop = fork_stop,
    .list = fork_list,
    .cancel = fork_cancel,
};

SQ_PLUGIN(scheduler, SQ_SCHEDULER, fork, .version = PACKAGE_VERSION,
          .summary = "Runs the workers as processes of this machine.", .opts = fork_opts,
          .conf_size = sizeof(struct fork_conf), .create = fork_create, .start = fork_start,
          .drain = fork_drain, .destroy = fork_destroy, .vt.scheduler = &fork_vt);
