/*
 * role_contract_scheduler.c - the contract of squall/scheduler.h: what any scheduler has to do.
 *
 * The script's lines go to standard output as TAP; exit code 0 when all is well. What the workers do
 * is the .conf's business (role_standin.c): main wants workers that sleep, the others what they say.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "script.h"

struct contract_conf {
	int phase;
	int64_t count;
	const char *key, *reports;
};

enum { PHASE_MAIN, PHASE_EXIT, PHASE_STUBBORN, PHASE_FIRST, PHASE_HOLD, PHASE_REFUSED };
static const char *const phases[] = {"main", "exit", "stubborn", "first", "hold", "refused", NULL};

static const struct sq_opt contract_opts[] = {
    SQ_ENUM(
        struct contract_conf, phase, "main", phases,
        "main: every promise; exit, stubborn, first: workers that end with 7, that ignore SIGTERM, of which "
        "the first ends; hold: starts workers and waits; refused: workers that cannot be started."),
    SQ_INT(struct contract_conf, count, "2", 1, 100, "How many workers hold and refused ask for."),
    SQ_STRING(struct contract_conf, key, "t", "Prefix of all ids."),
    SQ_STRING(struct contract_conf, reports, "",
              "Folder where each worker that is up has a file of its name."),
    SQ_OPTS_END};

#define MOST 16

/* A job as it was last seen. */
struct seen {
	bool exists;
	enum sq_job_phase phase;
	uint64_t fence;
	uint32_t count, gone, running;
	int32_t exit_code; /* of the last one that is gone */
	bool has_reason;
	char names[MOST][SQ_ID_MAX + 1];
};

struct rig {
	const struct sq_host *host;
	const struct contract_conf *conf;
	struct script script;
	struct sq_job_rq *target;
	enum verb { PREPARE, RESUME, CLAIM, STOP, LIST } verb;
	struct sq_job_list list;
	char watched[SQ_ID_MAX + 1]; /* the job that changed and listed are about */
	struct seen changed, listed;
	unsigned ended;
};

/* One request. */
struct call {
	struct sq_job_rq rq;
	struct rig *rig;
	struct seen seen;
	bool over;
	int status;
};

static const char *const env[] = {"SQUALL_TEST_ID=the-test", "SQUALL_TOKEN=s3cret", "TZ=Mars", NULL};

/* --- on the loop --- */

static void look(struct seen *s, const struct sq_job_state *state)
{
	*s = (struct seen){.exists = true,
	                   .phase = state->phase,
	                   .fence = state->fence,
	                   .count = state->worker_count,
	                   .has_reason = state->reason != NULL};
	for (uint32_t i = 0; i < state->worker_count && i < MOST; i++) {
		const struct sq_job_worker *w = &state->workers[i];

		snprintf(s->names[i], sizeof s->names[i], "%s", w->name);
		s->running += w->phase == SQ_W_RUNNING;
		if (w->phase == SQ_W_GONE) {
			s->gone++;
			s->exit_code = w->exit_code;
		}
	}
}

static int loop_submit(void *arg)
{
	struct rig *g = arg;
	const struct sq_scheduler *s = g->host->scheduler;
	void *self = g->host->scheduler_self;

	switch (g->verb) {
	case PREPARE:
		return s->prepare(self, g->target);
	case RESUME:
		return s->resume(self, g->target);
	case CLAIM:
		return s->claim(self, g->target);
	case STOP:
		return s->stop(self, g->target);
	case LIST:
		return s->list(self, &g->list);
	}
	return -ENOSYS;
}

static int loop_cancel(void *arg)
{
	struct rig *g = arg;

	g->host->cancel(g->host->ctx, &g->target->op);
	return 0;
}

static void not_inside(struct rig *g)
{
	if (script_calls(&g->script))
		ok(false, "done() does not run inside a submitting call");
}

