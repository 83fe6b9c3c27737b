/* wire.c - from a name to an open connection; bytes in, bytes out. */
#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <proton/connection.h>
#include <proton/logger.h>
#include <proton/sasl.h>
#include <proton/ssl.h>
#include <proton/transport.h>

#include "core/base/text.h"

static void pump(struct wire *w);

static void watch(struct wire *w, int what)
{
	if (ev_is_active(&w->io) && w->io.events == what)
		return;
	ev_io_stop(w->host->loop, &w->io);
	if (what == 0 || w->fd < 0)
		return;
	ev_io_set(&w->io, w->fd, what);
	ev_io_start(w->host->loop, &w->io);
}

static void shut(struct wire *w)
{
	watch(w, 0);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static void stop_timers(struct wire *w)
{
	w->host->timer_stop(w->host->ctx, &w->step);
	w->host->timer_stop(w->host->ctx, &w->tick);
	w->host->unpost(w->host->ctx, &w->kick);
}

static void engine_free(struct wire *w)
{
	if (w->live)
		pn_connection_driver_destroy(&w->driver);
	w->live = false;
}

/* The end, told once. The engine goes after that, for the owner learns by it what of the engine's is in its
 * hands; its own users may still use that meanwhile. It is no part of w any more: the next one may begin, or
 * w may end. */
static void finish(struct wire *w, const struct wire_end *end)
{
	char condition[128] = "", text[sizeof w->why];
	struct wire_end own = *end;
	pn_connection_driver_t driver = w->driver;
	bool live = w->live;

	if (end->condition)
		own.condition = text_safe(condition, sizeof condition, end->condition,
		                          strlen(end->condition));
	own.text = text_safe(text, sizeof text, end->text, strlen(end->text));
	stop_timers(w);
	shut(w);
	w->live = false;
	w->stage = WIRE_IDLE;
	w->abort = false;
	w->events->down(w->owner, &own);
	if (live)
		pn_connection_driver_destroy(&driver);
}

static void fail(struct wire *w, const char *what)
{
	finish(w, &(struct wire_end){.text = what});
}

/* --- frame traces ------------------------------------------------------------------------------ */

/* Only what kind of frame it is: tokens, keys and bodies follow behind that. */
static void trace(intptr_t context, pn_log_subsystem_t subsystem, pn_log_level_t level, const char *message)
{
	struct wire *w = (struct wire *)context;
	const char *end = strchr(message, '[');
	char text[160];

	(void)subsystem;
	if (level != PN_LEVEL_FRAME)
		return;
	text_safe(text, sizeof text, message, end ? (size_t)(end - message) : strlen(message));
	SQ_DEBUG(w->host, NULL, "frame %s", text);
}

/* PN_TRACE_FRM in the environment would print tokens. */
static void set_logger(struct wire *w, pn_logger_t *logger)
{
	pn_logger_reset_mask(logger, PN_SUBSYSTEM_ALL, PN_LEVEL_ALL);
	pn_logger_set_log_sink(logger, trace, (intptr_t)w);
	if (w->target.trace)
		pn_logger_set_mask(logger, PN_SUBSYSTEM_AMQP, PN_LEVEL_FRAME);
}

/* --- the engine -------------------------------------------------------------------------------- */

static int set_tls(struct wire *w, pn_transport_t *transport)
{
	const char *ca = w->target.ca;
	pn_ssl_domain_t *domain = pn_ssl_domain(PN_SSL_MODE_CLIENT);
	pn_ssl_t *ssl = pn_ssl(transport);
	int r = domain && ssl ? 0 : -ENOMEM;

	if (r == 0 && *ca && pn_ssl_domain_set_trusted_ca_db(domain, ca) != 0)
		r = -ENOENT;
	if (r == 0 && *ca &&
	    pn_ssl_domain_set_peer_authentication(domain, PN_SSL_VERIFY_PEER_NAME, NULL) != 0)
		r = -EINVAL;
	if (r == 0 && pn_ssl_init(ssl, domain, NULL) != 0)
		r = -EINVAL;
	if (r == 0 && pn_ssl_set_peer_hostname(ssl, w->target.host) != 0)
		r = -ENOMEM;
	pn_ssl_domain_free(domain); /* it is counted */
	return r;
}

static void set_sasl(struct wire *w, pn_transport_t *transport, pn_connection_t *connection)
{
	pn_sasl_t *sasl = pn_sasl(transport);

	pn_sasl_allowed_mechs(sasl, *w->target.user ? "PLAIN" : "ANONYMOUS");
	if (!*w->target.user)
		return;
	pn_sasl_set_allow_insecure_mechs(sasl, !w->target.tls); /* an emulator */
	pn_connection_set_user(connection, w->target.user);
	pn_connection_set_password(connection, w->target.password);
}

static int engine_start(struct wire *w)
{
	pn_connection_t *connection;
	pn_transport_t *transport;
	int r = pn_connection_driver_init(&w->driver, NULL, NULL);

	if (r != 0)
		return -ENOMEM;
	w->live = true;
	connection = w->driver.connection;
	transport = w->driver.transport;
	set_logger(w, pn_transport_logger(transport));
	pn_connection_set_container(connection, w->target.container);
	pn_connection_set_hostname(connection, w->target.host);
	pn_transport_set_max_frame(transport, 65536);
	pn_transport_set_idle_timeout(transport, (pn_millis_t)(w->target.idle_timeout / SQ_MS));
	if (w->target.tls)
		r = set_tls(w, transport);
	set_sasl(w, transport, connection);
	pn_connection_open(connection);
	return r;
}

/* What our own side noticed. Its names are those of AMQP, but say nothing about the queue. */
static void tell_local(struct wire *w, const char *text)
{
	/* What went wrong in TLS is one word of OpenSSL's; what it may mean is more use. */
	if (strstr(text, "certificate verify failed"))
		snprintf(
		    w->why, sizeof w->why,
		    "TLS with %s:%u failed: its certificate is not for this name, or not by an authority "
		    "that is trusted (option tls_ca; package ca-certificates)",
		    w->target.host, w->target.port);
	else if (strstr(text, "SSL") && w->stage == WIRE_HANDSHAKE)
		snprintf(w->why, sizeof w->why, "TLS with %s:%u failed (%.200s): is that port for TLS?",
		         w->target.host, w->target.port, text);
	else if (strstr(text, "idle-timeout"))
		snprintf(w->why, sizeof w->why, "%s:%u gave no sign of life for %lld s", w->target.host,
		         w->target.port, (long long)(w->target.idle_timeout / SQ_S));
	else if (strstr(text, "connection aborted") || !*text)
		snprintf(w->why, sizeof w->why, "%s:%u closed the connection%s", w->target.host,
		         w->target.port, w->stage == WIRE_HANDSHAKE ? " before it was open" : "");
	else
		snprintf(w->why, sizeof w->why, "%s:%u: %s", w->target.host, w->target.port, text);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static void tell_condition(struct wire *w, struct wire_end *end)
{
	pn_condition_t *remote = pn_connection_remote_condition(w->driver.connection);
	pn_condition_t *local = pn_transport_condition(w->driver.transport);

	end->text = w->why;
	if (!pn_condition_is_set(remote)) {
		tell_local(w, or_empty(pn_condition_get_description(local)));
		return;
	}
	end->condition = pn_condition_get_name(remote);
	snprintf(w->why, sizeof w->why, "%s:%u ended the connection (%s: %s)", w->target.host, w->target.port,
	         or_empty(end->condition), or_empty(pn_condition_get_description(remote)));
}

static void engine_finished(struct wire *w)
{
	struct wire_end end = {.text = w->why};

	if (w->abort) { /* it is said already */
	} else if (w->stage == WIRE_HANDSHAKE &&
	           pn_sasl_outcome(pn_sasl(w->driver.transport)) == PN_SASL_AUTH) {
		end.refused = true;
		end.condition = "amqp:unauthorized-access";
		snprintf(w->why, sizeof w->why, "%s:%u does not accept this key name and key", w->target.host,
		         w->target.port);
	} else {
		tell_condition(w, &end);
	}
	finish(w, &end);
}

/* --- bytes ------------------------------------------------------------------------------------- */

static void socket_error(struct wire *w, const char *what, int e)
{
	pn_connection_driver_errorf(&w->driver, "amqp:connection:framing-error", "%s: %s", what, strerror(e));
	pn_connection_driver_close(&w->driver);
}

/* False: the socket takes no more. */
static bool write_some(struct wire *w)
{
	pn_bytes_t b;

	while ((b = pn_connection_driver_write_buffer(&w->driver)).size > 0) {
		ssize_t n = send(w->fd, b.start, b.size, MSG_NOSIGNAL);

		if (n > 0) {
			pn_connection_driver_write_done(&w->driver, (size_t)n);
		} else if (errno == EAGAIN || errno == EINTR) {
			return false;
		} else {
			socket_error(w, "sending", errno);
			return true;
		}
	}
	if (pn_connection_driver_write_closed(&w->driver))
		shutdown(w->fd, SHUT_WR);
	return true;
}

static void read_some(struct wire *w)
{
	pn_rwbytes_t b = pn_connection_driver_read_buffer(&w->driver);
	ssize_t n;

	if (b.size == 0)
		return;
	n = recv(w->fd, b.start, b.size, 0);
	if (n > 0)
		pn_connection_driver_read_done(&w->driver, (size_t)n);
	else if (n == 0)
		pn_connection_driver_read_close(&w->driver);
	else if (errno != EAGAIN && errno != EINTR)
		socket_error(w, "receiving", errno);
}

static void handle(struct wire *w, pn_event_t *e)
{
	if (pn_event_type(e) == PN_CONNECTION_REMOTE_OPEN) {
		w->stage = WIRE_UP;
		w->host->timer_stop(w->host->ctx, &w->step);
	} else if (pn_event_type(e) == PN_CONNECTION_REMOTE_CLOSE) {
		pn_connection_close(w->driver.connection);
	}
	w->events->event(w->owner, e);
}

static int64_t mono_ms(struct wire *w)
{
	return w->host->now(w->host->ctx) / SQ_MS;
}

/* Everything there is to do now. May end the connection, and then nothing of it may be touched. */
static void pump(struct wire *w)
{
	pn_event_t *e;
	int64_t next = 0;
	bool room = true;

	if (w->pumping || !w->live)
		return;
	w->pumping = true;
	do {
		while ((e = pn_connection_driver_next_event(&w->driver)))
			handle(w, e);
		next = pn_transport_tick(w->driver.transport, mono_ms(w));
		if (!w->abort)
			room = write_some(w);
	} while (!w->abort && pn_connection_driver_has_event(&w->driver));
	w->pumping = false;
	if (w->abort || pn_connection_driver_finished(&w->driver)) {
		engine_finished(w);
		return;
	}
	watch(w,
	      (pn_connection_driver_read_buffer(&w->driver).size > 0 ? EV_READ : 0) | (room ? 0 : EV_WRITE));
	if (next > 0)
		w->host->timer_start(w->host->ctx, &w->tick, (next - mono_ms(w)) * SQ_MS);
}

/* --- connecting -------------------------------------------------------------------------------- */

static void connect_next(struct wire *w);

static void connected(struct wire *w)
{
	int r;

	w->stage = WIRE_HANDSHAKE;
	w->host->timer_start(w->host->ctx, &w->step, w->target.step_timeout);
	r = engine_start(w);
	if (r == -ENOENT)
		snprintf(w->why, sizeof w->why, "cannot read the certificates in %s (option tls_ca)",
		         w->target.ca);
	else if (r < 0)
		snprintf(w->why, sizeof w->why, "TLS cannot be set up (error %d)", -r);
	if (r < 0)
		w->abort = true;
	pump(w);
}

static void connect_failed(struct wire *w, int e)
{
	snprintf(w->why, sizeof w->why, "cannot connect to %s (%s): %s: is port %u open from here?",
	         w->target.host, w->found.list[w->next - 1].text, strerror(e), w->target.port);
	shut(w);
	connect_next(w);
}

static void ready(struct ev_loop *loop, struct ev_io *io, int what)
{
	struct wire *w = sq_container(io, struct wire, io);
	int e = 0;
	socklen_t len = sizeof e;

	(void)loop;
	if (w->stage == WIRE_CONNECT) {
		getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &e, &len);
		if (e)
			connect_failed(w, e);
		else
			connected(w);
		return;
	}
	if (what & EV_READ)
		read_some(w);
	pump(w);
}

static void connect_next(struct wire *w)
{
	const struct address *a;

	if (w->next >= w->found.count) {
		fail(w, w->why);
		return;
	}
	a = &w->found.list[w->next++];
	w->stage = WIRE_CONNECT;
	w->fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0) {
		connect_failed(w, errno);
		return;
	}
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	w->host->timer_start(w->host->ctx, &w->step, w->target.step_timeout);
	if (connect(w->fd, (const struct sockaddr *)&a->sa, a->len) == 0)
		connected(w);
	else if (errno == EINPROGRESS)
		watch(w, EV_WRITE);
	else
		connect_failed(w, errno);
}

