/* run_job.c - what a run asks of the scheduler. */
#include <errno.h>
#include <string.h>

#include "run.h"

#define STOP_GRACE (5 * SQ_S) /* workers that were told to stop give their final in this time */
#define STEP_TIMEOUT (30 * SQ_S)
#define SPARE (300 * SQ_S) /* what the platform's own deadline is later than ours */

static void take_state(struct run *r, const struct sq_job_state *state)
{
	int64_t now = orchestrator_now(r->o);
	const char *of_worker = NULL;
	char reason[TEST_DETAIL];
	uint32_t gone = 0;

	for (uint32_t i = 0; i < state->worker_count; i++) {
		const struct sq_job_worker *w = &state->workers[i];

		if (w->phase == SQ_W_GONE) {
			gone++;
			test_worker_gone(&r->test, now, w->name, w->reason);
		}
		of_worker = of_worker ? of_worker : w->reason;
	}
	/* That too many failed does not say why. */
	snprintf(reason, sizeof reason, "%s%s%s", state->reason ? state->reason : "",
	         state->reason && of_worker ? ": " : "", of_worker ? of_worker : "");
	test_job_seen(&r->test, now, gone, state->worker_count - gone, reason);
}

void run_drop_job(struct run *r)
{
	if (r->asking_job)
		r->o->host->cancel(r->o->host->ctx, &r->job_rq.op);
}

/* Once, until it is another trouble. */
static void tell_trouble(struct run *r, int status)
{
	const char *why = r->job_rq.reason ? r->job_rq.reason : strerror(status > -1000 ? -status : EIO);
	char text[sizeof r->job_trouble];

	record_set(text, sizeof text, why);
	if (strcmp(text, r->job_trouble) == 0)
		return;
	memcpy(r->job_trouble, text, sizeof text);
	SQ_WARN(r->o->host, RUN_KV(r), "the scheduler did not do what it was asked: %s", text);
}

static void job_done(struct sq_op *op, int status)
{
	struct run *r = sq_container(op, struct run, job_rq.op);
	int64_t now = orchestrator_now(r->o);
	const char *reason = r->job_rq.reason;
	bool claimed = status >= 0 && r->test.launch.asked == JOB_CLAIM;

	r->asking_job = false;
	if (status >= 0)
		r->job_trouble[0] = '\0';
	else if (status != -EAGAIN && !r->test.given_up)
		tell_trouble(r, status);
	test_job_done(&r->test, now, status > 0 ? 0 : status, reason);
	if (claimed) /* who ended while nobody looked */
		take_state(r, &r->job_rq.state);
	run_release(r);
}

/* The last look before workers start. */
static void was_checked(struct sq_op *op, int status)
{
	struct run *r = sq_container(op, struct run, check.op);
	struct standing found = {0};
	struct test_record record;

	if (status >= 0 && r->check.record.life == SQ_TOMBSTONE)
		status = -SQ_EGONE;
	else if (status >= 0 && r->check.record.fence != r->test.fence)
		status = -SQ_EFENCED;
	else if (status >= 0)
		status = record_read(r->check.record.body, &record, NULL);
	if (status >= 0) {
		found = run_standing(r->o, &record, r->check.now);
		record_free(&record);
	}
	test_was_checked(&r->test, orchestrator_now(r->o), status, status == 0 ? &found : NULL);
	run_release(r);
}

static bool fill_env(struct run *r)
{
	const struct sq_host *h = r->o->host;
	const char *url = h->url(h->ctx);

	for (size_t i = 0; i < SQ_LEN(r->env); i++)
		buf_reset(&r->env[i]);
	buf_printf(&r->env[0], "SQUALL_CONTROL_URL=%s", url ? url : "");
	for (const char *const *other = r->o->conf->control_urls; *other; other++)
		if (!url || strcmp(*other, url) != 0)
			buf_printf(&r->env[0], ",%s", *other);
	buf_printf(&r->env[1], "SQUALL_TEST_ID=%s", r->id);
	buf_printf(&r->env[2], "SQUALL_TOKEN=%s", r->token);
	for (size_t i = 0; i < SQ_LEN(r->env); i++) {
		if (buf_failed(&r->env[i]))
			return false;
		r->env_list[i] = r->env[i].data;
	}
	return true;
}

static void fill_job(struct run *r)
{
	const struct test_setup *s = &r->test.setup;
	uint32_t some = s->workers / 10 > 1 ? s->workers / 10 : 1;

	r->job = (struct sq_job){
	    .plan_sha256 = r->record.plan_sha256,
	    .workers = s->workers,
	    .max_failed = s->on_loss == LOSS_ABORT          ? 0
	                  : s->on_loss == LOSS_REDISTRIBUTE ? s->workers - 1
	                                                    : some,
	    .deadline = s->limits.provisioning + s->limits.ready + s->limits.armed + s->duration +
	                s->limits.draining + SPARE,
	    .env = r->env_list,
	};
}

static int submit(struct run *r, enum job_want want)
{
	const struct sq_scheduler *s = r->o->host->scheduler;
	void *self = r->o->host->scheduler_self;

	switch (want) {
	case JOB_PREPARE:
		if (!fill_env(r))
			return -ENOMEM;
		fill_job(r);
		return s->prepare(self, &r->job_rq);
	case JOB_RESUME:
		return s->resume(self, &r->job_rq);
	case JOB_CLAIM:
		return s->claim(self, &r->job_rq);
	default:
		return s->stop(self, &r->job_rq);
	}
}

void run_ask_job(struct run *r)
{
	const struct sq_host *h = r->o->host;
	enum job_want want = test_want_job(&r->test, orchestrator_now(r->o));

	if (want == JOB_NOTHING)
		return;
	run_hold(r);
	if (want == JOB_CHECK) {
		r->check = (struct sq_store_get){.op = {.done = was_checked, .timeout = STORE_TIMEOUT},
		                                 .id = r->id};
		submitted(&r->check.op, h->store->get(h->store_self, &r->check));
		return;
	}
	r->job_rq = (struct sq_job_rq){.op = {.done = job_done, .timeout = STEP_TIMEOUT},
	                               .id = r->id,
	                               .fence = r->test.fence,
	                               .job = &r->job,
	                               .grace = STOP_GRACE};
	r->asking_job = true;
	submitted(&r->job_rq.op, submit(r, want));
}

void run_job_changed(struct run *r, const struct sq_job_state *state)
{
	take_state(r, state);
	run_pump(r);
}