static void done(struct sq_op *op, int status)
{
	struct call *c = sq_container(op, struct call, rq.op);

	not_inside(c->rig);
	c->status = status;
	c->over = true;
	if (status >= 0 && c->rq.state.id)
		look(&c->seen, &c->rq.state);
	script_event(&c->rig->script);
}

static void listed(struct sq_op *op, int status)
{
	struct rig *g = sq_container(op, struct rig, list.op);

	not_inside(g);
	g->listed = (struct seen){0};
	for (uint32_t i = 0; status >= 0 && i < g->list.count; i++)
		if (strcmp(g->list.jobs[i].id, g->watched) == 0)
			look(&g->listed, &g->list.jobs[i]);
	g->ended++;
	script_event(&g->script);
}

static void contract_job_changed(void *self, const struct sq_job_state *state)
{
	struct rig *g = self;

	if (strcmp(state->id, g->watched) == 0)
		look(&g->changed, state);
	script_event(&g->script);
}

/* --- the script's side --- */

static int begin(struct rig *g, enum verb verb, struct call *c)
{
	memset(&c->rq.op, 0, sizeof c->rq.op);
	c->rq.op.done = done;
	c->rig = g;
	c->over = false;
	g->target = &c->rq;
	g->verb = verb;
	c->status = script_do(&g->script, loop_submit, g);
	return c->status;
}

static bool is_over(void *arg)
{
	return ((struct call *)arg)->over;
}

static int call(struct rig *g, enum verb verb, struct call *c)
{
	if (begin(g, verb, c) == 0)
		script_wait(&g->script, is_over, c);
	return c->status;
}

static const char *name(struct rig *g, const char *suffix)
{
	static char ring[4][SQ_ID_MAX + 1];
	static unsigned at;
	char *out = ring[at++ % SQ_LEN(ring)];

	snprintf(out, sizeof ring[0], "%s-%s", g->conf->key, suffix);
	return out;
}

static void watch(struct rig *g, const char *id)
{
	snprintf(g->watched, sizeof g->watched, "%s", id);
	g->changed = (struct seen){0};
}

static const struct sq_job small_job = {.plan_sha256 = "abc", .workers = 3, .max_failed = 2, .env = env};

static int ask(struct rig *g, enum verb verb, struct call *c, uint64_t fence)
{
	*c = (struct call){.rq = {.id = g->watched, .fence = fence, .job = &small_job, .grace = 20 * SQ_S}};
	return call(g, verb, c);
}

static bool was_listed(void *arg)
{
	return ((struct rig *)arg)->ended > 0;
}

static const struct seen *list(struct rig *g)
{
	g->ended = 0;
	g->list = (struct sq_job_list){.op.done = listed};
	g->verb = LIST;
	if (script_do(&g->script, loop_submit, g) == 0)
		script_wait(&g->script, was_listed, g);
	return &g->listed;
}

/* Until list() shows so many workers running, or gone. */
static void await(struct rig *g, uint32_t running, uint32_t gone)
{
	while (list(g)->running < running || g->listed.gone < gone)
		script_pause(&g->script, 20);
}

/* A process that runs may not have come to ignore SIGTERM yet. */
static void await_up(struct rig *g)
{
	char path[512];

	for (uint32_t i = 0; i < list(g)->count; i++) {
		snprintf(path, sizeof path, "%s/%s", g->conf->reports, g->listed.names[i]);
		while (access(path, F_OK) < 0)
			script_pause(&g->script, 20);
	}
}

static bool has_ended(void *arg)
{
	const struct seen *s = &((struct rig *)arg)->changed;

	return s->exists && s->phase >= SQ_JOB_ENDED;
}

/* --- main --- */

static void nothing_there(struct rig *g)
{
	static const enum verb verbs[] = {PREPARE, RESUME, CLAIM, STOP};
	struct call c;
	bool good = true;

	watch(g, name(g, "none"));
	for (unsigned i = 0; i < SQ_LEN(verbs); i++)
		good &= ask(g, verbs[i], &c, 0) == -EINVAL;
	ok(good, "fence 0 is none");
	is_int(ask(g, RESUME, &c, 5), -ENOENT, "resume of what was never created");
	is_int(ask(g, CLAIM, &c, 5), -ENOENT, "claim");
	is_int(ask(g, STOP, &c, 5), 0, "stop: nothing is running, as was asked");
	ok(!list(g)->exists, "and nothing was made by asking");
}

