/*
 * fork.c - scheduler fork: a test's workers are processes of this machine, started from this same
 * program with the workers' .conf.
 *
 * The workers end with this process, by their life-line pipe, whatever kills it (SQ_SCHEDULER_MORTAL). While
 * it only sleeps another process of the same state folder may take a job over (shared.h). A verb decides at
 * once and answers at the end of the loop turn; only stop waits, until the last process is gone. Jobs are
 * freed at the end of a turn alone, so that whoever is called back may look at them and ask for anything.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <squall/plugin.h>

#include "listing.h"
#include "shared.h"

#define FORK_MAGIC 0x6b726f66u
#define DRAIN_GRACE (3 * SQ_S) /* of workers that nobody stopped before the process ends */

struct fork_conf {
	const char *worker_conf;
	int64_t max_workers;
	bool affinity;
};

static const struct sq_opt fork_opts[] = {
    SQ_PATH(struct fork_conf, worker_conf, "worker.conf",
            "The .conf that the workers run with; by default the one beside this file."),
    SQ_INT(struct fork_conf, max_workers, "64", 1, 4096, "Most worker processes of one test."),
    SQ_BOOL(struct fork_conf, affinity, "false",
            "Pin each worker to a CPU of its own, counted round when there are fewer CPUs than workers."),
    SQ_OPTS_END,
};

struct fork {
	uint32_t magic;
	const struct sq_host *host;
	const struct fork_conf *conf;
	struct job_site site;
	int lifeline; /* our end: held open, never written */
	char dir[4096]; /* of the registry */
	struct job *jobs;
	struct job *buried; /* gone from jobs, its stops are being answered */
	struct sq_op *answers; /* requests that were decided: to be answered with their job */
	struct sq_op *lists; /* to be answered */
	struct sq_post post;
	struct sq_op *drain;
};

static struct fork *fork_of(void *self)
{
	struct fork *f = self;

	assert(f && f->magic == FORK_MAGIC);
	return f;
}

/* --- requests that wait, in order; linked by op.driver --- */

static struct sq_op **ops_find(struct sq_op **list, const struct sq_op *op)
{
	while (*list && *list != op)
		list = (struct sq_op **)&(*list)->driver;
	return list;
}

static void ops_add(struct sq_op **list, struct sq_op *op)
{
	op->driver = NULL;
	*ops_find(list, NULL) = op;
}

static bool ops_remove(struct sq_op **list, const struct sq_op *op)
{
	struct sq_op **at = ops_find(list, op);

	if (!*at)
		return false;
	*at = op->driver;
	return true;
}

static struct sq_op *ops_take(struct sq_op **list)
{
	struct sq_op *op = *list;

	if (op)
		*list = op->driver;
	return op;
}

static unsigned ops_count(const struct sq_op *op)
{
	unsigned n = 0;

	for (; op; op = op->driver)
		n++;
	return n;
}

/* --- jobs --- */

static struct job *find(struct fork *f, const char *id)
{
	struct job *j = f->jobs;

	while (j && strcmp(j->id, id) != 0)
		j = j->next;
	return j;
}

static void want_turn_end(struct fork *f)
{
	f->host->later(f->host->ctx, &f->post);
}

static void leave(struct fork *f, struct job *j, int64_t grace)
{
	j->leaving = true;
	job_end(j, grace);
	want_turn_end(f);
}

static void job_did_change(struct job *j)
{
	struct fork *f = sq_container(j->site, struct fork, site);
	struct sq_job_state state;

	if (j->leaving && j->running == 0) {
		want_turn_end(f); /* tells that it is gone */
		return;
	}
	job_state(j, &state);
	f->host->job_changed(f->host->ctx, &state);
}

/* --- the end of a turn --- */

static void answer_job(struct fork *f, struct sq_op *op)
{
	struct sq_job_rq *rq = sq_container(op, struct sq_job_rq, op);
	struct job *j = find(f, rq->id);

	if (j)
		job_state(j, &rq->state);
	else
		rq->state = (struct sq_job_state){.id = rq->id, .phase = SQ_JOB_GONE, .fence = rq->fence};
	f->host->op_done(f->host->ctx, op, 0);
}

static void answer_list(struct fork *f, struct sq_op *op)
{
	struct sq_job_list *rq = sq_container(op, struct sq_job_list, op);
	struct listing l = {0};
	int r = listing_make(&l, &f->site, f->jobs);

	rq->jobs = l.states;
	rq->count = l.count;
	f->host->op_done(f->host->ctx, op, r);
	listing_free(&l);
}

static struct job *take_gone(struct fork *f)
{
	struct job **at = &f->jobs, *j;

