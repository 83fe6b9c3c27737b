/* http_stream.c - answers that a role writes bit by bit: bounded, and closed exactly once. */
#include "http_conn.h"

#include <assert.h>
#include <errno.h>

static struct http_conn *conn_of(const struct sq_stream *s)
{
	struct http_conn *c = s->host;

	assert(c && c->stream == s);
	return c;
}

static size_t high_water(const struct http_conn *c)
{
	return (size_t)c->server->conf->stream_buffer / 2;
}

/* HTTP/1.0 knows no chunks (RFC 9112, 7): there the end of the connection is the end. */
static int start(struct http_conn *c, struct http_request *rq, struct sq_stream *s, int status,
                 const char *type)
{
	struct http_answer a = {.status = status, .type = type, .stream = true};

	assert(s->closed && status != 204 && status != 304);
	if (c->broken || c->eof)
		return -ECONNRESET;
	a.keep = rq->head.minor > 0 && http_conn_keeps(c, rq);
	http_answer(c, rq, &a);
	if (c->broken)
		return -ENOMEM;
	s->host = c;
	c->stream = s;
	c->phase = CONN_STREAM;
	c->keep = a.keep;
	c->chunked = rq->head.minor > 0;
	c->mute = c->ended = rq->head_only;
	c->full = false;
	return 0;
}

int http_stream_start(struct sq_http *pub, struct sq_stream *s, int status, const char *type)
{
	struct http_request *rq = http_request_of(pub);
	struct http_conn *c = rq->conn;
	int r = c ? start(c, rq, s, status, type) : -ECONNRESET;

	http_request_free(rq, c ? c->server : NULL);
	if (c)
		c->rq = NULL;
	if (c && r < 0)
		http_conn_break(c);
	return r;
}

static void put_chunk(struct buf *out, const void *data, size_t len)
{
	buf_printf(out, "%zx\r\n", len);
	buf_add(out, data, len);
	buf_add(out, "\r\n", 2);
}

int http_stream_write(struct sq_stream *s, const void *data, size_t len)
{
	struct http_conn *c = conn_of(s);
	struct buf *out;

	if (c->broken)
		return -ENOBUFS;
	if (c->mute)
		return 0;
	assert(!c->ended);
	if (http_conn_pending(c) + len > (size_t)c->server->conf->stream_buffer) {
		http_conn_break(c);
		return -ENOBUFS;
	}
	out = http_conn_out(c);
	if (c->chunked && len > 0) /* an empty chunk would be the end */
		put_chunk(out, data, len);
	else
		buf_add(out, data, len);
	if (buf_failed(out)) {
		http_conn_break(c);
		return -ENOBUFS;
	}
	http_conn_unsent(c);
	if (http_conn_pending(c) <= high_water(c))
		return 0;
	c->full = true;
	return 1;
}

void http_stream_end(struct sq_stream *s)
{
	struct http_conn *c = conn_of(s);

	if (c->broken || c->mute)
		return;
	assert(!c->ended);
	c->ended = true;
	if (c->chunked)
		buf_str(http_conn_out(c), "0\r\n\r\n");
	if (buf_failed(&c->out))
		http_conn_break(c);
	http_conn_unsent(c);
}

bool http_stream_due(const struct http_conn *c)
{
	size_t left = http_conn_pending(c);

	return c->phase == CONN_STREAM && (c->ended ? left == 0 : c->full && left <= high_water(c));
}

void http_stream_again(struct http_conn *c)
{
	struct sq_stream *s = c->stream;

	if (c->ended) {
		http_conn_next(c, c->keep);
		s->closed(s);
		return;
	}
	c->full = false;
	if (s->writable)
		s->writable(s);
}
