/*
 * http.h - the HTTP surface of a role: routes as data, requests, replies, streams.
 *
 * The host listens, parses, bounds, times out and routes; a role only handles. A handler gets a
 * struct sq_http and answers it exactly once, now or later, with reply() or stream(). The handle
 * and everything in it stay valid until then, also if the client has left meanwhile: a reply to
 * a client that is gone goes nowhere, silently. Loop thread only.
 */
#ifndef SQUALL_HTTP_H
#define SQUALL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/util.h>

#define SQ_HTTP_PARAMS 4 /* most {name} segments in a route */

struct sq_header {
	struct sq_slice name, value;
};

/* One request. Slices point into the connection's buffer. */
struct sq_http {
	struct sq_slice method, path; /* path without the query, not decoded */
	struct sq_slice query; /* behind the '?', not decoded; empty if none */
	struct sq_slice params[SQ_HTTP_PARAMS]; /* what matched {..}, in order, not decoded */
	const struct sq_header *headers;
	uint32_t header_count;
	struct sq_slice body; /* whole; its size was bounded by the listener */
	const char *peer; /* address of the client, numeric */
	void *user; /* the role's, NULL at first */
	void (*gone)(struct sq_http *rq); /* the role's, NULL at first: the client left; still answer once */
};

/* A streamed answer (server-sent events, long downloads). */
struct sq_stream {
	/* Set by the role. Runs exactly once after stream() returned 0, when the client left, the
	 * buffer overflowed, the stream was ended, or the host shuts down; the memory is the
	 * role's again and nothing more may be written. */
	void (*closed)(struct sq_stream *s);
	/* May be NULL: the buffer was full beyond high water and is below it again. */
	void (*writable)(struct sq_stream *s);
	void *host; /* the host's */
};

struct sq_http_calls {
	/* Value of a header by its name, any case; data = NULL if absent. The first if repeated. */
	struct sq_slice (*header)(const struct sq_http *rq, const char *name);

	/* Adds a header to the coming answer. Both are copied; a value with control characters is refused. */
	int (*set)(struct sq_http *rq, const char *name, const char *value);

	/* The answer. type: Content-Type, NULL for none. body is copied. HEAD is the host's business. */
	void (*reply)(struct sq_http *rq, int status, const char *type, const void *body, size_t len);

	/* RFC 9457 problem+json: title is the status's own phrase, detail says what to do. */
	void (*problem)(struct sq_http *rq, int status, const char *detail_fmt, ...) SQ_PRINTF(3, 4);

	/* Starts a streamed answer; the handle ends here in every case and s takes its place. Negative:
	 * the client is gone, or no memory (-ENOMEM), and closed() will not run. closed() and writable()
	 * never run inside stream(), write() or end(). HEAD: 0, then closed() in a later turn. The buffer
	 * is bounded (listener option stream_buffer). */
	int (*stream)(struct sq_http *rq, struct sq_stream *s, int status, const char *type);

	/* 0: taken. 1: taken, and above high water: wait for writable(). -ENOBUFS: it did not fit, the
	 * client is disconnected and closed() follows. */
	int (*write)(struct sq_stream *s, const void *data, size_t len);

	/* No more data: flushes, then closed(). */
	void (*end)(struct sq_stream *s);
};

struct sq_route {
	const char *method; /* "POST"; HEAD is answered by GET routes; NULL closes the table */
	const char *path; /* "/tests/{id}/events": {..} matches one segment of one byte or more */
	void (*handle)(void *self, struct sq_http *rq);
	const char *help; /* one sentence for --describe and the API document */
	uint32_t max_body; /* bytes; 0 = the listener's max_body */
};

#endif
