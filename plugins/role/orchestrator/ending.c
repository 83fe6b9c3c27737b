/* ending.c - launching what a test runs on, stopping it, and when the end may be written (design 4, 11). */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "test_parts.h"

#define JOB_RETRY (1 * SQ_S) /* after a step of the scheduler that failed */
#define STOP_RETRY_MAX (60 * SQ_S)

/* --- stopping -------------------------------------------------------------------------------- */

void ending_stop(struct test *t, int64_t now, enum test_state state, const char *reason,
                 const char *detail_fmt, ...)
{
	struct outcome how = {state, reason};
	va_list ap;

	t->halted = true;
	if (t->life.outcome.state != T_STATES || lifecycle_terminal(t->life.state))
		return; /* the first reason stays */
	va_start(ap, detail_fmt);
	if (detail_fmt)
		vsnprintf(t->detail, sizeof t->detail, detail_fmt, ap);
	va_end(ap);
	test_apply(t, now, E_STOP, &how);
	test_touch(t);
}

/* T0 may be in the record by now. */
static bool is_proposed(const struct test *t)
{
	return t->arm.proposed && (t->store.busy || t->store.must_read);
}

void test_shutdown(struct test *t, int64_t now)
{
	bool started = t->committed || is_proposed(t);

	if (t->setup.mortal && (started || t->life.state >= T_DRAINING)) {
		ending_stop(t, now, T_FAILED, "orchestrator_stopped", "its workers end with it");
	} else if (t->setup.mortal) {
		t->leaving = t->halted = true;
		ending_leave(t);
	} else {
		t->given_up = true;
	}
}

void ending_leave(struct test *t)
{
	if (t->leaving && !t->launch.busy && (t->job == J_NONE || t->job == J_GONE))
		t->given_up = true;
}

static bool is_settled(const struct worker *w)
{
	return w->gone || (w->final && w->stored >= w->seq);
}

bool ending_settled(const struct test *t)
{
	if (t->job == J_NONE || t->job == J_GONE)
		return true;
	for (uint32_t i = 0; i < t->setup.workers; i++)
		if (!t->workers[i].taken || !is_settled(&t->workers[i]))
			return false;
	return true;
}

static bool all_final(const struct test *t)
{
	for (uint32_t i = 0; i < t->setup.workers; i++)
		if (!t->workers[i].final)
			return false;
	return true;
}

/* A step that may still make workers. */
static bool is_launching(const struct test *t)
{
	return t->launch.busy && t->launch.asked != JOB_STOP;
}

/* Adopted, and not known yet whether anybody is left who did it. */
static bool is_unclaimed(const struct test *t)
{
	return t->job == J_UNCLAIMED && !all_final(t);
}

void ending_tick(struct test *t, int64_t now)
{
	if (t->life.state == T_RUNNING && !is_unclaimed(t) &&
	    (now >= t->t0 + t->setup.duration || all_final(t)))
		test_apply(t, now, E_SCHEDULE_OVER, NULL);
	if (t->life.state == T_DRAINING && !is_launching(t) && ending_settled(t)) {
		loss_judge(t, now);
		test_apply(t, now, E_ALL_GONE, NULL);
	}
}

/* --- the scheduler --------------------------------------------------------------------------- */

bool ending_halting(const struct test *t)
{
	const struct outcome *o = &t->life.outcome;

	return t->halted || lifecycle_terminal(t->life.state) ||
	       (t->life.state == T_DRAINING && o->state != T_STATES && o->state != T_COMPLETED);
}

static enum job_want next_step(const struct test *t)
{
	if (t->job != J_NONE && t->job != J_GONE && ending_halting(t))
		return JOB_STOP;
	if (t->job == J_UNCLAIMED)
		return JOB_CLAIM;
	if (t->committed || t->saved.state < T_PROVISIONING || t->life.state > T_READY)
		return JOB_NOTHING;
	switch (t->job) {
	case J_NONE:
	case J_MAYBE:
		return JOB_PREPARE;
	case J_PREPARED:
		return JOB_CHECK;
	case J_CHECKED:
		return JOB_RESUME;
	default:
		return JOB_NOTHING;
	}
}