static int resolve(struct sq_work *work)
{
	struct wire *w = sq_container(work, struct wire, resolve);

	return address_resolve(w->target.host, w->target.port, &w->found, NULL);
}

static void resolved(struct sq_op *op, int status)
{
	struct wire *w = sq_container(op, struct wire, resolve.op);

	w->resolving = false;
	if (w->stage != WIRE_NAME)
		return; /* it was given up */
	w->next = 0;
	snprintf(w->why, sizeof w->why,
	         "the name %s has no address: is it the namespace's (Endpoint in the connection string)?",
	         w->target.host);
	if (status < 0)
		w->found.count = 0;
	connect_next(w);
}

static void too_slow(struct sq_timer *t)
{
	struct wire *w = sq_container(t, struct wire, step);

	if (w->stage == WIRE_NAME) {
		snprintf(w->why, sizeof w->why, "no answer about the name %s: does the name server work?",
		         w->target.host);
		fail(w, w->why);
	} else if (w->stage == WIRE_CONNECT) {
		connect_failed(w, ETIMEDOUT);
	} else {
		wire_abort(w, "%s:%u accepts connections but does not answer: is that Azure Service Bus%s?",
		           w->target.host, w->target.port, w->target.tls ? "" : ", and without TLS");
	}
}

/* --- for the owner ----------------------------------------------------------------------------- */

