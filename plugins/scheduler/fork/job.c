/* job.c - start, watch and end the processes of one job. */
#include "job.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "shared.h"
#include "spawn.h"

#define LOOK_EVERY (200 * SQ_MS) /* at processes that are not our children */
#define END_GRACE (5 * SQ_S) /* between SIGTERM and SIGKILL where nobody said how long */

static void due(struct sq_timer *t);
static void child_ended(struct ev_loop *loop, ev_child *w, int events);

static void child_init(struct child *c, struct job *j, uint32_t number)
{
	c->job = j;
	c->phase = SQ_W_PENDING;
	c->exit_code = INT32_MIN;
	/* Another daemon may have had this test before: its workers are not to be taken for ours. */
	if (j->fence > 1)
		snprintf(c->name, sizeof c->name, "%.8s.%llu-%u", j->id, (unsigned long long)j->fence,
		         number);
	else
		snprintf(c->name, sizeof c->name, "%.8s-%u", j->id, number);
}

struct job *job_new(struct job_site *site, const char *id, uint64_t fence, const struct sq_job *spec)
{
	static const char *const nothing[] = {NULL};
	struct job *j = calloc(1, sizeof *j + spec->workers * sizeof *j->children);

	if (!j)
		return NULL;
	j->site = site;
	j->env = spawn_copy(spec->env ? spec->env : nothing);
	j->view = calloc(spec->workers, sizeof *j->view);
	if (!j->env || !j->view) {
		job_free(j);
		return NULL;
	}
	snprintf(j->id, sizeof j->id, "%s", id);
	snprintf(j->plan_sha256, sizeof j->plan_sha256, "%s", spec->plan_sha256);
	j->fence = fence;
	j->count = spec->workers;
	j->max_failed = spec->max_failed;
	j->deadline = spec->deadline;
	j->kill_at = INT64_MAX;
	j->due.fire = due;
	for (uint32_t i = 0; i < j->count; i++)
		child_init(&j->children[i], j, i + 1);
	return j;
}

/* --- the end --- */

static void kill_all(struct job *j, int signo)
{
	for (uint32_t i = 0; i < j->count; i++) {
		const struct child *c = &j->children[i];

		if (c->phase == SQ_W_RUNNING && (!j->foreign || process_lives(c->process)))
			kill(c->process.pid, signo);
	}
}

void job_end(struct job *j, int64_t grace)
{
	const struct sq_host *host = j->site->host;
	int64_t now = host->now(host->ctx);

	if (j->running == 0)
		return;
	if (grace <= 0)
		kill_all(j, SIGKILL);
	else if (!j->ending) /* a second one would cost the worker its orderly end */
		kill_all(j, SIGTERM);
	j->ending = true;
	if (grace > 0 && grace < j->kill_at - now) {
		j->kill_at = now + grace;
		host->timer_start(host->ctx, &j->due, grace);
	}
}

/* By ourselves: the job stays, to be looked at. */
static void job_give_up(struct job *j)
{
	if (!shared_is_ours(j))
		return;
	SQ_WARN(j->site->host, SQ_KV({"test", j->id}), "ending its workers: %s", j->reason);
	job_end(j, END_GRACE);
}

static void due(struct sq_timer *t)
{
	struct job *j = sq_container(t, struct job, due);

	if (!shared_is_ours(j))
		return;
	if (j->ending) {
		kill_all(j, SIGKILL);
		return;
	}
	snprintf(j->reason, sizeof j->reason, "their deadline of %lld s has passed",
	         (long long)(j->deadline / SQ_S));
	job_give_up(j);
	j->site->changed(j);
}

static void child_describe(struct child *c, int status)
{
	c->phase = SQ_W_GONE;
	if (WIFSIGNALED(status)) {
		c->exit_code = -WTERMSIG(status);
		snprintf(c->reason, sizeof c->reason, "killed by signal %d (%s)", WTERMSIG(status),
		         strsignal(WTERMSIG(status)));
	} else {
		c->exit_code = WEXITSTATUS(status);
		if (c->exit_code)
			snprintf(c->reason, sizeof c->reason, "ended with status %d", c->exit_code);
	}
}

static void job_count(struct job *j, const struct child *c)
{
	j->running--;
	if (j->running == 0)
		j->site->host->timer_stop(j->site->host->ctx, &j->due);
	if (j->ending || j->foreign || c->exit_code == 0)
		return;
	j->failed++;
	if (j->failed > j->max_failed && j->running > 0) {
		snprintf(j->reason, sizeof j->reason, "%u of %u failed, the last of them %s", j->failed,
		         j->count, c->reason);
		job_give_up(j);
	}
}

static void child_ended(struct ev_loop *loop, ev_child *w, int events)
{
	struct child *c = w->data;

	(void)events;
	ev_child_stop(loop, w);
	child_describe(c, w->rstatus);
	job_count(c->job, c);
	c->job->site->changed(c->job);
}

