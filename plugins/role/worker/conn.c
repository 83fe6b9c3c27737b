/* conn.c - one HTTP/1.1 connection: connect, send, receive, parse. */
#include "conn_priv.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define CONN_MAGIC 0x636f6e6eu

struct conn_env *conn_env_new(struct ev_loop *loop, const struct conn_calls *calls, void *owner,
                              struct tls_context *tls, const char *host)
{
	struct conn_env *e = calloc(1, sizeof *e);

	if (e && tls)
		e->cipher = malloc(CONN_BUFFER);
	if (!e || (tls && !e->cipher)) {
		free(e);
		return NULL;
	}
	e->loop = loop;
	e->calls = calls;
	e->owner = owner;
	e->tls = tls;
	e->host = host;
	return e;
}

void conn_env_free(struct conn_env *e)
{
	if (!e)
		return;
	free(e->cipher);
	free(e);
}

void conn_watch(struct conn *c, int events)
{
	ev_io_stop(c->env->loop, &c->io);
	ev_io_set(&c->io, c->io.fd, events);
	ev_io_start(c->env->loop, &c->io);
}

void conn_close(struct conn *c)
{
	assert(c->magic == CONN_MAGIC);
	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	ev_io_stop(c->env->loop, &c->io);
	close(c->io.fd);
	tls_stream_free(c->tls);
	c->tls = NULL;
	buf_free(&c->kept);
}

void conn_break(struct conn *c, int64_t now, enum ledger_error why, const char *what)
{
	snprintf(c->seen.what, sizeof c->seen.what, "%s", what);
	conn_close(c);
	c->env->calls->broken(c, now, why);
}

/* --- connecting ------------------------------------------------------------------------------ */

void conn_refuse(struct conn *c, int error, const char *why)
{
	snprintf(c->seen.what, sizeof c->seen.what, "%s", why);
	conn_close(c);
	c->env->calls->refused(c, error);
}

void conn_ready(struct conn *c)
{
	c->state = CONN_IDLE;
	conn_watch(c, EV_READ);
	c->env->calls->connected(c, clock_now());
}

static void conn_connected(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(c->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error)
		conn_refuse(c, error, strerror(error));
	else if (c->env->tls)
		conn_tls_begin(c);
	else
		conn_ready(c);
}

/* --- sending --------------------------------------------------------------------------------- */

/* Bytes taken, or negative errno. */
static ssize_t conn_write(struct conn *c)
{
	ssize_t n;

	if (c->tls)
		return conn_tls_write(c);
	n = send(c->io.fd, c->unsent.data, c->unsent.len, MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	c->unsent.data += n;
	c->unsent.len -= (size_t)n;
	c->env->bytes_sent += (uint64_t)n;
	return n;
}

/* Whether something waits for the socket. */
static bool conn_waits(const struct conn *c)
{
	return c->unsent.len > 0 || (c->tls && tls_stream_pending(c->tls).len > 0);
}

int conn_send(struct conn *c, struct sq_slice bytes)
{
	ssize_t n;

	assert(c->magic == CONN_MAGIC && c->state == CONN_IDLE && bytes.len > 0);
	c->unsent = bytes;
	n = conn_write(c);
	if (n <= 0) {
		conn_close(c);
		return n < 0 ? (int)n : -EPIPE;
	}
	c->state = CONN_BUSY;
	c->begun = c->in_body = false;
	c->seen.status = 0;
	c->seen.body_len = 0;
	c->seen.what[0] = '\0';
	if (conn_waits(c))
		conn_watch(c, EV_READ | EV_WRITE);
	return 0;
}

/* When the target no longer reads it may have answered already: what it said, or the end of the
 * connection, comes by reading. */
static void conn_writable(struct conn *c)
{
	ssize_t n = conn_write(c);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0 || !conn_waits(c))
		conn_watch(c, EV_READ);
}

/* --- receiving ------------------------------------------------------------------------------- */

/* Keeps the bytes of an incomplete head. They stand in the shared buffer, or at the end of what
 * is kept already. */