static void kicked(struct sq_post *p)
{
	struct wire *w = sq_container(p, struct wire, kick);

	if (!w->live && w->abort)
		fail(w, w->why);
	else
		pump(w);
}

static void ticked(struct sq_timer *t)
{
	pump(sq_container(t, struct wire, tick));
}

void wire_init(struct wire *w, const struct sq_host *host, const struct wire_events *events, void *owner)
{
	*w = (struct wire){.host = host, .events = events, .owner = owner, .fd = -1};
	w->step.fire = too_slow;
	w->tick.fire = ticked;
	w->kick.run = kicked;
	ev_init(&w->io, ready);
}

int wire_open(struct wire *w, const struct wire_target *target)
{
	int r = 0;

	w->target = *target;
	if (!w->resolving) {
		w->resolve = (struct sq_work){.op.done = resolved,
		                              .run = resolve,
		                              .what = "name of the Service Bus",
		                              .lane = SQ_LANE_NET};
		r = w->host->work(w->host->ctx, &w->resolve);
		if (r < 0)
			return r;
		w->resolving = true;
	}
	w->stage = WIRE_NAME;
	w->host->timer_start(w->host->ctx, &w->step, target->step_timeout);
	return 0;
}

void wire_kick(struct wire *w)
{
	if (w->live)
		w->host->later(w->host->ctx, &w->kick);
}

void wire_abort(struct wire *w, const char *fmt, ...)
{
	va_list ap;

	if (w->stage == WIRE_IDLE || w->abort)
		return;
	va_start(ap, fmt);
	vsnprintf(w->why, sizeof w->why, fmt, ap);
	va_end(ap);
	w->abort = true;
	w->host->later(w->host->ctx, &w->kick);
}

void wire_close(struct wire *w)
{
	if (!w->live) {
		wire_abort(w, "given up");
		return;
	}
	pn_connection_close(w->driver.connection);
	w->host->timer_start(w->host->ctx, &w->step, 1 * SQ_S); /* for the answer */
	wire_kick(w);
}

void wire_free(struct wire *w)
{
	stop_timers(w);
	shut(w);
	engine_free(w);
	w->stage = WIRE_IDLE;
}
