/* http_reply.c - what a role does with a request: look at header fields, answer it. */
#include "http_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/digits.h"
#include "core/base/text.h"

#define REQUEST_MAGIC 0x72657175u
#define DETAIL_MAX 1024

struct http_request *http_request_new(struct http_server *s)
{
	struct http_request *rq = s->spare_requests;

	if (rq) {
		s->spare_requests = rq->next;
		s->spare_request_count--;
	} else {
		rq = calloc(1, sizeof *rq);
		if (!rq)
			return NULL;
	}
	rq->magic = REQUEST_MAGIC;
	return rq;
}

/* What a large request has grown is not kept for the small ones that follow. */
static void give_back(struct buf *b)
{
	if (b->cap > HTTP_STOCK_BYTES)
		buf_free(b);
	else
		buf_reset(b);
}

void http_request_uncount(struct http_request *rq, struct http_server *s)
{
	s->bodies -= rq->counted;
	rq->counted = 0;
}

void http_request_free(struct http_request *rq, struct http_server *s)
{
	if (s)
		http_request_uncount(rq, s);
	rq->magic = 0;
	if (!s || s->spare_request_count == HTTP_STOCK) {
		buf_free(&rq->bytes);
		buf_free(&rq->body);
		buf_free(&rq->extra);
		free(rq);
		return;
	}
	give_back(&rq->bytes);
	give_back(&rq->body);
	give_back(&rq->extra);
	rq->pub = (struct sq_http){0};
	rq->conn = NULL;
	rq->handed = rq->told = false;
	rq->next = s->spare_requests;
	s->spare_requests = rq;
	s->spare_request_count++;
}

struct http_request *http_request_of(struct sq_http *pub)
{
	struct http_request *rq = sq_container(pub, struct http_request, pub);

	assert(rq->magic == REQUEST_MAGIC);
	return rq;
}

/* RFC 9110, 15.3.5 and 15.4.5: these never have a body, and 204 no length either. */
static bool bodiless(int status)
{
	return status == 204 || status == 304;
}

static void put_field(struct buf *out, const char *name, const char *value)
{
	buf_str(out, name);
	buf_add(out, ": ", 2);
	buf_str(out, value);
	buf_add(out, "\r\n", 2);
}

static void put_number(struct buf *out, size_t n)
{
	char digits[DIGITS_MAX];

	buf_add(out, digits, (size_t)(put_digits(digits, (int64_t)n) - digits));
}

static void put_framing(struct buf *out, const struct http_answer *a, bool minor0)
{
	if (a->stream && !minor0) {
		put_field(out, "Transfer-Encoding", "chunked");
	} else if (!a->stream && !bodiless(a->status)) {
		buf_str(out, "Content-Length: ");
		put_number(out, a->len);
		buf_add(out, "\r\n", 2);
	}
	if (!a->keep)
		put_field(out, "Connection", "close");
	else if (minor0)
		put_field(out, "Connection", "keep-alive");
}

void http_answer(struct http_conn *c, const struct http_request *rq, const struct http_answer *a)
{
	struct buf *out = http_conn_out(c);

	assert(a->status >= 200 && a->status <= 599);
	buf_str(out, "HTTP/1.1 ");
	put_number(out, (size_t)a->status);
	buf_add(out, " ", 1);
	buf_str(out, http_phrase(a->status));
	buf_add(out, "\r\n", 2);
	buf_str(out, http_server_date(c->server));
	if (a->type)
		put_field(out, "Content-Type", a->type);
	put_framing(out, a, rq && rq->head.minor == 0);
	if (rq)
		buf_add(out, rq->extra.data, rq->extra.len);
	buf_add(out, "\r\n", 2);
	if (!a->stream && !bodiless(a->status) && !(rq && rq->head_only))
		buf_add(out, a->body, a->len);
	++*c->server->metrics.answers[a->status / 100];
	if (buf_failed(out) || (rq && buf_failed(&rq->extra)))
		http_conn_break(c);
	else
		http_conn_unsent(c);
}

