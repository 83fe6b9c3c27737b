/* bus.c - the connection's life. */
#include "bus.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <proton/condition.h>

#include "core/base/text.h"

#define BUS_MAGIC 0x53425553u
#define DEFAULT_QUEUE "load-test-requests"
#define HELD (5 * SQ_S) /* a connection that lasted so long was a success */
#define DRAIN_MOST (5 * SQ_S)
#define NAME_MOST 40 /* of this process, in the name of a link */

/* --- telling ----------------------------------------------------------------------------------- */

static void probed(struct bus *b, int status, const char *why)
{
	struct sq_op *op = b->probe;

	if (!op)
		return;
	b->probe = NULL;
	if (status < 0)
		sq_fail(b->probe_err, status, "%s", why);
	bus_op_done(b, op, status);
}

/* One line for each trouble, not for each try. told: b->told, or b->told_sending. */
static void SQ_PRINTF(3, 4) tell(struct bus *b, char told[sizeof b->told], const char *fmt, ...)
{
	char text[sizeof b->told];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (b->state == BUS_STOPPED)
		return;
	if (strcmp(text, told) != 0 && !b->probe)
		bus_warn(b, "%s", text);
	else
		SQ_DEBUG(b->host, NULL, "%s", text);
	snprintf(told, sizeof b->told, "%s", text);
	probed(b, -EIO, text);
}

static const char *safe(char *out, size_t size, const char *text)
{
	return text_safe(out, size, text ? text : "", text ? strlen(text) : 0);
}

static const char *identity(const struct bus *b, char out[120])
{
	switch (b->token.kind) {
	case TOKEN_SIGNED:
		snprintf(out, 120, "key %s%s", b->connstr.key_name, b->plain ? " (SASL PLAIN)" : "");
		break;
	case TOKEN_GIVEN:
		snprintf(out, 120, "a shared access signature");
		break;
	default:
		snprintf(out, 120, "the identity %s", b->conf->client_id);
	}
	return out;
}

static void check_ready(struct bus *b)
{
	bool ready = b->state == BUS_UP && b->sender.endpoint.up &&
	             (!b->receiver.endpoint.wanted || b->receiver.endpoint.up);
	char who[120];

	if (ready) {
		*b->told = '\0';
		probed(b, 0, NULL);
	}
	if (ready == b->is_ready || b->state == BUS_STOPPED)
		return;
	b->is_ready = ready;
	if (ready)
		SQ_INFO(b->host, NULL, "connected to queue %s of %s with %s", b->queue, b->connstr.host,
		        identity(b, who));
	b->host->ready(b->host->ctx, ready, ready ? "" : "no connection to Service Bus");
}

void bus_tell_dead(struct bus *b, const char *id, const char *why)
{
	++*b->dead;
	SQ_WARN(b->host, SQ_KV({"test", id}), "put aside as a dead letter: %s", why);
}

void bus_busy(struct bus *b, const struct error_rule *rule)
{
	tell(b, b->told_sending, "queue %s of %s is throttled: %s", b->queue, b->connstr.host, rule->cure);
}

void bus_refused(struct bus *b, const char *what, const char *condition, const char *text)
{
	const struct error_rule *rule = error_rule(condition);
	char a[96], c[200];

	tell(b, b->told_sending, "queue %s of %s refused %s (%s: %s)%s%s", b->queue, b->connstr.host, what,
	     safe(a, sizeof a, condition), safe(c, sizeof c, text), rule->cure ? ": " : "",
	     rule->cure ? rule->cure : "");
}

void bus_accepted(struct bus *b)
{
	*b->told_sending = '\0';
}

/* --- claims and links -------------------------------------------------------------------------- */

pn_session_t *bus_session(struct bus *b, const char *address)
{
	bool usable = b->state == BUS_UP || (b->state == BUS_CLAIMING && strcmp(address, "$cbs") == 0);

	return usable ? b->session : NULL;
}