static void prepared(struct rig *g)
{
	struct sq_job other = small_job;
	struct call c;

	watch(g, name(g, "one"));
	is_int(ask(g, PREPARE, &c, 5), 0, "prepare");
	ok(!c.rq.adopted && c.seen.phase == SQ_JOB_PREPARED && c.seen.running == 0,
	   "makes it, running nothing");
	script_pause(&g->script, 300);
	ok(list(g)->phase == SQ_JOB_PREPARED && g->listed.running == 0, "nor later");
	is_int(g->listed.fence, 5, "it shows its fence");
	is_int(ask(g, PREPARE, &c, 5), 0, "again");
	ok(c.rq.adopted, "it is adopted");
	is_int(ask(g, PREPARE, &c, 4), -SQ_EFENCED, "a lower fence is refused");
	is_int(ask(g, PREPARE, &c, 6), 0, "a higher one taken");
	is_int(list(g)->fence, 6, "and written");
	other.plan_sha256 = "def";
	c = (struct call){.rq = {.id = g->watched, .fence = 6, .job = &other}};
	is_int(call(g, PREPARE, &c), -EEXIST, "another plan is not adopted");
	is_int(ask(g, RESUME, &c, 5), -SQ_EFENCED, "who was fenced can not resume");
	is_int(ask(g, CLAIM, &c, 5), -SQ_EFENCED, "nor claim");
	is_int(ask(g, STOP, &c, 5), -SQ_EFENCED, "nor stop");
	is_int(ask(g, STOP, &c, 6), 0, "its owner stops it");
	ok(!list(g)->exists, "and it is gone");
	is_int(ask(g, RESUME, &c, 6), -ENOENT, "as if it never was");
}

static bool distinct(const struct seen *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(s->names[i], s->names[k]) == 0)
				return false;
	return s->count > 0 && *s->names[0];
}

static void running(struct rig *g)
{
	struct call c;
	char first[SQ_ID_MAX + 1];

	watch(g, name(g, "two"));
	ask(g, PREPARE, &c, 1);
	is_int(ask(g, RESUME, &c, 1), 0, "resume");
	ok(c.seen.phase == SQ_JOB_PENDING || c.seen.phase == SQ_JOB_RUNNING, "starts the workers");
	await(g, 3, 0);
	ok(g->listed.phase == SQ_JOB_RUNNING && distinct(&g->listed), "until all run, each with a name");
	snprintf(first, sizeof first, "%s", g->listed.names[0]);
	is_int(ask(g, RESUME, &c, 1), 0, "resume of what runs");
	ok(c.seen.running == 3 && strcmp(c.seen.names[0], first) == 0, "changes nothing");
	is_int(ask(g, PREPARE, &c, 2), 0, "a second owner adopts");
	ok(c.rq.adopted && c.seen.running == 3, "what runs");
	is_int(ask(g, CLAIM, &c, 3), 0, "a third claims");
	is_int(c.seen.fence, 3, "with its fence");
	is_int(ask(g, CLAIM, &c, 3), 0, "an equal one is good");
	is_int(ask(g, STOP, &c, 2), -SQ_EFENCED, "the second can stop nothing any more");
	script_pause(&g->script, 200);
	is_int(list(g)->running, 3, "and all of them run");
	is_int(ask(g, STOP, &c, 3), 0, "the third can");
	ok(!list(g)->exists, "and all is gone when it ends");
	ok(g->changed.phase == SQ_JOB_GONE && g->changed.gone == 3, "which was told");
	is_int(ask(g, STOP, &c, 3), 0, "once more is good");
	is_int(ask(g, PREPARE, &c, 3), 0, "the name is free again");
	ok(!c.rq.adopted, "for a new one");
	is_int(ask(g, STOP, &c, 3), 0, "that goes as well");
}

