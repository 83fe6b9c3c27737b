/*
 * fuzz_http.h - what must hold for every HTTP message, for both fuzz targets.
 *
 * The input is a message as it would come from a socket.
 */
#ifndef TESTS_FUZZ_HTTP_H
#define TESTS_FUZZ_HTTP_H

#include <stdio.h>

#include "tests/http_feed.h"

#define FUZZ_LIMIT 4096 /* of a head, below the fuzzer's longest input */

#define require(what)                                                                             \
	do {                                                                                      \
		if (!(what)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* The body decodes to the same in one piece, byte by byte and in two pieces. */
static inline void fuzz_body(const struct http_head *h, bool strict, const char *in, size_t len)
{
	const size_t first[] = {len, 0, len / 2, 1}, step[] = {1, 1, len, 7};
	struct feed_body whole, r;

	feed_body(&whole, h, strict, in, len, first[0], step[0]);
	require(whole.verdict >= -HTTP_EEXPECT && whole.verdict <= (int64_t)len);
	require(whole.len <= len);
	require(h->framing != HTTP_LENGTH || whole.len <= h->content_length);
	for (size_t i = 1; i < SQ_LEN(first); i++) {
		feed_body(&r, h, strict, in, len, first[i], step[i]);
		require(r.verdict == whole.verdict && r.done == whole.done);
		require(r.len == whole.len && memcmp(r.data, whole.data, r.len) == 0);
		free(r.data);
	}
	free(whole.data);
}

/* Writes the fields of h and the end of the head to out; returns where that is. */
static inline char *fuzz_write_fields(char *out, const struct http_head *h)
{
	for (uint32_t i = 0; i < h->header_count; i++) {
		const struct sq_header *f = &h->headers[i];

		out = mempcpy(out, f->name.data, f->name.len);
		out = mempcpy(out, ": ", 2);
		out = mempcpy(out, f->value.data, f->value.len);
		out = mempcpy(out, "\r\n", 2);
	}
	return mempcpy(out, "\r\n", 2);
}

static inline bool fuzz_same_text(struct sq_slice a, struct sq_slice b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Whether both heads mean the same, wherever their text is. */
static inline bool fuzz_same_meaning(const struct http_head *a, const struct http_head *b)
{
	if (a->minor != b->minor || a->keep_alive != b->keep_alive || a->framing != b->framing ||
	    a->header_count != b->header_count)
		return false;
	if (a->framing == HTTP_LENGTH && a->content_length != b->content_length)
		return false;
	for (uint32_t i = 0; i < a->header_count; i++)
		if (!fuzz_same_text(a->headers[i].name, b->headers[i].name) ||
		    !fuzz_same_text(a->headers[i].value, b->headers[i].value))
			return false;
	return true;
}

/* Parses msg whole, and requires that any other way it comes gives the same. */
static inline void fuzz_head(struct feed_result *r, enum feed_kind kind, const char *msg, size_t len)
{
	feed_head(r, kind, msg, len, FUZZ_LIMIT, len, 0);
	require(r->verdict >= -HTTP_EEXPECT && r->verdict <= (int)len && r->verdict <= FUZZ_LIMIT);
	require(feed_cuts_agree(kind, r, msg, len, FUZZ_LIMIT, 48));
}

#endif