static void attach_all(struct bus *b)
{
	b->state = BUS_UP;
	endpoint_session(&b->sender.endpoint);
	rpc_session(&b->management);
	receiver_session(&b->receiver);
}

/* Also when the token is renewed: then there is nothing to attach, unless something had been denied. */
void bus_claimed(struct bus *b)
{
	if (b->state == BUS_CLAIMING)
		b->since = bus_now(b);
	b->denied = false;
	if (b->state == BUS_CLAIMING || b->state == BUS_UP)
		attach_all(b);
}

void bus_denied(struct bus *b, const char *condition, const char *why)
{
	const struct error_rule *rule = error_rule(condition);
	char who[120], c[240];

	b->denied = b->state == BUS_CLAIMING;
	tell(b, b->told, "queue %s of %s: no access with %s: %s%s%s", b->queue, b->connstr.host,
	     identity(b, who), safe(c, sizeof c, why), condition && rule->cure ? ": " : "",
	     condition && rule->cure ? rule->cure : "");
	check_ready(b);
}

void bus_attached(struct bus *b, struct endpoint *e)
{
	(void)e;
	check_ready(b);
}

void bus_detached(struct bus *b, struct endpoint *e, const struct error_rule *rule, const char *condition,
                  const char *text)
{
	char a[96], c[200];

	if (rule->trouble == TROUBLE_NORMAL) {
		SQ_DEBUG(b->host, NULL, "the link to %s was idle and is attached again", e->address);
		return;
	}
	if (rule->trouble == TROUBLE_ACCESS && !b->plain)
		claims_doubt(&b->claims);
	tell(b, b->told, "the link to %s of %s was closed (%s%s%s)%s%s", e->address, b->connstr.host,
	     safe(a, sizeof a, condition), *condition ? ": " : "", safe(c, sizeof c, text),
	     rule->cure ? ": " : "", rule->cure ? rule->cure : "");
	check_ready(b);
}

/* --- the connection ---------------------------------------------------------------------------- */

static void connect_now(struct bus *b)
{
	struct wire_target target = {.host = b->connstr.host,
	                             .port = b->connstr.port,
	                             .tls = b->connstr.tls,
	                             .ca = b->conf->tls_ca,
	                             .user = b->plain ? b->connstr.key_name : "",
	                             .password = b->plain ? b->connstr.key : "",
	                             .container = b->host->instance,
	                             .step_timeout = b->conf->step_timeout,
	                             .idle_timeout = b->conf->idle_timeout,
	                             .trace = b->conf->trace};

	b->state = BUS_OPENING;
	if (wire_open(&b->wire, &target) < 0)
		b->state = BUS_DOWN; /* only while this process ends */
}

static void again(struct sq_timer *t)
{
	connect_now(sq_container(t, struct bus, again));
}

static void opened(struct bus *b)
{
	b->session = pn_session(wire_connection(&b->wire));
	if (!b->session) {
		bus_abort(b, "no memory");
		return;
	}
	pn_session_open(b->session);
	if (b->plain) {
		b->since = bus_now(b);
		attach_all(b);
	} else {
		b->state = BUS_CLAIMING;
		claims_session(&b->claims);
	}
}

static void session_closed(struct bus *b, pn_event_t *e)
{
	pn_condition_t *c = pn_session_remote_condition(pn_event_session(e));
	char a[96], text[200];

	bus_abort(b, "%s ended the session (%s: %s): is that Azure Service Bus?", b->connstr.host,
	          safe(a, sizeof a, pn_condition_get_name(c)),
	          safe(text, sizeof text, pn_condition_get_description(c)));
}

static void event(void *owner, pn_event_t *e)
{
	struct bus *b = owner;
	struct endpoint *endpoint;

	switch (pn_event_type(e)) {
	case PN_CONNECTION_REMOTE_OPEN:
		opened(b);
		break;
	case PN_SESSION_REMOTE_CLOSE:
		session_closed(b, e);
		break;
	case PN_LINK_REMOTE_OPEN:
	case PN_LINK_REMOTE_CLOSE:
	case PN_LINK_REMOTE_DETACH:
	case PN_LINK_FLOW:
	case PN_DELIVERY:
		endpoint = pn_link_get_context(pn_event_link(e));
		if (endpoint)
			endpoint_event(endpoint, e);
		break;
	default:
		break;
	}
}

