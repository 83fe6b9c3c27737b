/*
 * kubernetes_rig.h - an API server that says what its script says, and a host on a real loop, for the tests
 * of scheduler kubernetes. For one file of a program.
 */
#ifndef TESTS_UNIT_KUBERNETES_RIG_H
#define TESTS_UNIT_KUBERNETES_RIG_H

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/host/loop.h"
#include "plugins/scheduler/kubernetes/api.h"
#include "tests/tap.h"
#include "tests/unit/http_script.h"

static struct loop loop;
static struct script server;
static int64_t passed; /* ns that the host's clock is ahead of the loop's */
static struct {
	unsigned warnings, infos;
	char text[500]; /* the last of them */
} logged;

static int64_t rig_now(void *ctx)
{
	(void)ctx;
	return loop_now() + passed;
}

static int64_t rig_wall(void *ctx)
{
	(void)ctx;
	return loop_wall() + passed / SQ_MS;
}

static void rig_timer_start(void *ctx, struct sq_timer *t, int64_t delay)
{
	loop_timer_start(ctx, t, delay);
}

static void rig_timer_stop(void *ctx, struct sq_timer *t)
{
	loop_timer_stop(ctx, t);
}

static void rig_later(void *ctx, struct sq_post *p)
{
	loop_later(ctx, p);
}

static void rig_unpost(void *ctx, struct sq_post *p)
{
	loop_unpost(ctx, p);
}

SQ_PRINTF(4, 5)
static void rig_log(void *ctx, enum sq_level level, const struct sq_kv *kv, const char *fmt, ...)
{
	va_list ap;

	(void)ctx;
	(void)kv;
	if (level == SQ_L_DEBUG)
		return;
	logged.warnings += level == SQ_L_WARN;
	logged.infos += level == SQ_L_INFO;
	va_start(ap, fmt);
	vsnprintf(logged.text, sizeof logged.text, fmt, ap);
	va_end(ap);
}

/* No operation outlives a call of this: nothing is nested in these tests. */
static void rig_op_done(void *ctx, struct sq_op *op, int status)
{
	(void)ctx;
	op->done(op, status);
}

static void rig_ready(void *ctx, int yes, const char *why)
{
	(void)ctx, (void)yes, (void)why;
}

static void rig_job_changed(void *ctx, const struct sq_job_state *state)
{
	(void)ctx, (void)state;
}

static struct sq_host host = {.size = sizeof host,
                              .ctx = &loop,
                              .version = "1",
                              .now = rig_now,
                              .wall = rig_wall,
                              .timer_start = rig_timer_start,
                              .timer_stop = rig_timer_stop,
                              .later = rig_later,
                              .unpost = rig_unpost,
                              .log = rig_log,
                              .op_done = rig_op_done,
                              .ready = rig_ready,
                              .job_changed = rig_job_changed};

static void rig_open(void)
{
	if (loop_init(&loop) < 0)
		abort();
	host.loop = loop.ev;
	script_open(&server, loop.ev, NULL);
}

static void rig_close(void)
{
	script_close(&server);
	loop_fini(&loop);
}

/* A server with an empty script, at another port. */
static void rig_server(void)
{
	script_close(&server);
	script_open(&server, loop.ev, NULL);
}

static void rig_api(struct api *api, struct api_access access)
{
	struct sq_err err = {0};

	access.server = access.server ? access.server : server.base;
	access.ca = access.ca ? access.ca : "";
	access.cert = access.cert ? access.cert : "";
	access.key = access.key ? access.key : "";
	access.token_file = access.token_file ? access.token_file : "";
	access.token = access.token ? access.token : "";
	if (api_init(api, &host, &access, &err) < 0) {
		printf("# %s\n", err.text);
		abort();
	}
}

static void rig_ticked(EV_P_ struct ev_timer *t, int revents)
{
	(void)loop, (void)t, (void)revents;
}

/* Turns until it is so; false when it never is. */
#define until(what)                                                 \
	({                                                          \
		int64_t until_end = loop_now() + 30 * SQ_S;         \
		struct ev_timer until_tick;                         \
		ev_timer_init(&until_tick, rig_ticked, 0.02, 0.02); \
		ev_timer_start(loop.ev, &until_tick);               \
		while (!(what) && loop_now() < until_end)           \
			ev_run(loop.ev, EVRUN_ONCE);                \
		ev_timer_stop(loop.ev, &until_tick);                \
		(what);                                             \
	})

#endif
