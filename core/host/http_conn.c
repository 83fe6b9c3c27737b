/* http_conn.c - one connection: what it waits for, its turns, its end. */
#include "http_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/text.h"

#define CONN_MAGIC 0x636f6e6eu

static struct http_conn *conn_of(ev_io *w)
{
	struct http_conn *c = w->data;

	assert(c && c->magic == CONN_MAGIC);
	return c;
}

/* --- what the connection waits for --- */

static void look_for(struct http_conn *c, int events)
{
	if (events == c->events)
		return;
	ev_io_stop(c->server->loop, &c->io);
	if (events) {
		ev_io_set(&c->io, c->io.fd, events);
		ev_io_start(c->server->loop, &c->io);
	}
	c->events = events;
}

static enum http_wait waits_for(const struct http_conn *c)
{
	if (c->broken)
		return WAIT_NONE;
	if (c->blocked)
		return WAIT_WRITE;
	switch (c->phase) {
	case CONN_HEAD:
		return c->in.len > 0 ? WAIT_HEAD : WAIT_IDLE;
	case CONN_BODY:
		return WAIT_BODY;
	case CONN_LAST:
		return c->shut ? WAIT_LINGER : WAIT_NONE;
	default:
		return WAIT_NONE;
	}
}

/* Read interest is dropped only while a client that pipelines has sent more than its share, or
 * will send no more; then its leaving is noticed late. */
static void arm(struct http_conn *c)
{
	enum http_wait wait = waits_for(c);
	bool room = c->phase == CONN_BODY || c->phase == CONN_LAST ||
	            c->in.len <= (size_t)c->server->conf->max_header;

	if (c->broken)
		look_for(c, 0);
	else
		look_for(c, (!c->eof && room ? EV_READ : 0) | (c->blocked ? EV_WRITE : 0));
	if (wait != c->wait) {
		c->wait = wait;
		c->since = c->server->ticks;
	}
}

void http_conn_break(struct http_conn *c)
{
	c->broken = true;
	http_server_again(c->server, c);
	arm(c);
}

/* --- the end --- */

/* What has been answered goes out; then the connection ends. linger: the client is still sending,
 * so closing at once would reset the connection and the answer might be lost (RFC 9112, 9.6). */
static void last(struct http_conn *c, bool linger)
{
	c->phase = CONN_LAST;
	c->linger = linger;
	http_conn_unsent(c);
}

void http_conn_refuse(struct http_conn *c, int status, const char *detail_fmt, ...)
{
	struct http_request *rq = c->rq;
	va_list ap;

	va_start(ap, detail_fmt);
	http_answer_problem(c, rq, status, false, detail_fmt, ap);
	va_end(ap);
	if (rq && !rq->handed) {
		c->rq = NULL;
		http_request_free(rq, c->server);
	}
	last(c, true);
}

static void conclude(struct http_conn *c)
{
	if (!c->linger || c->eof) {
		http_conn_free(c);
		return;
	}
	if (!c->shut)
		shutdown(c->io.fd, SHUT_WR);
	c->shut = true;
	arm(c);
}

void http_conn_late(struct http_conn *c)
{
	char limit[TEXT_MAX];

	++*c->server->metrics.late[c->wait];
	if (c->wait == WAIT_HEAD)
		http_conn_refuse(
		    c, 408, "the request head took longer than %s: send it faster, or raise header_timeout",
		    text_duration(limit, c->server->conf->header_timeout));
	else if (c->wait == WAIT_BODY)
		http_conn_refuse(
		    c, 408, "the request body took longer than %s: send it faster, or raise body_timeout",
		    text_duration(limit, c->server->conf->body_timeout));
	else
		http_conn_break(c);
}

/* --- turns --- */

static void take_left_over(struct http_conn *c)
{
	c->held = false;
	buf_drop(&c->in, http_conn_take(c, c->in.data, c->in.len));
	if (c->in.len == 0)
		buf_free(&c->in);
	if (c->eof && c->phase == CONN_HEAD && !c->held)
		last(c, false);
}

/* The client closed its side. It may only have finished sending: an answer that is on its way is
 * still tried. A stream has no other sign that its reader left. */
static void come_to_end(struct http_conn *c)
{
	struct http_request *rq = c->rq;

	c->eof = true;
	if (c->phase == CONN_HEAD && !c->held) {
		last(c, false);
	} else if (c->phase == CONN_LAST) {
		http_conn_unsent(c);
	} else if (c->phase == CONN_BODY || c->phase == CONN_STREAM) {
		http_conn_break(c);
	} else if (rq && rq->pub.gone) {
		rq->told = true;
		rq->pub.gone(&rq->pub);
	}
}

/* New bytes. They are looked at where they are, unless they continue what was left over. */
static void come_in(struct http_conn *c, const char *bytes, size_t len)
{
	bool fresh = c->in.len == 0;
	size_t used = fresh ? http_conn_take(c, bytes, len) : 0;

	buf_add(&c->in, bytes + used, len - used);
	if (buf_failed(&c->in))
		http_conn_break(c);
	else if (!fresh)
		take_left_over(c);
}

