/*
 * http_parse.h - HTTP/1.1 messages from bytes (RFC 9112). No I/O, no allocation.
 *
 * The head of a message is parsed in place: the slices of struct http_head point into the caller's
 * buffer. The body is decoded as it comes by struct http_body. What comes out depends on the bytes
 * alone, never on how they were cut into reads.
 *
 * Requests are parsed strictly, since what two parsers read differently is how requests are
 * smuggled: CR LF only, no folded lines, no white space before a colon, one framing only
 * (Content-Length and Transfer-Encoding together, or two lengths, are refused), "chunked" as the
 * only transfer coding, Host exactly once in HTTP/1.1.
 * Responses are parsed tolerantly but bounded: a bare LF, folded lines, white space before a colon
 * and equal repeated lengths pass; conflicting framing does not, as nobody could tell where the
 * answer ends.
 */
#ifndef BASE_HTTP_PARSE_H
#define BASE_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/http.h>
#include <squall/util.h>

/* Header fields kept; a request with more is refused, a response's rest is read but not kept. */
#define HTTP_HEADERS_MAX 64
#define HTTP_METHOD_MAX 32 /* bytes of a method; a longer one is not HTTP */
#define HTTP_TARGET_MAX 8192 /* bytes of a request target; RFC 9112, 3 asks for 8000 at least */
#define HTTP_EXTRA_MAX 4096 /* bytes of chunk extensions and trailers, see struct http_body */

enum http_framing {
	HTTP_NO_BODY,
	HTTP_LENGTH,
	HTTP_CHUNKED,
	HTTP_UNTIL_CLOSE, /* responses only */
};

/* Set by a parser that returned a length; garbage before. */
struct http_head {
	/* Requests. The target begins with "/", or with http:// or https:// in any case and a host
	 * (the path behind it may be missing), or is the "*" of OPTIONS. */
	struct sq_slice method, target;
	int status; /* responses: 100 .. 999 */
	int minor; /* HTTP/1.minor: 0 or 1; a higher one counts as 1 (RFC 9110, 2.5) */
	bool keep_alive; /* the connection may serve another message */
	bool expect_continue; /* requests: the body comes when the client has seen 100 Continue */
	enum http_framing framing;
	uint64_t content_length; /* HTTP_LENGTH; at most INT64_MAX */
	uint32_t header_count;
	struct sq_header headers[HTTP_HEADERS_MAX]; /* values trimmed; a folded one keeps its line ends */
};

/* Returned as -HTTP_E...; http_error_status() says which answer a request with it deserves. */
enum {
	HTTP_EBAD = 1100, /* the first line is not HTTP: 400 */
	HTTP_EFIELD, /* malformed header line: 400 */
	HTTP_EHOST, /* no Host, several, or one that is no host: 400 */
	HTTP_ELENGTH, /* Content-Length is not a number: 400 */
	HTTP_EFRAMING, /* repeated or conflicting framing: 400 */
	HTTP_ECHUNK, /* malformed chunked body: 400 */
	HTTP_ELARGE, /* head, chunk extensions or trailers over the limit, or too many fields: 431 */
	HTTP_EURI, /* request target over HTTP_TARGET_MAX, or a first line over the limit: 414 */
	HTTP_EVERSION, /* HTTP, but not 1.x: 505 */
	HTTP_ECODING, /* transfer codings other than chunked: 501 */
	HTTP_EEXPECT, /* an expectation other than 100-continue: 417 */
};
int http_error_status(int error); /* error as returned, negative */
const char *http_error_text(int error); /* "Content-Length is not a number", static */

/*
 * buf holds the first len bytes of a message, all that came so far; it may move between calls.
 * *scanned is the caller's, 0 at the start of a message: how far former calls looked, so that a
 * head that trickles in costs linear time. limit: most bytes of a head, the same in every call.
 * Returns the head's length, 0 = more bytes needed, or a negative HTTP_E*. A line is judged when
 * it is complete (the beginning of the first one at once), the fields together at the end.
 * Up to four empty lines before a request line are skipped (RFC 9112, 2.2) and count as part of
 * the head.
 */
int http_parse_request(struct http_head *h, const char *buf, size_t len, size_t limit, size_t *scanned);

/*
 * The same for a response. to_head: the request was HEAD (no body whatever the fields say).
 * 1xx, 204 and 304 have no body. A 1xx is not the answer yet: parse again behind it; 101 is the
 * end of HTTP on this connection, so keep_alive is false.
 */
int http_parse_response(struct http_head *h, const char *buf, size_t len, size_t limit, size_t *scanned,
                        bool to_head);

/* First field of that name, any case; data = NULL if absent. */
struct sq_slice http_header(const struct http_head *h, const char *name);

/* Whether a comma-separated field value holds this token, any case. */
bool http_has_token(struct sq_slice value, const char *token);

/* Whether a field may be sent so: its name is a token, and nothing in its value ends it. */
bool http_is_field(const char *name, const char *value);

/* Decodes a body. Initialised by http_body_init. */
struct http_body {
	enum http_framing framing;
	uint8_t state; /* of a chunked body */
	uint8_t digits; /* of the chunk size so far */
	bool strict; /* requests: lines end in CR LF, trailers are well formed */
	bool done;
	uint64_t left; /* of the length or the current chunk */
	uint32_t extra; /* bytes of chunk extensions and trailers so far: over the whole body if
	                 * strict (else tiny chunks with long extensions pass any limit on the
	                 * body), else since the current chunk line began */
};

void http_body_init(struct http_body *b, const struct http_head *h, bool strict);

/*
 * Takes bytes from in (at most len). Returns how many it consumed, or a negative HTTP_E*.
 * *data is set to the body bytes among the consumed ones (len 0 if none): one contiguous run, so
 * call again with the rest while bytes are left and !b->done. It consumes at least one byte if
 * there is one and !b->done, and none that is behind the body. With HTTP_UNTIL_CLOSE done is never
 * set: the end of the connection is the end. Trailers are checked and dropped.
 */
int64_t http_body_feed(struct http_body *b, const char *in, size_t len, struct sq_slice *data);

/* "Not Found" for 404; "" when unknown. */
const char *http_phrase(int status);

#endif
