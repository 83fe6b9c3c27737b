/*
 * http_parse.h - HTTP/1.1 messages from bytes (RFC 9112). No I/O, no allocation.
 *
 * The head of a message is parsed in place when it is complete: the slices of struct http_head
 * point into the caller's buffer. The body is decoded as it comes by struct http_body.
 *
 * Requests are parsed strictly, since what two parsers read differently is how requests are
 * smuggled: CR LF only, no folded lines, no white space before a colon, one framing only
 * (Content-Length and Transfer-Encoding together, or two lengths, are refused), "chunked" as the
 * only transfer coding, Host exactly once in HTTP/1.1.
 * Responses are parsed tolerantly but bounded: a bare LF and folded lines pass, equal repeated
 * lengths pass; conflicting framing does not, as nobody could tell where the answer ends.
 */
#ifndef BASE_HTTP_PARSE_H
#define BASE_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/http.h>
#include <squall/util.h>

#define HTTP_HEADERS_MAX \
	64 /* header fields kept; a request with more is refused, a response's rest is read but not kept */

enum http_framing {
	HTTP_NO_BODY,
	HTTP_LENGTH,
	HTTP_CHUNKED,
	HTTP_UNTIL_CLOSE, /* responses only */
};

struct http_head {
	struct sq_slice method, target; /* requests */
	int status; /* responses: 100 .. 999 */
	int minor; /* HTTP/1.minor */
	bool keep_alive; /* the connection may serve another message */
	bool expect_continue; /* requests */
	enum http_framing framing;
	uint64_t content_length; /* HTTP_LENGTH */
	uint32_t header_count;
	struct sq_header headers[HTTP_HEADERS_MAX];
};

/* Errors, negative. http_error_status() says which answer a request with it deserves. */
enum {
	HTTP_EBAD = 1100, /* not HTTP: 400 */
	HTTP_EFRAMING, /* duplicate or conflicting framing: 400 */
	HTTP_ELARGE, /* head over the limit, or too many fields: 431 */
	HTTP_EURI, /* request target over its limit: 414 */
	HTTP_EVERSION, /* not HTTP/1.x: 505 */
	HTTP_ECODING, /* transfer coding other than chunked: 501 */
};
int http_error_status(int error);
const char *http_error_text(int error); /* "conflicting Content-Length and Transfer-Encoding", ... static */

/*
 * buf holds the first len bytes of a message, all that came so far. *scanned is the caller's, 0
 * at the start of a message: how far former calls looked, so that a head that trickles in costs
 * linear time. limit: most bytes of a head. Returns the head's length, 0 = more bytes needed, or
 * a negative HTTP_E*. Leading empty lines before a request line are skipped (RFC 9112, 2.2) and
 * count as part of the head.
 */
int http_parse_request(struct http_head *h, const char *buf, size_t len, size_t limit, size_t *scanned);

/* The same for a response. to_head: the request was HEAD (no body whatever the fields say).
 * 1xx, 204 and 304 have no body. */
int http_parse_response(struct http_head *h, const char *buf, size_t len, size_t limit, size_t *scanned,
                        bool to_head);

/* First field of that name, any case; data = NULL if absent. */
struct sq_slice http_header(const struct http_head *h, const char *name);

/* Whether a comma-separated field value holds this token, any case. */
bool http_has_token(struct sq_slice value, const char *token);

/* Decodes a body. Zero-initialise by http_body_init. */
struct http_body {
	enum http_framing framing;
	uint8_t state;
	bool strict; /* requests: chunk lines end in CR LF, extensions are bounded and skipped */
	bool done;
	uint64_t left; /* of the length or the current chunk */
	uint32_t line; /* bytes of the chunk line or trailer section read so far, bounded by 4096 */
};

void http_body_init(struct http_body *b, const struct http_head *h, bool strict);

/*
 * Takes bytes from in (at most len). Returns how many it consumed, or a negative HTTP_E*.
 * *data is set to the body bytes among the consumed ones (len 0 if none): one contiguous run, so
 * call again with the rest while bytes are left and !b->done. With HTTP_UNTIL_CLOSE done is never
 * set: the end of the connection is the end.
 */
int64_t http_body_feed(struct http_body *b, const char *in, size_t len, struct sq_slice *data);

/* "Not Found" for 404; "" when unknown. */
const char *http_phrase(int status);

#endif