enum job_want test_want_job(struct test *t, int64_t now)
{
	/* After the end was written there is no lease, and the scheduler compares the fence itself. */
	bool allowed = test_owned(t, now) || (lifecycle_terminal(t->saved.state) && !t->given_up);
	enum job_want want = allowed && !t->launch.busy && now >= t->launch.after ? next_step(t)
	                                                                          : JOB_NOTHING;

	if (want == JOB_NOTHING)
		return want;
	if (want == JOB_PREPARE)
		t->job = J_MAYBE;
	t->launch.asked = want;
	t->launch.busy = true;
	return want;
}

/* It is known not to be done, or not known: the same is wanted again. */
static bool is_passing(int status)
{
	return status == -SQ_EUNCERTAIN || status == -ETIMEDOUT || status == -ENOTCONN ||
	       status == -ECANCELED || status == -EAGAIN || status == -ENOMEM;
}

static void prepared(struct test *t, int64_t now, int status, const char *reason)
{
	if (status >= 0)
		t->job = J_PREPARED;
	else if (status == -EEXIST)
		ending_stop(t, now, T_FAILED, "foreign_object", "%s",
		            reason ? reason : "the scheduler has another test of this name");
	else if (!is_passing(status))
		ending_stop(t, now, T_FAILED, "launch_failed", "%s",
		            reason ? reason : "the scheduler refused");
}

static void resumed(struct test *t, int64_t now, int status, const char *reason)
{
	if (status >= 0)
		t->job = J_RUNNING;
	else if (status == -ENOENT)
		t->job = J_NONE; /* never created, says the scheduler */
	else if (status == -EALREADY)
		ending_stop(t, now, T_FAILED, "workers_lost", "%s",
		            reason ? reason : "the workers ended before the start");
	else if (is_passing(status))
		t->job = J_PREPARED; /* check again before */
	else
		ending_stop(t, now, T_FAILED, "launch_failed", "%s",
		            reason ? reason : "the scheduler refused");
}

static void claimed(struct test *t, int64_t now, int status)
{
	if (status >= 0)
		t->job = J_RUNNING;
	if (status != -ENOENT)
		return;
	t->job = J_GONE;
	loss_all_gone(t, now);
	if (!all_final(t))
		ending_stop(t, now, T_FAILED, "orchestrator_lost",
		            "its workers ended while no orchestrator was there");
}

static void stopped(struct test *t, int64_t now, int status)
{
	if (status < 0)
		return;
	t->job = J_GONE;
	loss_all_gone(t, now);
}

/* Once the end is written nobody waits for this, and what hinders it may last (a right that is missing). */
static int64_t retry_after(struct test *t)
{
	int64_t wait = t->launch.wait > 0 ? t->launch.wait : JOB_RETRY;

	if (!lifecycle_terminal(t->saved.state))
		return JOB_RETRY;
	t->launch.wait = 2 * wait < STOP_RETRY_MAX ? 2 * wait : STOP_RETRY_MAX;
	return wait;
}

void test_job_done(struct test *t, int64_t now, int status, const char *reason)
{
	assert(t->launch.busy && t->launch.asked != JOB_CHECK);
	t->launch.busy = false;
	t->launch.after = status < 0 ? now + retry_after(t) : 0;
	if (status == -SQ_EFENCED) {
		test_fenced(t);
		return;
	}
	switch (t->launch.asked) {
	case JOB_PREPARE:
		prepared(t, now, status, reason);
		break;
	case JOB_RESUME:
		resumed(t, now, status, reason);
		break;
	case JOB_CLAIM:
		claimed(t, now, status);
		break;
	default:
		stopped(t, now, status);
	}
}