/* RFC 9457. The title is the phrase of the status, as the type about:blank asks. */
static void SQ_PRINTF(3, 0) put_problem(struct buf *out, int status, const char *fmt, va_list ap)
{
	char detail[DETAIL_MAX], safe[DETAIL_MAX];

	vsnprintf(detail, sizeof detail, fmt, ap);
	text_safe(safe, sizeof safe, detail, strlen(detail));
	buf_printf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"",
	           http_phrase(status), status);
	for (const char *p = safe; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_add(out, "\\", 1);
		buf_add(out, p, 1);
	}
	buf_str(out, "\"}\n");
}

void http_answer_problem(struct http_conn *c, const struct http_request *rq, int status, bool keep,
                         const char *fmt, va_list ap)
{
	struct buf json = {0};
	struct http_answer a = {.status = status, .type = "application/problem+json", .keep = keep};

	put_problem(&json, status, fmt, ap);
	if (!buf_failed(&json)) {
		a.body = json.data;
		a.len = json.len;
	}
	http_answer(c, rq, &a);
	buf_free(&json);
}

static struct sq_slice header(const struct sq_http *rq, const char *name)
{
	return http_header(&sq_container(rq, struct http_request, pub)->head, name);
}

/* Those that frame the message, or that every answer has. */
static bool is_ours(const char *name)
{
	static const struct sq_slice ours[] = {
	    {"Connection", 10}, {"Content-Length", 14},    {"Content-Type", 12},
	    {"Date", 4},        {"Transfer-Encoding", 17},
	};
	const size_t len = strlen(name);

	for (size_t i = 0; i < SQ_LEN(ours); i++)
		if (ours[i].len == len && strcasecmp(name, ours[i].data) == 0)
			return true;
	return false;
}

static int set(struct sq_http *pub, const char *name, const char *value)
{
	struct http_request *rq = http_request_of(pub);

	if (!http_is_field(name, value) || is_ours(name))
		return -EINVAL;
	put_field(&rq->extra, name, value);
	return buf_failed(&rq->extra) ? -ENOMEM : 0;
}

/* The request is answered; the connection, if it still has one, goes on. */
static void answered(struct http_request *rq, bool keep)
{
	struct http_conn *c = rq->conn;

	http_request_free(rq, c ? c->server : NULL);
	if (c)
		http_conn_next(c, keep);
}

static void reply(struct sq_http *pub, int status, const char *type, const void *body, size_t len)
{
	struct http_request *rq = http_request_of(pub);
	struct http_answer a = {.status = status, .type = type, .body = body, .len = len};

	if (rq->conn) {
		a.keep = http_conn_keeps(rq->conn, rq);
		http_answer(rq->conn, rq, &a);
	}
	answered(rq, a.keep);
}

static void SQ_PRINTF(3, 4) problem(struct sq_http *pub, int status, const char *detail_fmt, ...)
{
	struct http_request *rq = http_request_of(pub);
	bool keep = rq->conn && http_conn_keeps(rq->conn, rq);
	va_list ap;

	va_start(ap, detail_fmt);
	if (rq->conn)
		http_answer_problem(rq->conn, rq, status, keep, detail_fmt, ap);
	va_end(ap);
	answered(rq, keep);
}

void http_request_astray(struct http_request *rq)
{
	struct sq_http *pub = &rq->pub;
	struct buf allow = {0};

	if (!http_route_allow(rq->conn->server->sites, pub->path, &allow)) {
		problem(pub, 404, "nothing is served at %.*s: check the path (squalld --describe lists them)",
		        (int)(pub->path.len < 200 ? pub->path.len : 200), pub->path.data);
	} else if (buf_failed(&allow) || set(pub, "Allow", allow.len > 0 ? allow.data : "") < 0) {
		problem(pub, 503, "out of memory: try again later");
	} else {
		problem(pub, 405, "this path takes %s: use one of them", allow.data);
	}
	buf_free(&allow);
}

const struct sq_http_calls http_server_calls = {
    .header = header,
    .set = set,
    .reply = reply,
    .problem = problem,
    .stream = http_stream_start,
    .write = http_stream_write,
    .end = http_stream_end,
};
