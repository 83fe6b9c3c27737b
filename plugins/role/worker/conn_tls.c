/*
 * conn_tls.c - a connection with TLS: the same calls as the plain one. One recv into env->cipher, from
 * there all that it says into env->buffer; what is written goes out at once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "conn_priv.h"

#define TLS_PIECE (64 * 1024) /* bytes of a request that are encrypted ahead of the socket */

/* Bytes that the socket took of what is pending, or -errno when it took none. An error behind some bytes is
 * left for the next call, since those are on their way. */
static ssize_t conn_tls_flush(struct conn *c)
{
	ssize_t sum = 0, n;

	for (;;) {
		struct sq_slice out = tls_stream_pending(c->tls);

		if (out.len == 0)
			return sum;
		n = send(c->io.fd, out.data, out.len, MSG_NOSIGNAL);
		if (n < 0)
			return sum > 0 ? sum : -errno;
		tls_stream_sent(c->tls, (size_t)n);
		c->env->bytes_sent += (uint64_t)n;
		sum += n;
	}
}

ssize_t conn_tls_write(struct conn *c)
{
	ssize_t sum = 0, n;

	do {
		size_t piece = c->unsent.len < TLS_PIECE ? c->unsent.len : TLS_PIECE;

		if (tls_stream_pending(c->tls).len == 0 && piece > 0) {
			if (tls_stream_write(c->tls, c->unsent.data, piece) < 0)
				return sum > 0 ? sum : -EPROTO;
			c->unsent.data += piece;
			c->unsent.len -= piece;
		}
		n = conn_tls_flush(c);
		if (n < 0)
			return sum > 0 ? sum : n;
		sum += n;
	} while (c->unsent.len > 0 && tls_stream_pending(c->tls).len == 0);
	return sum;
}

/* --- the handshake --------------------------------------------------------------------------- */

/* The handshake is done. A ticket may have come with its end; anything else nobody has asked for. */
static void conn_tls_shaken(struct conn *c)
{
	long n = tls_stream_read(c->tls, c->env->buffer, sizeof c->env->buffer);

	if (n == -EPROTO) {
		c->cure = tls_stream_cure(c->tls);
		conn_refuse(c, EPROTO, tls_stream_why(c->tls));
	} else if (n != 0) {
		conn_refuse(c, EPROTO,
		            n > 0 ? "TLS: the server speaks first" : "TLS: the server ended at once");
	} else {
		c->resumed = tls_stream_resumed(c->tls);
		conn_ready(c);
	}
}

static void conn_tls_step(struct conn *c)
{
	int r = tls_stream_handshake(c->tls);
	ssize_t n = conn_tls_flush(c); /* also of an alert */

	if (r < 0) {
		c->cure = tls_stream_cure(c->tls);
		conn_refuse(c, EPROTO, tls_stream_why(c->tls));
	} else if (n < 0 && n != -EAGAIN) {
		conn_refuse(c, EPROTO, "TLS: the server closed in the middle of the handshake");
	} else if (tls_stream_pending(c->tls).len > 0) {
		conn_watch(c, EV_READ | EV_WRITE);
	} else if (r > 0) {
		conn_tls_shaken(c);
	} else {
		conn_watch(c, EV_READ);
	}
}

void conn_tls_begin(struct conn *c)
{
	if (tls_stream_new(c->env->tls, c->env->host, &c->tls) < 0) {
		conn_refuse(c, ENOMEM, strerror(ENOMEM));
		return;
	}
	c->state = CONN_SHAKING;
	c->reached = clock_now();
	c->env->calls->reached(c, c->reached);
	conn_tls_step(c);
}

void conn_tls_shake(struct conn *c, int revents)
{
	ssize_t n;

	if (revents & EV_READ) {
		n = conn_recv(c, c->env->cipher);
		if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR)) {
			conn_refuse(c, EPROTO,
			            n == 0 ? "TLS: the server closed in the middle of the handshake"
			                   : strerror((int)-n));
			return;
		}
		if (n > 0)
			tls_stream_feed(c->tls, c->env->cipher, (size_t)n);
	}
	conn_tls_step(c);
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* All plain bytes of what was fed into env->buffer: their number. c->ending: TLS ended behind them. */
static size_t conn_tls_open(struct conn *c)
{
	struct conn_env *env = c->env;
	size_t len = 0;
	long n;

	do {
		n = tls_stream_read(c->tls, env->buffer + len, sizeof env->buffer - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	c->ending = n < 0;
	c->in_order = n == -EPIPE;
	return len;
}

/* It ended behind an answer that is not whole, or outside of one. */
static void conn_tls_end(struct conn *c, int64_t now)
{
	if (c->in_order)
		conn_end(c, now, true, conn_end_text(c, 0));
	else if (c->state == CONN_BUSY)
		conn_break(c, now, ERROR_PROTOCOL, tls_stream_why(c->tls));
	else
		conn_end(c, now, false, NULL);
}

void conn_tls_readable(struct conn *c)
{
	ssize_t n = conn_recv(c, c->env->cipher);
	int64_t now;
	size_t len;

	if (n == -EAGAIN || n == -EINTR)
		return;
	now = clock_now();
	if (n <= 0) {
		conn_end(c, now, false, conn_end_text(c, n));
		return;
	}
	tls_stream_feed(c->tls, c->env->cipher, (size_t)n);
	len = conn_tls_open(c);
	if (tls_stream_pending(c->tls).len > 0 && c->unsent.len == 0 && conn_tls_flush(c) == -EAGAIN)
		conn_watch(c, EV_READ | EV_WRITE); /* an answer to a key update */
	if (c->state == CONN_IDLE) {
		if (c->ending && !c->in_order) {
			c->cure = tls_stream_cure(c->tls);
			snprintf(c->seen.what, sizeof c->seen.what, "%s", tls_stream_why(c->tls));
		}
		if (len > 0 || c->ending)
			conn_end(c, now, c->in_order, NULL);
		return;
	}
	if (len > 0 && !conn_received(c, len, now))
		return;
	if (c->ending)
		conn_tls_end(c, now);
}