	while (*at && !((*at)->leaving && (*at)->running == 0))
		at = &(*at)->next;
	j = *at;
	if (j)
		*at = j->next;
	return j;
}

static void bury(struct fork *f, struct job *j)
{
	struct sq_job_state state;
	struct sq_op *op;

	f->buried = j;
	job_state(j, &state);
	state.phase = SQ_JOB_GONE;
	if (j->resumed)
		f->host->job_changed(f->host->ctx, &state);
	while ((op = ops_take(&j->stops)) != NULL)
		f->host->op_done(f->host->ctx, op, 0);
	f->buried = NULL;
	shared_forget(j);
	job_free(j);
}

/* Answers those that wait now; what they ask for meanwhile has its turn later. */
static void answer_all(struct fork *f, struct sq_op **list, void (*answer)(struct fork *f, struct sq_op *op))
{
	for (unsigned n = ops_count(*list); n > 0 && *list; n--)
		answer(f, ops_take(list));
}

static void turn_end(struct sq_post *p)
{
	struct fork *f = sq_container(p, struct fork, post);
	struct sq_op *op = f->drain;
	struct job *j;

	answer_all(f, &f->answers, answer_job);
	answer_all(f, &f->lists, answer_list);
	while ((j = take_gone(f)) != NULL)
		bury(f, j);
	if (f->answers || f->lists) {
		want_turn_end(f);
	} else if (op && !f->jobs) {
		f->drain = NULL;
		f->host->op_done(f->host->ctx, op, 0);
	}
}

/* --- verbs --- */

static int accept_job(struct fork *f, struct sq_job_rq *rq)
{
	ops_add(&f->answers, &rq->op);
	want_turn_end(f);
	return 0;
}

/* The job that a verb may change, or why not. */
static int take(struct fork *f, struct sq_job_rq *rq, struct job **ret)
{
	struct job *j;
	int r;

	rq->reason = NULL;
	if (!rq->id || !*rq->id || strlen(rq->id) > SQ_ID_MAX || rq->fence == 0)
		return -EINVAL;
	j = find(f, rq->id);
	if (j) {
		*ret = j;
		return shared_claim(j, rq->fence);
	}
	r = shared_adopt(&f->site, rq->id, rq->fence, &j);
	if (r < 0)
		return r;
	j->next = f->jobs;
	*ret = f->jobs = j;
	return 0;
}

static int prepare_check(const struct fork *f, struct sq_job_rq *rq)
{
	const struct sq_job *spec = rq->job;

	if (!spec || spec->workers == 0 || !spec->plan_sha256 || strlen(spec->plan_sha256) > 64)
		return -EINVAL;
	if (spec->workers <= (uint64_t)f->conf->max_workers)
		return 0;
	rq->reason = "more workers than max_workers of the scheduler fork allows";
	return -E2BIG;
}

static int adopt(struct fork *f, struct job *j, struct sq_job_rq *rq)
{
	if (j->leaving)
		return -EAGAIN;
	if (strcmp(j->plan_sha256, rq->job->plan_sha256) != 0) {
		rq->reason = "there are workers of another plan";
		return -EEXIST;
	}
	rq->adopted = true;
	return accept_job(f, rq);
}

static int fork_prepare(void *self, struct sq_job_rq *rq)
{
	struct fork *f = fork_of(self);
	struct job *j = NULL;
	int r = take(f, rq, &j), bad;

	if (r < 0 && r != -ENOENT)
		return r;
	bad = prepare_check(f, rq);
	if (bad < 0)
		return bad;
	if (r == 0)
		return adopt(f, j, rq);
	j = job_new(&f->site, rq->id, rq->fence, rq->job);
	if (!j)
		return -ENOMEM;
	j->next = f->jobs;
	f->jobs = j;
	rq->adopted = false;
	return accept_job(f, rq);
}

static int fork_resume(void *self, struct sq_job_rq *rq)
{
	struct fork *f = fork_of(self);
	struct sq_err err;
	struct job *j;
	int r = take(f, rq, &j);

	if (r < 0)
		return r;
	if (j->leaving || (j->resumed && j->running == 0))
		return -EALREADY;
	if (!j->resumed)
		r = job_resume(j, &err);
	if (r == 0)
		return accept_job(f, rq);
	SQ_ERROR(f->host, SQ_KV({"test", j->id}), "%s", err.text);
	rq->reason = "a worker process could not be started: see the log of the orchestrator";
	want_turn_end(f);
	return r;
}

static int fork_claim(void *self, struct sq_job_rq *rq)
{
	struct fork *f = fork_of(self);
	struct job *j;
	int r = take(f, rq, &j);

	if (r < 0)
		return r;
	return accept_job(f, rq);
}