/* --- of others ------------------------------------------------------------------------------- */

static void look(struct sq_timer *t)
{
	struct job *j = sq_container(t, struct job, look);
	const struct sq_host *host = j->site->host;
	bool changed = false;

	for (uint32_t i = 0; i < j->count; i++) {
		struct child *c = &j->children[i];

		if (c->phase != SQ_W_RUNNING || process_lives(c->process))
			continue;
		c->phase = SQ_W_GONE;
		job_count(j, c);
		changed = true;
	}
	if (j->running > 0)
		host->timer_start(host->ctx, &j->look, LOOK_EVERY);
	if (changed)
		j->site->changed(j);
}

struct job *job_adopt(struct job_site *site, const char *id, uint64_t fence, const struct entry *e)
{
	struct sq_job spec = {.plan_sha256 = e->plan_sha256, .workers = e->count, .max_failed = e->count};
	struct job *j = job_new(site, id, fence, &spec);

	if (!j)
		return NULL;
	j->resumed = j->foreign = true;
	j->look.fire = look;
	for (uint32_t i = 0; i < j->count; i++) {
		struct child *c = &j->children[i];

		snprintf(c->name, sizeof c->name, "%s", e->workers[i].name);
		c->process = e->workers[i].process;
		c->phase = process_lives(c->process) ? SQ_W_RUNNING : SQ_W_GONE;
		j->running += c->phase == SQ_W_RUNNING;
	}
	site->host->timer_start(site->host->ctx, &j->look, LOOK_EVERY);
	return j;
}

void job_free(struct job *j)
{
	if (j->foreign) {
		j->site->host->timer_stop(j->site->host->ctx, &j->look);
		if (j->running > 0)
			j->site->host->timer_stop(j->site->host->ctx, &j->due);
		free(j->view);
		free(j->env);
		free(j);
		return;
	}
	if (j->running > 0)
		j->site->host->timer_stop(j->site->host->ctx, &j->due);
	kill_all(j, SIGKILL);
	for (uint32_t i = 0; i < j->count; i++) {
		struct child *c = &j->children[i];

		if (c->phase != SQ_W_RUNNING)
			continue;
		ev_child_stop(j->site->host->loop, &c->ended);
		while (waitpid(c->ended.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(j->view);
	free(j->env);
	free(j);
}

/* --- the beginning --- */

static int child_start(struct child *c, struct sq_err *err)
{
	struct job *j = c->job;
	char **env = spawn_environment((const char *const *)j->env, c->name);
	pid_t pid;
	int r;

	if (!env)
		return sq_fail(err, -ENOMEM, "no memory for a worker's environment");
	r = spawn_self(j->site->worker_conf, env, j->site->lifeline, &pid, err);
	free(env);
	if (r < 0)
		return r;
	if (j->site->affinity)
		spawn_pin(pid, j->site->next_cpu++);
	c->phase = SQ_W_RUNNING;
	c->process = process_of(pid);
	j->running++;
	ev_child_init(&c->ended, child_ended, pid, 0);
	c->ended.data = c;
	ev_child_start(j->site->host->loop, &c->ended);
	return 0;
}

/* What was not started never will be. */
static void job_undo(struct job *j)
{
	for (uint32_t i = 0; i < j->count; i++)
		if (j->children[i].phase == SQ_W_PENDING)
			j->children[i].phase = SQ_W_GONE;
	job_end(j, 0);
	j->leaving = true;
}

int job_resume(struct job *j, struct sq_err *err)
{
	const struct sq_host *host = j->site->host;
	int r = 0;

	assert(!j->resumed);
	j->resumed = true;
	for (uint32_t i = 0; r == 0 && i < j->count; i++)
		r = child_start(&j->children[i], err);
	if (r < 0)
		job_undo(j);
	else if (j->deadline > 0)
		host->timer_start(host->ctx, &j->due, j->deadline);
	if (r == 0)
		shared_publish(j);
	return r;
}

/* --- what it looks like --- */

static enum sq_job_phase job_phase(const struct job *j)
{
	if (!j->resumed)
		return SQ_JOB_PREPARED;
	return j->running > 0 ? SQ_JOB_RUNNING : SQ_JOB_ENDED;
}

void job_state(struct job *j, struct sq_job_state *state)
{
	for (uint32_t i = 0; i < j->count; i++) {
		const struct child *c = &j->children[i];

		j->view[i] = (struct sq_job_worker){.name = c->name,
		                                    .phase = c->phase,
		                                    .exit_code = c->exit_code,
		                                    .reason = *c->reason ? c->reason : NULL};
	}
	*state = (struct sq_job_state){.id = j->id,
	                               .phase = job_phase(j),
	                               .fence = j->fence,
	                               .reason = *j->reason ? j->reason : NULL,
	                               .workers = j->view,
	                               .worker_count = j->count};
}
