/* claims.c - put-token, again and again. */
#include "claims.h"

#include <errno.h>

#include "amqp.h"
#include "bus.h"

#define JWT_MARGIN 120 /* s before its end */
#define LEAST (5 * SQ_S) /* between two tokens */
#define DAY 86400 /* s: what holds longer is put anew all the same */

static void again_in(struct claims *c, int64_t pause)
{
	bus_timer(c->bus, &c->renew, pause);
}

static void refused(struct claims *c, enum trouble trouble, const char *condition, const char *why)
{
	c->asking = false;
	bus_denied(c->bus, condition, why);
	if (c->session)
		again_in(c, error_pause(trouble, &c->backoff));
}

static void schedule(struct claims *c)
{
	int64_t left = c->token->expires - bus_wall(c->bus) / 1000, pause;

	if (left > DAY)
		left = DAY;
	pause = left * 3 / 4;
	if (c->token->kind == TOKEN_ENTRA && left > 4 * JWT_MARGIN)
		pause = left - JWT_MARGIN;
	if (c->token->expires == 0)
		return;
	again_in(c, pause * SQ_S > LEAST ? pause * SQ_S : LEAST);
}

static void put(struct rpc_call *call, int status, const struct rpc_answer *answer)
{
	struct claims *c = sq_container(call, struct claims, call);
	const struct error_rule *rule;

	if (status < 0) {
		c->asking = false;
		if (c->session)
			bus_abort(c->bus, "no answer to the token");
		return;
	}
	if (answer->code != 200 && answer->code != 202) {
		rule = error_rule(answer->condition);
		refused(c, rule->trouble, answer->condition, answer->text);
		return;
	}
	c->asking = false;
	c->held = true;
	c->since = bus_now(c->bus);
	backoff_reset(&c->backoff);
	schedule(c);
	bus_claimed(c->bus);
}

static int put_token(struct claims *c)
{
	const struct token *t = c->token;
	pn_message_t *m = pn_message();
	pn_data_t *p, *body;
	int r;

	if (!m)
		return -ENOMEM;
	p = pn_message_properties(m);
	pn_data_put_map(p);
	pn_data_enter(p);
	amqp_put_text(p, "operation", "put-token");
	amqp_put_text(p, "type", t->type);
	amqp_put_text(p, "name", c->audience);
	if (t->expires) {
		pn_data_put_string(p, amqp_bytes("expiration"));
		pn_data_put_timestamp(p, t->expires * 1000);
	}
	pn_data_exit(p);
	body = pn_message_body(m);
	pn_data_put_string(body, pn_bytes(t->text.len, t->text.data));
	c->call.done = put;
	r = rpc_ask(&c->rpc, &c->call, m);
	pn_message_free(m);
	return r;
}

/* The token is there, or not. */
static void token_done(struct token *t, int status, const char *why)
{
	struct claims *c = t->owner;

	if (!c->session) {
		c->asking = false;
		return;
	}
	if (status == 0)
		status = put_token(c);
	if (status < 0)
		refused(c, TROUBLE_ACCESS, NULL, why ? why : "no memory");
}

static void ask(struct claims *c)
{
	if (c->asking || !c->session)
		return;
	bus_timer_stop(c->bus, &c->renew);
	c->asking = true;
	token_get(c->token);
}

static void fired(struct sq_timer *t)
{
	ask(sq_container(t, struct claims, renew));
}

void claims_init(struct claims *c, struct bus *bus, struct token *token, const char *audience)
{
	*c = (struct claims){.bus = bus, .token = token, .audience = audience, .backoff = bus_backoff(bus)};
	c->renew.fire = fired;
	token->owner = c;
	token->done = token_done;
	rpc_init(&c->rpc, bus, "$cbs");
}

void claims_session(struct claims *c)
{
	c->session = true;
	backoff_reset(&c->backoff);
	rpc_session(&c->rpc);
	ask(c);
}

void claims_lost(struct claims *c)
{
	c->session = c->held = false;
	bus_timer_stop(c->bus, &c->renew);
	rpc_lost(&c->rpc);
	if (!c->token->fetching)
		c->asking = false;
}

void claims_doubt(struct claims *c)
{
	if (c->held && bus_now(c->bus) - c->since >= LEAST)
		ask(c);
}

void claims_free(struct claims *c)
{
	bus_timer_stop(c->bus, &c->renew);
	rpc_free(&c->rpc);
}