static int fork_stop(void *self, struct sq_job_rq *rq)
{
	struct fork *f = fork_of(self);
	struct job *j;
	int r = take(f, rq, &j);

	if (r == -ENOENT)
		return accept_job(f, rq);
	if (r < 0)
		return r;
	ops_add(&j->stops, &rq->op);
	leave(f, j, rq->grace);
	return 0;
}

static int fork_list(void *self, struct sq_job_list *rq)
{
	struct fork *f = fork_of(self);

	ops_add(&f->lists, &rq->op);
	want_turn_end(f);
	return 0;
}

/* What was decided stays so: a stop goes on without the one who asked. */
static int fork_cancel(void *self, struct sq_op *op)
{
	struct fork *f = fork_of(self);
	bool found = ops_remove(&f->answers, op) || (f->buried && ops_remove(&f->buried->stops, op));

	if (ops_remove(&f->lists, op))
		return 0;
	for (struct job *j = f->jobs; j && !found; j = j->next)
		found = ops_remove(&j->stops, op);
	return 1;
}

/* --- life --- */

static int fork_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct fork *f = calloc(1, sizeof *f);

	if (!f)
		return sq_fail(err, -ENOMEM, "no memory");
	f->magic = FORK_MAGIC;
	f->host = host;
	f->conf = conf;
	f->lifeline = -1;
	f->site = (struct job_site){.host = host,
	                            .worker_conf = f->conf->worker_conf,
	                            .affinity = f->conf->affinity,
	                            .lifeline = -1,
	                            .changed = job_did_change};
	f->post.run = turn_end;
	*ret_self = f;
	return 0;
}

static int readable(const struct fork *f, struct sq_err *err)
{
	if (access(f->conf->worker_conf, R_OK) == 0)
		return 0;
	return sq_fail(err, -errno, "cannot read %s: %s: option worker_conf names the .conf of the workers",
	               f->conf->worker_conf, strerror(errno));
}

/* Without a state folder nobody else knows of our jobs. */
static int share(struct fork *f)
{
	const char *state = f->host->state_dir;

	if (!state || snprintf(f->dir, sizeof f->dir, "%s/workers", state) >= (int)sizeof f->dir)
		return 0;
	f->site.dir = f->dir;
	return registry_open(f->dir);
}

static int fork_start(void *self, struct sq_err *err)
{
	struct fork *f = fork_of(self);
	int ends[2], r = readable(f, err);

	if (r < 0)
		return r;
	r = share(f);
	if (r < 0)
		return sq_fail(err, r, "cannot make the folder %s: %s", f->dir, strerror(-r));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return sq_fail(err, -errno, "no pipe for the workers' life-line: %s", strerror(errno));
	f->site.lifeline = ends[0];
	f->lifeline = ends[1];
	return 0;
}

/* They end with the process that started them, or with whoever takes them over. */
static void drop_foreign(struct fork *f)
{
	struct job **at = &f->jobs;

	while (*at) {
		struct job *j = *at;

		if (j->foreign && !j->stops) {
			*at = j->next;
			job_free(j);
		} else {
			at = &j->next;
		}
	}
}

/* The roles are gone, so nobody needs the workers any more. */
static void fork_drain(void *self, struct sq_op *op)
{
	struct fork *f = fork_of(self);

	f->drain = op;
	drop_foreign(f);
	for (struct job *j = f->jobs; j; j = j->next)
		leave(f, j, DRAIN_GRACE);
	want_turn_end(f);
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
	if (f->lifeline >= 0) {
		close(f->site.lifeline);
		close(f->lifeline);
	}
	f->magic = 0;
	free(f);
}

static void fork_probe(void *self, struct sq_op *op, struct sq_err *err)
{
	struct fork *f = fork_of(self);

	f->host->op_done(f->host->ctx, op, readable(f, err));
}

static const struct sq_scheduler fork_scheduler = {.size = sizeof(struct sq_scheduler),
                                                   .caps = SQ_SCHEDULER_MORTAL,
                                                   .prepare = fork_prepare,
                                                   .resume = fork_resume,
                                                   .claim = fork_claim,
                                                   .stop = fork_stop,
                                                   .list = fork_list,
                                                   .cancel = fork_cancel};

SQ_PLUGIN(scheduler, SQ_SCHEDULER, fork, .version = PACKAGE_VERSION,
          .summary = "Runs the workers as processes of this machine", .opts = fork_opts,
          .conf_size = sizeof(struct fork_conf), .create = fork_create, .start = fork_start,
          .drain = fork_drain, .destroy = fork_destroy, .probe = fork_probe, .vt.scheduler = &fork_scheduler);
