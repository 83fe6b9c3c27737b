/* http_body.c - decodes message bodies as they come (RFC 9112, 6 and 7.1). */
#include "core/base/http_scan.h"

enum {
	SIZE, /* in the digits of a chunk size */
	EXTENSION, /* behind them */
	SIZE_LF, /* behind the CR of a chunk line */
	DATA,
	DATA_END, /* behind the data: CR LF */
	DATA_LF,
	TRAILER, /* at the beginning of a trailer line, or of the empty line that is the end */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF, /* behind the CR of the empty line */
	DONE,
};

#define SIZE_DIGITS_MAX 16

void http_body_init(struct http_body *b, const struct http_head *h, bool strict)
{
	*b = (struct http_body){.framing = h->framing, .strict = strict, .state = SIZE};
	if (h->framing == HTTP_LENGTH)
		b->left = h->content_length;
	b->done = h->framing == HTTP_NO_BODY || (h->framing == HTTP_LENGTH && b->left == 0);
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * The functions below take one byte of what stands around the chunks, in one of the states, and
 * return the next state, or a negative error.
 */

static int chunk_line_end(struct http_body *b)
{
	b->digits = 0;
	return b->left > 0 ? DATA : TRAILER;
}

static int chunk_line(struct http_body *b, char c)
{
	int digit = b->state == SIZE ? hex_digit(c) : -1;

	if (digit >= 0) {
		/* As long as an int64_t counts. A refused byte changes nothing: behind data it is looked
		 * at twice. */
		if (b->digits == SIZE_DIGITS_MAX || b->left > INT64_MAX >> 4)
			return -HTTP_ECHUNK;
		b->digits++;
		b->left = b->left << 4 | (unsigned)digit;
		return SIZE;
	}
	if (b->digits == 0)
		return -HTTP_ECHUNK;
	if (c == '\r')
		return SIZE_LF;
	if (c == '\n' && !b->strict)
		return chunk_line_end(b);
	if (b->state == SIZE) {
		if (!b->strict)
			b->extra = 0;
		return c == ';' || (is_space(c) && !b->strict) ? EXTENSION : -HTTP_ECHUNK;
	}
	if (++b->extra > HTTP_EXTRA_MAX)
		return -HTTP_ELARGE;
	return is_char(c, CHAR_TEXT) ? EXTENSION : -HTTP_ECHUNK;
}

static int trailer_line(struct http_body *b, char c)
{
	if (b->state == TRAILER && c == '\r')
		return LAST_LF;
	if (b->state == TRAILER && c == '\n' && !b->strict)
		return DONE;
	if (++b->extra > HTTP_EXTRA_MAX)
		return -HTTP_ELARGE;
	if (b->state == TRAILER_VALUE) {
		if (c == '\r')
			return TRAILER_LF;
		if (c == '\n' && !b->strict)
			return TRAILER;
		return is_char(c, CHAR_TEXT) ? TRAILER_VALUE : -HTTP_ECHUNK;
	}
	if (c == ':' && b->state == TRAILER_NAME)
		return TRAILER_VALUE;
	if (!b->strict)
		return is_char(c, CHAR_TEXT) ? TRAILER_VALUE : -HTTP_ECHUNK;
	return is_char(c, CHAR_TOKEN) ? TRAILER_NAME : -HTTP_ECHUNK;
}

static int line_feed(struct http_body *b, char c)
{
	if (c != '\n')
		return -HTTP_ECHUNK;
	switch (b->state) {
	case SIZE_LF:
		return chunk_line_end(b);
	case DATA_LF:
		return SIZE;
	case TRAILER_LF:
		return TRAILER;
	default:
		return DONE;
	}
}

static int around_chunks(struct http_body *b, char c)
{
	switch (b->state) {
	case SIZE:
	case EXTENSION:
		return chunk_line(b, c);
	case DATA_END:
		if (c == '\n' && !b->strict)
			return SIZE;
		return c == '\r' ? DATA_LF : -HTTP_ECHUNK;
	case TRAILER:
	case TRAILER_NAME:
	case TRAILER_VALUE:
		return trailer_line(b, c);
	default:
		return line_feed(b, c);
	}
}

/* At most len bytes of the length or chunk that is under way. */
static size_t take(struct http_body *b, const char *in, size_t len, struct sq_slice *data)
{
	size_t n = b->left < len ? (size_t)b->left : len;

	*data = (struct sq_slice){in, n};
	b->left -= n;
	return n;
}

static int64_t feed_chunked(struct http_body *b, const char *in, size_t len, struct sq_slice *data)
{
	size_t at = 0;
	int next;

	while (at < len && !b->done) {
		if (b->state == DATA) {
			if (data->len > 0)
				break; /* a second run: the next call's */
			at += take(b, in + at, len - at, data);
			if (b->left == 0)
				b->state = DATA_END;
			continue;
		}
		next = around_chunks(b, in[at]);
		if (next < 0)
			return data->len > 0 ? (int64_t)at : next; /* what came before it first */
		at++;
		b->state = (uint8_t)next;
		b->done = next == DONE;
	}
	return (int64_t)at;
}

int64_t http_body_feed(struct http_body *b, const char *in, size_t len, struct sq_slice *data)
{
	size_t n;

	*data = (struct sq_slice){in, 0};
	if (b->done || len == 0)
		return 0;
	if (b->framing == HTTP_CHUNKED)
		return feed_chunked(b, in, len, data);
	if (b->framing == HTTP_UNTIL_CLOSE) {
		data->len = len;
		return (int64_t)len;
	}
	n = take(b, in, len, data);
	b->done = b->left == 0;
	return (int64_t)n;
}
