/*
 * http_feed.h - feeds HTTP messages to the codec in pieces, for unit tests and fuzzers.
 *
 * Each call of the parser sees memory of exactly the size it is told, at another address than the
 * call before, so that the address sanitizer notices any look behind the end or back.
 */
#ifndef TESTS_HTTP_FEED_H
#define TESTS_HTTP_FEED_H

#include <stdlib.h>
#include <string.h>

#include "core/base/http_parse.h"

enum feed_kind {
	REQUEST,
	RESPONSE,
	RESPONSE_TO_HEAD,
};

/* The parser's verdict, and on success what the slices of h point into. */
struct feed_result {
	int verdict;
	struct http_head h;
	char *buf;
};

static inline char *feed_copy(const char *data, size_t len)
{
	char *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* First so many bytes, then step more with each call, until the parser has decided. Free r->buf. */
static inline void feed_head(struct feed_result *r, enum feed_kind kind, const char *msg, size_t len,
                             size_t limit, size_t first, size_t step)
{
	size_t have = first < len ? first : len, scanned = 0;

	memset(&r->h, 0xee, sizeof r->h);
	for (;;) {
		r->buf = feed_copy(msg, have);
		if (kind == REQUEST)
			r->verdict = http_parse_request(&r->h, r->buf, have, limit, &scanned);
		else
			r->verdict = http_parse_response(&r->h, r->buf, have, limit, &scanned,
			                                 kind == RESPONSE_TO_HEAD);
		if (r->verdict != 0 || have == len)
			return;
		free(r->buf);
		have += step < len - have ? step : len - have;
	}
}

static inline bool feed_inside(struct sq_slice s, const struct feed_result *r)
{
	const char *end = r->buf + r->verdict;

	return s.data >= r->buf && s.data <= end && s.len <= (size_t)(end - s.data);
}

static inline bool feed_same_slice(struct sq_slice a, const char *abuf, struct sq_slice b, const char *bbuf)
{
	return a.len == b.len && a.data - abuf == b.data - bbuf;
}

/* Whether two verdicts agree in everything, and the slices of a lie in its head. */
static inline bool feed_same(enum feed_kind kind, const struct feed_result *a, const struct feed_result *b)
{
	const struct http_head *x = &a->h, *y = &b->h;

	if (a->verdict != b->verdict)
		return false;
	if (a->verdict <= 0)
		return true;
	if (x->minor != y->minor || x->keep_alive != y->keep_alive || x->framing != y->framing ||
	    x->header_count != y->header_count)
		return false;
	if (x->framing == HTTP_LENGTH && x->content_length != y->content_length)
		return false;
	if (kind == REQUEST) {
		if (x->expect_continue != y->expect_continue || !feed_inside(x->method, a) ||
		    !feed_inside(x->target, a) || !feed_same_slice(x->method, a->buf, y->method, b->buf) ||
		    !feed_same_slice(x->target, a->buf, y->target, b->buf))
			return false;
	} else if (x->status != y->status) {
		return false;
	}
	for (uint32_t i = 0; i < x->header_count; i++) {
		const struct sq_header *f = &x->headers[i], *g = &y->headers[i];

		if (!feed_inside(f->name, a) || !feed_inside(f->value, a) ||
		    !feed_same_slice(f->name, a->buf, g->name, b->buf) ||
		    !feed_same_slice(f->value, a->buf, g->value, b->buf))
			return false;
	}
	return true;
}

/* Whether the parser says the same however the first bytes of a message are cut in two, and when
 * they come one by one. At most so many of the cuts are tried. */
static inline bool feed_cuts_agree(enum feed_kind kind, const struct feed_result *whole, const char *msg,
                                   size_t len, size_t limit, size_t cuts)
{
	struct feed_result r;
	bool same;

	feed_head(&r, kind, msg, len, limit, 0, 1);
	same = feed_same(kind, &r, whole);
	free(r.buf);
	for (size_t at = 0; same && at < len && at < cuts; at++) {
		feed_head(&r, kind, msg, len, limit, at, len);
		same = feed_same(kind, &r, whole);
		free(r.buf);
	}
	return same;
}

/* A decoded body. */
struct feed_body {
	int64_t verdict; /* bytes consumed, or the error */
	bool done;
	char *data;
	size_t len;
};

/* The same for a body: data holds at most len bytes. Free r->data. */
static inline void feed_body(struct feed_body *r, const struct http_head *h, bool strict, const char *in,
                             size_t len, size_t first, size_t step)
{
	size_t at = 0, piece = first < len ? first : len;
	struct http_body b;

	*r = (struct feed_body){.data = feed_copy(in, len)}; /* not longer than what it is made from */
	http_body_init(&b, h, strict);
	while (at < len && !b.done && r->verdict >= 0) {
		char *copy = feed_copy(in + at, piece);
		size_t used = 0;

		while (used < piece && !b.done) {
			struct sq_slice data;
			int64_t n = http_body_feed(&b, copy + used, piece - used, &data);

			if (n <= 0 || data.len > (size_t)n || (size_t)n > piece - used ||
			    (data.len > 0 &&
			     (data.data < copy + used || data.data + data.len > copy + used + n))) {
				r->verdict = n < 0 ? n : INT64_MIN; /* no progress, or outside */
				break;
			}
			memcpy(r->data + r->len, data.data, data.len);
			r->len += data.len;
			used += (size_t)n;
		}
		free(copy);
		at += used;
		piece = step < len - at ? step : len - at;
	}
	r->done = b.done;
	if (r->verdict >= 0)
		r->verdict = (int64_t)at;
}

#endif
