/*
 * bus.h - one instance of the transport: the connection's life, and what its parts ask of the whole.
 *
 *     wire.c       socket, TLS, proton's engine
 *     claims.c     the right to use the queue (CBS), with tokens of token.c; asked over rpc.c
 *     endpoint.c   one link that is kept attached
 *     sender.c     publish
 *     receiver.c   deliveries; settle.c their end; $management over rpc.c
 *     errors.c     what a condition means
 *
 *     down --connect--> opening --open--> claiming --token taken--> up --anything--> down --back-off-->
 * opening
 *
 * With SASL PLAIN nothing is claimed. Each trouble is one line of the log, with its cure; the same again is
 * not told before it has worked in between. Ready = up, and the links that are wanted are attached. Loop
 * thread only.
 */
#ifndef SERVICEBUS_BUS_H
#define SERVICEBUS_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include <proton/session.h>

#include <squall/plugin.h>

#include "claims.h"
#include "connstr.h"
#include "receiver.h"
#include "sender.h"
#include "token.h"
#include "wire.h"

struct bus_conf {
	const char *connection_string, *queue;
	int auth;
	int64_t lock, max_deliveries;
	const char *tls_ca;
	const char *tenant_id, *client_id, *token_file, *authority_host;
	int64_t step_timeout, idle_timeout, token_life;
	bool trace;
};
enum bus_auth { AUTH_AUTO, AUTH_CBS, AUTH_PLAIN };

enum bus_state { BUS_DOWN, BUS_OPENING, BUS_CLAIMING, BUS_UP, BUS_STOPPED };

struct bus {
	uint32_t magic;
	const struct sq_host *host;
	const struct bus_conf *conf;
	struct connstr connstr;
	const char *queue;
	char *uri, *management_address; /* "sb://HOST/QUEUE", "QUEUE/$management" */
	bool plain; /* SASL PLAIN, no claims */

	enum bus_state state;
	struct wire wire;
	pn_session_t *session;
	struct token token;
	struct claims claims;
	struct rpc management;
	struct sender sender;
	struct receiver receiver;
	struct sq_timer again; /* the next try to connect */
	struct backoff backoff;
	int64_t since; /* monotonic ns: up */
	uint64_t names; /* links named so far */
	bool is_ready;
	char told[400], told_sending[400]; /* the last trouble of either kind, until it works */
	bool denied; /* the connection has no claim, and that is told */

	struct sq_op *drain, *probe; /* to be completed */
	struct sq_err *probe_err;
	struct sq_timer drain_end;
	int64_t *reconnects, *dead; /* metrics */
};

int bus_new(const struct sq_host *host, const struct bus_conf *conf, struct bus **ret, struct sq_err *err);
void bus_start(struct bus *b);
void bus_stop(struct bus *b, struct sq_op *op);
void bus_probe(struct bus *b, struct sq_op *op, struct sq_err *err);
void bus_free(struct bus *b);

/* --- for the parts --- */

/* The session, if links to this address may be attached now: to the queue only with a claim. Else NULL. */
pn_session_t *bus_session(struct bus *b, const char *address);
static inline bool bus_usable(const struct bus *b)
{
	return b->state == BUS_UP;
}
/* Connected, or just about to be. */
static inline bool bus_hopeful(const struct bus *b)
{
	return b->state == BUS_OPENING || b->state == BUS_CLAIMING || b->state == BUS_UP;
}
void bus_link_name(struct bus *b, char *out, size_t size); /* one that was never used before */
int64_t bus_step_timeout(const struct bus *b);
struct backoff bus_backoff(const struct bus *b);
void SQ_PRINTF(2, 3) bus_abort(struct bus *b, const char *fmt, ...); /* the connection is no good */

/* What happened. */
void bus_claimed(struct bus *b);
void bus_denied(struct bus *b, const char *condition, const char *why);
void bus_attached(struct bus *b, struct endpoint *e);
void bus_detached(struct bus *b, struct endpoint *e, const struct error_rule *rule, const char *condition,
                  const char *text);
void bus_busy(struct bus *b, const struct error_rule *rule);
void bus_refused(struct bus *b, const char *what, const char *condition, const char *text);
void bus_accepted(struct bus *b); /* a message */
void bus_quiet(struct bus *b); /* something ended: perhaps the last */
void bus_tell_dead(struct bus *b, const char *id, const char *why); /* counts it, too */

static inline void bus_kick(struct bus *b)
{
	wire_kick(&b->wire);
}
static inline int64_t bus_now(const struct bus *b)
{
	return b->host->now(b->host->ctx);
}
static inline int64_t bus_wall(const struct bus *b)
{
	return b->host->wall(b->host->ctx);
}
static inline void bus_timer(struct bus *b, struct sq_timer *t, int64_t delay)
{
	b->host->timer_start(b->host->ctx, t, delay > 0 ? delay : 0);
}
static inline void bus_timer_stop(struct bus *b, struct sq_timer *t)
{
	b->host->timer_stop(b->host->ctx, t);
}
static inline void bus_later(struct bus *b, struct sq_post *p)
{
	b->host->later(b->host->ctx, p);
}
static inline void bus_unpost(struct bus *b, struct sq_post *p)
{
	b->host->unpost(b->host->ctx, p);
}
static inline void bus_op_done(struct bus *b, struct sq_op *op, int status)
{
	b->host->op_done(b->host->ctx, op, status);
}
static inline void bus_deliver(struct bus *b, struct sq_delivery *d)
{
	b->host->deliver(b->host->ctx, d);
}
static inline void bus_lost(struct bus *b, struct sq_delivery *d)
{
	b->host->lost(b->host->ctx, d);
}
#define bus_warn(b, ...) SQ_WARN((b)->host, NULL, __VA_ARGS__)

#endif