static bool conn_keep(struct conn *c, struct sq_slice in, int64_t now)
{
	if (c->kept.len > 0)
		buf_drop(&c->kept, c->kept.len - in.len);
	else
		buf_add(&c->kept, in.data, in.len);
	if (!buf_failed(&c->kept))
		return true;
	conn_break(c, now, ERROR_PROTOCOL, "no memory for the head of the answer");
	return false;
}

static void conn_unkeep(struct conn *c)
{
	if (c->kept.data)
		buf_free(&c->kept);
}

/* Where it leads, as nobody goes there. */
static void conn_redirected(struct conn *c)
{
	struct sq_slice to = http_header(&c->env->head, "Location");

	if (to.data)
		snprintf(c->seen.what, sizeof c->seen.what, "Location: %.*s", (int)to.len, to.data);
}

/* Head by head until one that is not interim (1xx; but 101 leaves HTTP, so it is final). 1: in
 * holds what follows it. 0: incomplete, kept. Negative HTTP_E*. */
static int conn_take_head(struct conn *c, struct sq_slice *in)
{
	struct http_head *head = &c->env->head;
	int n;

	do {
		n = http_parse_response(head, in->data, in->len, CONN_HEAD_MAX, &c->scanned, c->to_head);
		if (n <= 0)
			return n;
		in->data += n;
		in->len -= (size_t)n;
		c->scanned = 0;
	} while (head->status < 200 && head->status != 101);
	c->seen.status = head->status;
	if (head->status / 100 == 3)
		conn_redirected(c);
	c->reusable = head->keep_alive && head->framing != HTTP_UNTIL_CLOSE && head->status != 101;
	c->in_body = true;
	http_body_init(&c->body, head, false);
	if (c->watched)
		c->env->calls->head(c, head);
	return 1;
}

static void conn_excerpt(struct sample *seen, struct sq_slice data)
{
	size_t room = sizeof seen->body - seen->body_len;

	if (data.len > room)
		data.len = room;
	if (data.len > 0)
		memcpy(seen->body + seen->body_len, data.data, data.len);
	seen->body_len += (uint16_t)data.len;
}

/* 0 or negative HTTP_E*; in holds what is behind the body. */
static int conn_take_body(struct conn *c, struct sq_slice *in)
{
	struct sq_slice data;
	int64_t n;

	while (!c->body.done && in->len > 0) {
		n = http_body_feed(&c->body, in->data, in->len, &data);
		if (n < 0)
			return (int)n;
		conn_excerpt(&c->seen, data);
		if (c->watched)
			c->env->calls->body(c, data);
		in->data += n;
		in->len -= (size_t)n;
	}
	return 0;
}

static void conn_answered(struct conn *c, int64_t now)
{
	/* Answered before the request was read: the rest of it would be taken for the next one. */
	if (conn_waits(c) || c->ending)
		c->reusable = false;
	c->state = CONN_IDLE;
	c->served++;
	conn_unkeep(c);
	c->env->calls->answered(c, now);
}

/* True: the answer is incomplete, and c still here. */
static bool conn_take(struct conn *c, struct sq_slice in, int64_t now)
{
	int r = 1;

	if (!c->in_body)
		r = conn_take_head(c, &in);
	if (r == 0)
		return conn_keep(c, in, now);
	if (r > 0)
		r = conn_take_body(c, &in);
	if (r >= 0 && !c->body.done) {
		conn_unkeep(c);
		return true;
	}
	if (r < 0) {
		conn_break(c, now, ERROR_PROTOCOL, http_error_text(r));
	} else {
		c->reusable &= in.len == 0;
		conn_answered(c, now);
	}
	return false;
}

bool conn_received(struct conn *c, size_t n, int64_t now)
{
	if (!c->begun) {
		c->begun = true;
		c->env->calls->first_byte(c, now);
	}
	if (c->kept.len == 0)
		return conn_take(c, (struct sq_slice){c->env->buffer, n}, now);
	buf_add(&c->kept, c->env->buffer, n);
	if (!buf_failed(&c->kept))
		return conn_take(c, (struct sq_slice){c->kept.data, c->kept.len}, now);
	conn_break(c, now, ERROR_PROTOCOL, "no memory for the head of the answer");
	return false;
}

