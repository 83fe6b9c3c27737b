/* job.c - start, watch, stop and reap the processes of one job. */
#include "job.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawn.h"

/* Takes over env's strings as one block. */
static char **copy_env(const char *const *env)
{
	size_t n = 0, bytes = 0;
	char **copy, *text;

	for (; env && env[n]; n++)
		bytes += strlen(env[n]) + 1;
	copy = malloc((n + 1) * sizeof *copy + bytes);
	if (!copy)
		return NULL;
	text = (char *)(copy + n + 1);
	for (size_t i = 0; i < n; i++) {
		copy[i] = text;
		text = stpcpy(text, env[i]) + 1;
	}
	copy[n] = NULL;
	return copy;
}

static void kill_all(struct job *j, int signo)
{
	for (uint32_t i = 0; i < j->count; i++)
		if (j->children[i].pid > 0)
			kill(j->children[i].pid, signo);
}

static void kill_due(struct sq_timer *t)
{
	struct job *j = sq_container(t, struct job, kill);

	if (!j->stopping)
		SQ_WARN(j->site->host, SQ_KV({"test", j->id}),
		        "the deadline of its workers has passed: killed");
	kill_all(j, SIGKILL);
}

struct job *job_new(const struct job_site *site, const char *id, uint64_t fence, const struct sq_job *spec)
{
	struct job *j = calloc(1, sizeof *j + spec->workers * sizeof *j->children);

	if (!j)
		return NULL;
	j->env = copy_env(spec->env);
	if (!j->env) {
		free(j);
		return NULL;
	}
	j->site = site;
	snprintf(j->id, sizeof j->id, "%s", id);
	snprintf(j->plan_sha256, sizeof j->plan_sha256, "%s", spec->plan_sha256);
	j->fence = fence;
	j->count = spec->workers;
	j->deadline = spec->deadline;
	j->kill.fire = kill_due;
	for (uint32_t i = 0; i < j->count; i++) {
		struct child *c = &j->children[i];

		c->job = j;
		c->pidfd = c->lifeline = -1;
		c->phase = SQ_W_PENDING;
		snprintf(c->name, sizeof c->name, "%.8s-%u", id, i);
	}
	return j;
}

static void describe_end(struct child *c, int status)
{
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

static void reap(struct child *c)
{
	int status = 0;

	ev_io_stop(c->job->site->host->loop, &c->ended);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	describe_end(c, status);
	close(c->pidfd);
	close(c->lifeline);
	c->pidfd = c->lifeline = -1;
	c->pid = 0;
	c->phase = SQ_W_GONE;
}

static void child_ended(struct ev_loop *loop, ev_io *w, int events)
{
	struct child *c = w->data;
	struct job *j = c->job;

	(void)loop;
	(void)events;
	reap(c);
	if (job_running(j) == 0)
		j->site->host->timer_stop(j->site->host->ctx, &j->kill);
	j->site->changed(j);
}

/* The n-th CPU that this process may run on, counted round. */
static int nth_cpu(uint32_t n)
{
	cpu_set_t set;
	int count, cpu = -1;

	if (sched_getaffinity(0, sizeof set, &set) < 0 || (count = CPU_COUNT(&set)) == 0)
		return -1;
	for (uint32_t left = n % (uint32_t)count + 1; left > 0; left--)
		do
			cpu++;
		while (!CPU_ISSET((unsigned)cpu, &set));
	return cpu;
}

static int start_child(struct child *c, uint32_t index, struct sq_err *err)
{
	struct job *j = c->job;
	char **env = spawn_environment((const char *const *)j->env, c->name);
	struct spawned s;
	int r;

	if (!env)
		return sq_fail(err, -ENOMEM, "no memory for a worker's environment");
	r = spawn_self(j->site->worker_conf, env, j->site->affinity ? nth_cpu(index) : -1, &s, err);
	free(env);
	if (r < 0) {
		snprintf(c->reason, sizeof c->reason, "%.*s", (int)sizeof c->reason - 1, err->text);
		return r;
	}
	c->pid = s.pid;
	c->pidfd = s.pidfd;
	c->lifeline = s.lifeline;
	c->phase = SQ_W_RUNNING;
	ev_io_init(&c->ended, child_ended, c->pidfd, EV_READ);
	c->ended.data = c;
	ev_io_start(j->site->host->loop, &c->ended);
	return 0;
}

int job_resume(struct job *j, struct sq_err *err)
{
	int r = 0;

	assert(!j->resumed);
	j->resumed = true;
	for (uint32_t i = 0; r == 0 && i < j->count; i++)
		r = start_child(&j->children[i], i, err);
	if (r < 0) {
		for (uint32_t i = 0; i < j->count; i++)
			if (j->children[i].phase == SQ_W_PENDING)
				j->children[i].phase = SQ_W_GONE;
		job_stop(j, 0);
	} else if (j->deadline > 0) {
		j->site->host->timer_start(j->site->host->ctx, &j->kill, j->deadline);
	}
	return r;
}

void job_stop(struct job *j, int64_t grace)
{
	j->stopping = true;
	if (job_running(j) == 0)
		return;
	kill_all(j, grace > 0 ? SIGTERM : SIGKILL);
	if (grace > 0)
		j->site->host->timer_start(j->site->host->ctx, &j->kill, grace);
}

void job_free(struct job *j)
{
	j->site->host->timer_stop(j->site->host->ctx, &j->kill);
	kill_all(j, SIGKILL);
	for (uint32_t i = 0; i < j->count; i++)
		if (j->children[i].pid > 0)
			reap(&j->children[i]);
	free(j->env);
	free(j);
}

uint32_t job_running(const struct job *j)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < j->count; i++)
		n += j->children[i].pid > 0;
	return n;
}

enum sq_job_phase job_phase(const struct job *j)
{
	if (!j->resumed)
		return SQ_JOB_PREPARED;
	return job_running(j) > 0 ? SQ_JOB_RUNNING : SQ_JOB_ENDED;
}

void job_state(const struct job *j, struct sq_job_state *state, struct sq_job_worker *workers)
{
	for (uint32_t i = 0; i < j->count; i++) {
		const struct child *c = &j->children[i];

		workers[i] = (struct sq_job_worker){
		    .name = c->name,
		    .phase = c->phase,
		    .exit_code = c->exit_code,
		    .reason = *c->reason ? c->reason : NULL,
		};
	}
	*state = (struct sq_job_state){
	    .id = j->id,
	    .phase = job_phase(j),
	    .fence = j->fence,
	    .workers = workers,
	    .worker_count = j->count,
	};
}
