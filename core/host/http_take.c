/* http_take.c - requests out of the bytes of a connection, and into the hands of roles. */
#include "http_conn.h"

#include <errno.h>
#include <string.h>

static struct sq_slice moved(struct sq_slice s, const char *from, const char *to)
{
	return (struct sq_slice){to + (s.data - from), s.len};
}

/* A copy of the head's bytes, which the slices then point into. */
static int own_head(struct http_request *rq, const char *bytes, size_t len)
{
	struct http_head *h = &rq->head;
	const char *own;

	buf_add(&rq->bytes, bytes, len);
	if (buf_failed(&rq->bytes))
		return -ENOMEM;
	own = rq->bytes.data;
	h->method = moved(h->method, bytes, own);
	h->target = moved(h->target, bytes, own);
	for (uint32_t i = 0; i < h->header_count; i++) {
		h->headers[i].name = moved(h->headers[i].name, bytes, own);
		h->headers[i].value = moved(h->headers[i].value, bytes, own);
	}
	return 0;
}

static void fill(struct http_request *rq, struct http_conn *c)
{
	struct http_head *h = &rq->head;

	rq->conn = c;
	rq->head_only = h->method.len == 4 && memcmp(h->method.data, "HEAD", 4) == 0;
	memcpy(rq->peer, c->peer, sizeof rq->peer);
	rq->pub.method = h->method;
	rq->pub.headers = h->headers;
	rq->pub.header_count = h->header_count;
	rq->pub.peer = rq->peer;
	http_route_target(h->target, &rq->pub.path, &rq->pub.query);
	if (http_route_find(c->server->sites, rq->pub.method, rq->pub.path, &rq->route))
		memcpy(rq->pub.params, rq->route.params, sizeof rq->pub.params);
	else
		rq->route.row = NULL;
}

/* The request is complete, or needs no more to be answered. */
static void hand_over(struct http_conn *c)
{
	struct http_request *rq = c->rq;

	if (buf_failed(&rq->body)) {
		http_conn_refuse(c, 503, "out of memory: try again later");
		return;
	}
	c->phase = CONN_HANDLED;
	c->wait = WAIT_NONE;
	rq->handed = true;
	rq->pub.body = (struct sq_slice){rq->body.data, rq->body.len};
	if (rq->route.row)
		rq->route.row->handle(rq->route.self, &rq->pub);
	else
		http_request_astray(rq);
}

static void refuse_body(struct http_conn *c)
{
	const struct sq_route *row = c->rq->route.row;

	if (row && row->max_body > 0)
		http_conn_refuse(c, 413,
		                 "the body is larger than %u bytes, the most this path takes: send less",
		                 row->max_body);
	else
		http_conn_refuse(c, 413, "the body is larger than %lld bytes: send less, or raise max_body",
		                 (long long)c->server->conf->max_body);
}

/* Clients that send large bodies slowly must not take all memory, however many there are. One alone may
 * always. */
static bool keep_body(struct http_conn *c, struct sq_slice run)
{
	struct http_server *s = c->server;
	struct http_request *rq = c->rq;
	int64_t others = s->bodies - rq->counted;

	if (others > 0 && s->bodies + (int64_t)run.len > s->conf->max_bodies) {
		http_conn_refuse(
		    c, 503,
		    "the bodies of other requests take %lld bytes already: try again in a moment, or "
		    "raise max_bodies",
		    (long long)others);
		return false;
	}
	s->bodies += (int64_t)run.len;
	rq->counted += (int64_t)run.len;
	buf_add(&rq->body, run.data, run.len);
	return true;
}

/* A request without a route is answered when its body has been read, so that the connection can
 * go on; unless it asks first or is large: then the client need not send all that. */
static void expect_body(struct http_conn *c)
{
	const struct http_head *h = &c->rq->head;
	const struct sq_route *row = c->rq->route.row;
	bool large;

	c->room = row && row->max_body > 0 ? row->max_body : (uint64_t)c->server->conf->max_body;
	large = h->framing == HTTP_LENGTH && h->content_length > c->room;
	c->phase = CONN_BODY;
	c->wait = WAIT_NONE;
	if (!row && (large || h->expect_continue)) {
		c->rq->head.keep_alive = false;
		hand_over(c);
	} else if (large) {
		refuse_body(c);
	} else if (h->expect_continue && !c->more) {
		buf_str(http_conn_out(c), "HTTP/1.1 100 Continue\r\n\r\n");
		http_conn_unsent(c);
	}
}

static void begin(struct http_conn *c, struct http_request *rq, const char *bytes, size_t len)
{
	c->scanned = 0;
	if (own_head(rq, bytes, len) < 0) {
		http_request_free(rq, c->server);
		http_conn_refuse(c, 503, "out of memory: try again later");
		return;
	}
	c->rq = rq;
	fill(rq, c);
	http_body_init(&c->body, &rq->head, true);
	if (c->body.done)
		hand_over(c);
	else
		expect_body(c);
}

static void refuse_head(struct http_conn *c, int error)
{
	int status = http_error_status(error);
	const char *why = http_error_text(error);

	if (status == 431)
		http_conn_refuse(c, 431, "%s: send at most %d fields and %lld bytes, or raise max_header",
		                 why, HTTP_HEADERS_MAX, (long long)c->server->conf->max_header);
	else if (status == 414)
		http_conn_refuse(c, 414, "%s: send a shorter one", why);
	else if (status == 505)
		http_conn_refuse(c, 505, "%s: send HTTP/1.1", why);
	else
		http_conn_refuse(c, status,
		                 "cannot read the request (%s): correct it; the connection is closed", why);
}

static size_t take_head(struct http_conn *c, const char *data, size_t len)
{
	struct http_request *rq;
	int n;

	if (len == 0)
		return 0;
	if (http_conn_pending(c) >= HTTP_OUT_HIGH) {
		c->held = true;
		return 0;
	}
	rq = http_request_new(c->server);
	if (!rq) {
		http_conn_refuse(c, 503, "out of memory: try again later");
		return len;
	}
	n = http_parse_request(&rq->head, data, len, (size_t)c->server->conf->max_header, &c->scanned);
	if (n <= 0) {
		http_request_free(rq, c->server);
		if (n < 0)
			refuse_head(c, n);
		return n < 0 ? len : 0;
	}
	c->more = (size_t)n < len;
	begin(c, rq, data, (size_t)n);
	return (size_t)n;
}

static size_t take_body(struct http_conn *c, const char *data, size_t len)
{
	struct http_request *rq = c->rq;
	struct sq_slice run;
	int64_t n = http_body_feed(&c->body, data, len, &run);

	if (n < 0) {
		refuse_head(c, (int)n);
		return len;
	}
	if (run.len > c->room) {
		refuse_body(c);
		return len;
	}
	c->room -= run.len;
	if (rq->route.row && !keep_body(c, run))
		return len;
	if (c->body.done) {
		c->more = (size_t)n < len;
		hand_over(c);
	}
	return (size_t)n;
}

size_t http_conn_take(struct http_conn *c, const char *data, size_t len)
{
	size_t used = 0, n;

	c->taking = true;
	do {
		n = 0;
		if (c->phase == CONN_HEAD)
			n = take_head(c, data + used, len - used);
		else if (c->phase == CONN_BODY)
			n = take_body(c, data + used, len - used);
		else if (c->phase == CONN_LAST)
			n = len - used;
		used += n;
	} while (n > 0 && !c->broken);
	c->taking = false;
	return used;
}