static void drained(struct bus *b)
{
	struct sq_op *op = b->drain;

	bus_timer_stop(b, &b->drain_end);
	b->drain = NULL;
	if (op)
		bus_op_done(b, op, 0);
}

static int64_t pause_before(struct bus *b, enum trouble trouble)
{
	bool held = b->since > 0 && bus_now(b) - b->since >= HELD;

	b->since = 0;
	if (held)
		backoff_reset(&b->backoff);
	return held && trouble == TROUBLE_NORMAL ? 0 : error_pause(trouble, &b->backoff);
}

static void down(void *owner, const struct wire_end *end)
{
	struct bus *b = owner;
	const struct error_rule *rule = error_rule(end->condition);
	bool quiet = rule->trouble == TROUBLE_NORMAL && b->since > 0 && bus_now(b) - b->since >= HELD;
	bool denied = rule->trouble == TROUBLE_NORMAL && b->denied; /* it ends for that, which is told */
	bool stopped = b->state == BUS_STOPPED;

	b->denied = false;
	b->session = NULL;
	b->state = stopped ? BUS_STOPPED : BUS_DOWN;
	claims_lost(&b->claims);
	sender_lost(&b->sender);
	receiver_lost(&b->receiver);
	rpc_lost(&b->management);
	if (stopped) {
		drained(b);
		return;
	}
	++*b->reconnects;
	if (quiet)
		SQ_INFO(b->host, NULL, "%s ended the idle connection: connecting again", b->connstr.host);
	else if (denied)
		SQ_DEBUG(b->host, NULL, "%s", end->text);
	else
		tell(b, b->told, "%s%s%s", end->text, rule->cure ? ": " : "", rule->cure ? rule->cure : "");
	check_ready(b);
	bus_timer(b, &b->again, pause_before(b, rule->trouble));
}

static const struct wire_events wire_events = {event, down};

void bus_abort(struct bus *b, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	wire_abort(&b->wire, "%s", text);
}

void bus_link_name(struct bus *b, char *out, size_t size)
{
	size_t len = strlen(b->host->instance); /* its random part is at the end */

	snprintf(out, size, "%s-%llx-%llu", b->host->instance + (len > NAME_MOST ? len - NAME_MOST : 0),
	         (unsigned long long)bus_wall(b), (unsigned long long)++b->names);
}

int64_t bus_step_timeout(const struct bus *b)
{
	return b->conf->step_timeout;
}

struct backoff bus_backoff(const struct bus *b)
{
	return (struct backoff){.base = 200 * SQ_MS,
	                        .ceiling = 30 * SQ_S,
	                        .seed = (uint64_t)bus_wall(b) ^ (uint64_t)(uintptr_t)b ^ (b->names << 32)};
}

/* --- life -------------------------------------------------------------------------------------- */

/* Nothing more will come, and the last settlement was answered: good-bye. */
void bus_quiet(struct bus *b)
{
	if (b->state == BUS_STOPPED && receiver_quiet(&b->receiver))
		wire_close(&b->wire);
}

static void drain_over(struct sq_timer *t)
{
	struct bus *b = sq_container(t, struct bus, drain_end);

	wire_abort(&b->wire, "no time left");
	if (b->wire.stage == WIRE_IDLE)
		drained(b);
}

static int choose_queue(struct bus *b, struct sq_err *err)
{
	const char *option = b->conf->queue, *entity = b->connstr.entity;

	if (*option && *entity && strcasecmp(option, entity) != 0)
		return sq_fail(
		    err, -EINVAL,
		    "the connection string is for queue %s (EntityPath) but SERVICE_BUS_QUEUE_NAME is %s: "
		    "make them agree",
		    entity, option);
	b->queue = *option ? option : *entity ? entity : DEFAULT_QUEUE;
	if (asprintf(&b->uri, "sb://%s/%s", b->connstr.host, b->queue) < 0)
		b->uri = NULL;
	if (asprintf(&b->management_address, "%s/$management", b->queue) < 0)
		b->management_address = NULL;
	return b->uri && b->management_address ? 0 : sq_fail(err, -ENOMEM, "no memory");
}