const char *conn_end_text(const struct conn *c, ssize_t n)
{
	if (n < 0 && (c->begun || c->served == 0))
		return strerror((int)-n);
	if (c->begun)
		return "closed in the middle of the answer";
	return c->served > 0 ? "closed when it was used again (a keep-alive race)"
	                     : "closed without an answer";
}

void conn_end(struct conn *c, int64_t now, bool in_order, const char *what)
{
	if (c->state == CONN_IDLE) {
		conn_close(c);
		c->env->calls->left(c);
	} else if (!c->in_body || c->body.framing != HTTP_UNTIL_CLOSE) {
		conn_break(c, now, ERROR_RESET, what);
	} else if (c->tls && !in_order) {
		conn_break(c, now, ERROR_RESET, "closed without close_notify: the answer may be cut off");
	} else {
		conn_answered(c, now);
	}
}

ssize_t conn_recv(struct conn *c, char *to)
{
	ssize_t n = recv(c->io.fd, to, CONN_BUFFER, 0);

	if (n < 0)
		return -errno;
	c->env->bytes_received += (uint64_t)n;
	return n;
}

/* What the answer will be written to comes from memory while the kernel hands the answer over. */
static void conn_foresee(struct conn *c)
{
	__builtin_prefetch(&c->tls, 1);
	__builtin_prefetch(&c->kept, 1);
	__builtin_prefetch(&c->generation, 1);
}

static void conn_readable(struct conn *c)
{
	ssize_t n;
	int64_t now;

	conn_foresee(c);
	n = conn_recv(c, c->env->buffer);
	if (n == -EAGAIN || n == -EINTR)
		return;
	now = clock_now();
	if (n < 0 && c->state == CONN_BUSY)
		conn_break(c, now, ERROR_RESET, conn_end_text(c, n));
	else if (n <= 0 || c->state == CONN_IDLE)
		/* Bytes that nobody asked for are a farewell like 408, or rubbish. */
		conn_end(c, now, true, conn_end_text(c, n));
	else
		conn_received(c, (size_t)n, now);
}

static void conn_event(EV_P_ struct ev_io *w, int revents)
{
	struct conn *c = sq_container(w, struct conn, io);

	(void)loop;
	assert(c->magic == CONN_MAGIC);
	if (c->state == CONN_CONNECTING) {
		conn_connected(c);
		return;
	}
	if (c->state == CONN_SHAKING) {
		conn_tls_shake(c, revents);
		return;
	}
	if (revents & EV_WRITE)
		conn_writable(c);
	if (!(revents & EV_READ))
		return;
	if (c->env->tls)
		conn_tls_readable(c);
	else
		conn_readable(c);
}

/* A Unix socket does not let anybody wait for a place in its queue. */
static const char *conn_refusal(const struct address *address, int error)
{
	return address->sa.ss_family == AF_UNIX && error == EAGAIN
	           ? "the socket's backlog is full: the target accepts too slowly"
	           : strerror(error);
}

int conn_open(struct conn *c, struct conn_env *env, const struct address *address, int64_t now)
{
	int fd = socket(address->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, error;

	memset(c, 0, sizeof *c);
	c->magic = CONN_MAGIC;
	c->env = env;
	c->seen.dns = c->seen.connect = c->seen.tls = -1;
	snprintf(c->seen.address, sizeof c->seen.address, "%s", address->text);
	c->opened = now;
	if (fd >= 0 && address->sa.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (fd < 0 ||
	    (connect(fd, (const struct sockaddr *)&address->sa, address->len) < 0 && errno != EINPROGRESS)) {
		error = errno;
		snprintf(c->seen.what, sizeof c->seen.what, "%s", conn_refusal(address, error));
		if (fd >= 0)
			close(fd);
		return -error;
	}
	c->state = CONN_CONNECTING;
	ev_io_init(&c->io, conn_event, fd, EV_WRITE);
	ev_io_start(env->loop, &c->io);
	return 0;
}