static void two_jobs(struct rig *g)
{
	struct call a, b, c;

	watch(g, name(g, "left"));
	ask(g, PREPARE, &a, 1);
	ask(g, RESUME, &a, 1);
	watch(g, name(g, "right"));
	ask(g, PREPARE, &b, 1);
	ask(g, RESUME, &b, 1);
	await(g, 3, 0);
	is_int(ask(g, STOP, &b, 1), 0, "one of two jobs is stopped");
	watch(g, name(g, "left"));
	await(g, 3, 0);
	is_int(g->listed.gone, 0, "the other runs on");
	c = (struct call){.rq = {.id = g->watched, .fence = 1, .grace = 20 * SQ_S}};
	is_int(begin(g, STOP, &c), 0, "its stop");
	script_do(&g->script, loop_cancel, g);
	script_wait(&g->script, is_over, &c);
	ok(c.status == 0 || c.status == -ECANCELED || c.status == -SQ_EUNCERTAIN,
	   "cancelled, it ends all the same");
	is_int(ask(g, STOP, &c, 1), 0, "and can be repeated");
	ok(!list(g)->exists, "to the end");
}

static void phase_main(struct rig *g)
{
	nothing_there(g);
	prepared(g);
	running(g);
	two_jobs(g);
}

/* --- the other phases --- */

static void phase_exit(struct rig *g)
{
	struct call c;

	watch(g, name(g, "exit"));
	ask(g, PREPARE, &c, 1);
	is_int(ask(g, RESUME, &c, 1), 0, "workers that end by themselves");
	script_wait(&g->script, has_ended, g);
	ok(g->changed.phase == SQ_JOB_ENDED && g->changed.gone == 3, "are told of");
	is_int(g->changed.exit_code, 7, "with their exit status");
	ok(list(g)->phase == SQ_JOB_ENDED, "and the object stays");
	is_int(ask(g, RESUME, &c, 1), -EALREADY, "never to be started again");
	is_int(ask(g, PREPARE, &c, 1), 0, "though it may be adopted");
	is_int(ask(g, RESUME, &c, 1), -EALREADY, "still never");
	is_int(ask(g, STOP, &c, 1), 0, "and is deleted");
	ok(!list(g)->exists, "for good");
}

static void phase_stubborn(struct rig *g)
{
	struct sq_job mortal = small_job;
	struct call c, stop, sooner;

	watch(g, name(g, "stubborn"));
	ask(g, PREPARE, &c, 1);
	ask(g, RESUME, &c, 1);
	await(g, 3, 0);
	await_up(g);
	stop = (struct call){.rq = {.id = g->watched, .fence = 1, .grace = 3600 * SQ_S}};
	is_int(begin(g, STOP, &stop), 0, "workers that ignore SIGTERM are asked to end within the hour");
	is_int(ask(g, PREPARE, &c, 1), -EAGAIN, "meanwhile their name is not free");
	script_pause(&g->script, 300);
	ok(!stop.over && list(g)->running == 3, "they stay");
	sooner = (struct call){.rq = {.id = g->watched, .fence = 1, .grace = 100 * SQ_MS}};
	is_int(call(g, STOP, &sooner), 0, "until somebody is less patient");
	script_wait(&g->script, is_over, &stop);
	is_int(stop.status, 0, "which serves both");
	ok(g->changed.phase == SQ_JOB_GONE && g->changed.exit_code != 0, "killed, and confirmed gone");

	watch(g, name(g, "mortal"));
	mortal.deadline = 2 * SQ_S;
	c = (struct call){.rq = {.id = g->watched, .fence = 1, .job = &mortal}};
	call(g, PREPARE, &c);
	ask(g, RESUME, &c, 1);
	script_wait(&g->script, has_ended, g);
	ok(g->changed.phase == SQ_JOB_ENDED && g->changed.has_reason,
	   "a deadline ends them by itself, and says so");
	is_int(ask(g, STOP, &c, 1), 0, "and the rest is cleaned up");
}