static int bus_open(struct bus *b, struct sq_err *err)
{
	const struct bus_conf *c = b->conf;
	int r;

	if (!*c->connection_string)
		return sq_fail(
		    err, -EINVAL,
		    "SERVICE_BUS_CONNECTION_STRING is not set: copy the connection string of the namespace "
		    "from the portal");
	r = connstr_parse(c->connection_string, &b->connstr, err);
	if (r == 0)
		r = choose_queue(b, err);
	if (r < 0)
		return r;
	b->plain = c->auth == AUTH_PLAIN;
	if (b->plain && !*b->connstr.key)
		return sq_fail(err, -EINVAL,
		               "auth = \"plain\" needs a connection string with SharedAccessKey");
	b->token.entra = (struct entra){c->authority_host, c->tenant_id, c->client_id, c->token_file};
	b->token.life = c->token_life;
	return token_init(&b->token, b->host, &b->connstr, b->uri, err);
}

int bus_new(const struct sq_host *host, const struct bus_conf *conf, struct bus **ret, struct sq_err *err)
{
	struct bus *b = calloc(1, sizeof *b);
	int r;

	if (!b)
		return sq_fail(err, -ENOMEM, "no memory");
	b->magic = BUS_MAGIC;
	b->host = host;
	b->conf = conf;
	b->backoff = bus_backoff(b);
	b->again.fire = again;
	b->drain_end.fire = drain_over;
	b->reconnects = host->counter(host->ctx, "queue_reconnects",
	                              "Connections to the queue that were lost.");
	b->dead = host->counter(host->ctx, "queue_dead_letters", "Messages that were put aside for good.");
	wire_init(&b->wire, host, &wire_events, b);
	r = bus_open(b, err);
	if (r < 0) {
		token_free(&b->token);
		connstr_free(&b->connstr);
		free(b->uri);
		free(b->management_address);
		free(b);
		return r;
	}
	claims_init(&b->claims, b, &b->token, b->uri);
	rpc_init(&b->management, b, b->management_address);
	sender_init(&b->sender, b, b->queue);
	receiver_init(&b->receiver, b, b->queue, &b->management,
	              (struct receiver_terms){conf->lock, conf->max_deliveries}, b->dead);
	*ret = b;
	return 0;
}

void bus_start(struct bus *b)
{
	b->host->ready(b->host->ctx, 0, "connecting to Service Bus");
	connect_now(b);
}

void bus_probe(struct bus *b, struct sq_op *op, struct sq_err *err)
{
	b->probe = op;
	b->probe_err = err;
	connect_now(b);
}

void bus_stop(struct bus *b, struct sq_op *op)
{
	bool up = b->state == BUS_UP;

	bus_timer_stop(b, &b->again);
	b->drain = op;
	b->state = BUS_STOPPED;
	receiver_stop(&b->receiver);
	if (b->wire.stage == WIRE_IDLE) {
		drained(b);
		return;
	}
	bus_timer(b, &b->drain_end, DRAIN_MOST);
	if (up)
		bus_quiet(b);
	else
		wire_close(&b->wire);
}

void bus_free(struct bus *b)
{
	assert(b->magic == BUS_MAGIC);
	bus_timer_stop(b, &b->again);
	bus_timer_stop(b, &b->drain_end);
	receiver_free(&b->receiver);
	sender_free(&b->sender);
	rpc_free(&b->management);
	claims_free(&b->claims);
	token_free(&b->token);
	wire_free(&b->wire);
	connstr_free(&b->connstr);
	free(b->uri);
	free(b->management_address);
	b->magic = 0;
	free(b);
}