static void read_once(struct http_conn *c)
{
	ssize_t n = recv(c->io.fd, c->server->chunk, HTTP_CHUNK, 0);

	if (n > 0)
		come_in(c, c->server->chunk, (size_t)n);
	else if (n == 0)
		come_to_end(c);
	else if (errno != EAGAIN && errno != EINTR)
		http_conn_break(c);
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct http_conn *c = conn_of(w);

	(void)loop;
	if (revents & EV_WRITE)
		http_conn_unsent(c);
	if (revents & EV_READ)
		read_once(c);
	arm(c);
}

/* All has been sent: the buffer is lent to somebody else. */
static void give_back_out(struct http_conn *c)
{
	struct http_server *s = c->server;

	c->sent = 0;
	if (c->out.cap > HTTP_STOCK_BYTES || s->spare_buf_count == HTTP_STOCK) {
		buf_free(&c->out);
	} else if (c->out.data) {
		buf_reset(&c->out);
		s->spare_bufs[s->spare_buf_count++] = c->out;
		c->out = (struct buf){0};
	}
}

static int send_out(struct http_conn *c)
{
	ssize_t n = send(c->io.fd, c->out.data + c->sent, http_conn_pending(c), MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->sent += (size_t)n;
	if (http_conn_pending(c) == 0) {
		give_back_out(c);
	} else if (c->sent >= c->out.len / 2) {
		buf_drop(&c->out, c->sent);
		c->sent = 0;
	}
	if (n > 0 && c->wait == WAIT_WRITE)
		c->wait = WAIT_NONE; /* progress: arm() starts the limit anew */
	return 0;
}

void http_conn_flush(struct http_conn *c)
{
	size_t left;

	if (c->broken)
		return;
	if (http_conn_pending(c) > 0 && send_out(c) < 0) {
		http_conn_break(c);
		return;
	}
	left = http_conn_pending(c);
	c->blocked = left > 0;
	if ((c->phase == CONN_LAST && left == 0) || http_stream_due(c) || (c->held && left < HTTP_OUT_HIGH))
		http_server_again(c->server, c);
	arm(c);
}

void http_conn_again(struct http_conn *c)
{
	if (c->broken) {
		http_conn_free(c);
		return;
	}
	if (http_stream_due(c))
		http_stream_again(c);
	if (c->phase == CONN_LAST && http_conn_pending(c) == 0) {
		conclude(c);
		return;
	}
	if (c->phase == CONN_HEAD && c->in.len > 0) {
		take_left_over(c);
	} else if (c->phase == CONN_HEAD && c->server->draining) {
		read_once(c);
		if (c->phase == CONN_HEAD && c->in.len == 0)
			last(c, false);
	}
	arm(c);
}

/* --- for those who answer --- */

struct buf *http_conn_out(struct http_conn *c)
{
	struct http_server *s = c->server;

	if (!c->out.data && s->spare_buf_count > 0)
		c->out = s->spare_bufs[--s->spare_buf_count];
	return &c->out;
}

void http_conn_unsent(struct http_conn *c)
{
	http_link_in(&c->server->unsent, &c->unsent);
}

static bool has_more(const struct http_conn *c)
{
	return c->taking ? c->more : c->in.len > 0;
}

/* Requests that were received already are served also when no further ones are. */
bool http_conn_keeps(const struct http_conn *c, const struct http_request *rq)
{
	return rq->head.keep_alive && (has_more(c) || (!c->eof && !c->server->draining));
}

void http_conn_next(struct http_conn *c, bool keep)
{
	c->rq = NULL;
	c->stream = NULL;
	if (!keep) {
		last(c, has_more(c) || !c->body.done);
		return;
	}
	c->phase = CONN_HEAD;
	if (!c->taking && (c->in.len > 0 || c->server->draining))
		http_server_again(c->server, c);
}

/* --- life --- */

struct http_conn *http_conn_new(struct http_server *s, int fd, const char *peer)
{
	struct http_conn *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->magic = CONN_MAGIC;
	c->server = s;
	http_link_init(&c->all);
	http_link_init(&c->unsent);
	http_link_init(&c->again);
	ev_io_init(&c->io, on_io, fd, EV_READ);
	c->io.data = c;
	snprintf(c->peer, sizeof c->peer, "%s", peer);
	arm(c);
	return c;
}

void http_conn_free(struct http_conn *c)
{
	struct http_server *s = c->server;
	struct http_request *rq = c->rq;
	struct sq_stream *stream = c->stream;

	look_for(c, 0);
	close(c->io.fd);
	http_server_forget(s, c);
	give_back_out(c);
	buf_free(&c->in);
	c->magic = 0;
	free(c);
	if (rq && !rq->handed) {
		http_request_free(rq, s);
	} else if (rq) {
		http_request_uncount(rq, s); /* it is in a role's hands, and goes on without us */
		rq->conn = NULL;
		if (rq->pub.gone && !rq->told)
			rq->pub.gone(&rq->pub);
	}
	if (stream)
		stream->closed(stream);
}