static void phase_first(struct rig *g)
{
	struct sq_job strict = small_job;
	struct call c;

	watch(g, name(g, "tolerant"));
	ask(g, PREPARE, &c, 1);
	ask(g, RESUME, &c, 1);
	await(g, 2, 1);
	script_pause(&g->script, 300);
	is_int(list(g)->running, 2, "as many as may fail cost nobody else");
	ask(g, STOP, &c, 1);
	watch(g, name(g, "strict"));
	strict.max_failed = 0;
	c = (struct call){.rq = {.id = g->watched, .fence = 1, .job = &strict}};
	call(g, PREPARE, &c);
	ask(g, RESUME, &c, 1);
	script_wait(&g->script, has_ended, g);
	/* Where the platform replaces the first, a fourth may have begun meanwhile. */
	ok(g->changed.gone >= 3 && g->changed.has_reason, "one more, and the rest is ended, with a reason");
	is_int(ask(g, STOP, &c, 1), 0, "and cleaned up");
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static void start_many(struct rig *g, struct call *c, const char *const *variables, int *status)
{
	struct sq_job many = small_job;

	many.workers = (uint32_t)g->conf->count;
	many.env = variables;
	watch(g, name(g, "many"));
	*c = (struct call){.rq = {.id = g->watched, .fence = 1, .job = &many}};
	call(g, PREPARE, c);
	*status = ask(g, RESUME, c, 1);
}

static void phase_hold(struct rig *g)
{
	struct call c;
	int status;

	start_many(g, &c, env, &status);
	is_int(status, 0, "workers");
	await(g, (uint32_t)g->conf->count, 0);
	script_say("running");
	script_wait(&g->script, never, g);
}

static void phase_refused(struct rig *g)
{
	static char big[1 << 20] = "BIG="; /* more than execve() takes: MAX_ARG_STRLEN */
	static const char *const too_much[] = {big, NULL};
	struct call c;
	int status;

	memset(big + 4, 'x', sizeof big - 5);
	start_many(g, &c, too_much, &status);
	ok(status < 0 && c.rq.reason, "workers that cannot be started: resume fails, and says why");
	while (list(g)->exists)
		script_pause(&g->script, 20);
	ok(true, "and nothing lingers");
	is_int(ask(g, STOP, &c, 1), 0, "stop agrees");
}

static void script(void *arg)
{
	static void (*const run[])(struct rig *) = {phase_main,  phase_exit, phase_stubborn,
	                                            phase_first, phase_hold, phase_refused};
	struct rig *g = arg;

	run[g->conf->phase](g);
}

/* --- life --- */

static int contract_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct rig *g = calloc(1, sizeof *g);

	if (g == NULL)
		return sq_fail(err, -ENOMEM, "no memory");
	g->host = host;
	g->conf = conf;
	*ret_self = g;
	return 0;
}

static int contract_start(void *self, struct sq_err *err)
{
	struct rig *g = self;

	return script_start(&g->script, g->host, script, g, err);
}

static void contract_drain(void *self, struct sq_op *op)
{
	struct rig *g = self;

	script_end(&g->script);
	g->host->op_done(g->host->ctx, op, 0);
}

static void contract_destroy(void *self)
{
	free(self);
}

static const struct sq_role contract_role = {
    .size = sizeof(struct sq_role), .needs = SQ_NEEDS_SCHEDULER, .job_changed = contract_job_changed};

SQ_PLUGIN(role, SQ_ROLE, contract_scheduler, .version = "test", .summary = "Puts a scheduler to the test",
          .opts = contract_opts, .conf_size = sizeof(struct contract_conf), .create = contract_create,
          .start = contract_start, .drain = contract_drain, .destroy = contract_destroy,
          .vt.role = &contract_role);
