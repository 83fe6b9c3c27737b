/* reach.c - tries to connect to each address of the target once. */
#include "reach.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

/* In TLS 1.3 the client's handshake is over before the server has looked at its certificate: what the server
 * thinks of it comes a round trip later. */
#define REACH_SETTLE (20 * SQ_MS)

static struct reach_try *reach_try_of(struct conn *c)
{
	return sq_container(c, struct reach_try, conn);
}

static void reach_end(struct reach *r, struct reach_try *t, int error)
{
	conn_close(&t->conn);
	t->pending = false;
	t->error = error;
	r->pending--;
}

static void reach_check_done(struct reach *r)
{
	if (r->pending > 0 || r->over)
		return;
	r->over = true;
	ev_timer_stop(r->loop, &r->limit);
	r->done(r);
}

static void reach_connected(struct conn *c, int64_t now)
{
	struct reach *r = c->env->owner;
	struct reach_try *t = reach_try_of(c);

	if (c->reached) {
		t->settling = true;
		t->limit = now + 2 * (now - c->opened) + REACH_SETTLE;
		return;
	}
	reach_end(r, t, 0);
	reach_check_done(r);
}

/* While it settles. */
static void reach_left(struct conn *c)
{
	struct reach *r = c->env->owner;

	reach_end(r, reach_try_of(c), *c->seen.what ? EPROTO : 0);
	reach_check_done(r);
}

static void reach_reached(struct conn *c, int64_t now)
{
	const struct reach *r = c->env->owner;

	reach_try_of(c)->limit = now + r->shake;
}

static void reach_refused(struct conn *c, int error)
{
	struct reach *r = c->env->owner;

	reach_end(r, reach_try_of(c), error);
	reach_check_done(r);
}

/* No request is sent: the other calls do not come. */
static const struct conn_calls reach_calls = {
    .connected = reach_connected, .reached = reach_reached, .refused = reach_refused, .left = reach_left};

/* Seldom and few: every limit is looked at, ten times a second. */
static void reach_tick(EV_P_ struct ev_timer *w, int revents)
{
	struct reach *r = sq_container(w, struct reach, limit);
	int64_t now = clock_now();

	(void)loop;
	(void)revents;
	for (uint32_t i = 0; i < r->all->count; i++) {
		struct reach_try *t = &r->tries[i];

		if (!t->pending || t->limit > now)
			continue;
		if (t->settling) {
			reach_end(r, t, 0);
			continue;
		}
		snprintf(t->conn.seen.what, sizeof t->conn.seen.what,
		         t->conn.state == CONN_SHAKING ? "the TLS handshake took too long"
		                                       : "connection timed out");
		reach_end(r, t, ETIMEDOUT);
	}
	reach_check_done(r);
}

int reach_start(struct reach *r)
{
	int64_t now = clock_now();

	assert(r->loop && r->all && r->done && !r->env);
	r->env = conn_env_new(r->loop, &reach_calls, r, r->tls, r->host);
	r->tries = calloc(r->all->count, sizeof *r->tries);
	if (!r->env || !r->tries) {
		reach_stop(r);
		return -ENOMEM;
	}
	r->over = false;
	r->pending = 0;
	ev_timer_init(&r->limit, reach_tick, 0.1, 0.1);
	for (uint32_t i = 0; i < r->all->count; i++) {
		struct reach_try *t = &r->tries[i];

		t->error = -conn_open(&t->conn, r->env, &r->all->list[i], now);
		t->limit = now + r->connect;
		t->pending = t->error == 0;
		r->pending += t->pending;
	}
	if (r->pending > 0)
		ev_timer_start(r->loop, &r->limit);
	reach_check_done(r);
	return 0;
}

void reach_stop(struct reach *r)
{
	for (uint32_t i = 0; r->tries && r->pending > 0; i++)
		if (r->tries[i].pending)
			reach_end(r, &r->tries[i], ECANCELED);
	if (r->loop)
		ev_timer_stop(r->loop, &r->limit);
	conn_env_free(r->env);
	free(r->tries);
	r->env = NULL;
	r->tries = NULL;
	r->over = true;
}

void reach_accepted(const struct reach *r, struct addresses *out)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->all->count; i++)
		if (r->tries[i].error == 0)
			out->list[kept++] = r->all->list[i];
	out->count = kept;
}

const char *reach_why(const struct reach *r, uint32_t address)
{
	return r->tries[address].conn.seen.what;
}
