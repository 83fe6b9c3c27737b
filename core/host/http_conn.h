/*
 * http_conn.h - inside the HTTP server: the server itself, its connections, and the requests that
 * are in the hands of roles. For http_*.c only.
 *
 * A turn of the loop. Each readable connection is read once; requests are taken out of what came
 * and handed to roles one at a time per connection, in order. Roles answer inside the handler or
 * in a later turn; either way the bytes gather in out. At the end of the turn (an ev_prepare of
 * the lowest priority: after everything else the turn had to do) every connection with output
 * gets one send. No role's code runs there, since what it starts might miss the turn: calling
 * closed() and writable(), going on with bytes that are left over, and the end of a connection
 * wait on the list again for the start of the next turn. A connection is freed there, or when the
 * server closes, and nowhere else; everything that goes wrong with it before only marks it.
 *
 * Memory. A connection without a request has no buffers: bytes come through the server's chunk,
 * output buffers and requests are lent from the server's stock and go back to it, so that in the
 * steady state nothing is allocated. A request owns a copy of its bytes, so that it can outlive
 * its connection.
 *
 * Time is counted in ticks of one coarse timer; a connection notes the tick since which it waits.
 * A limit is never shorter than asked, and up to two ticks longer.
 */
#ifndef HOST_HTTP_CONN_H
#define HOST_HTTP_CONN_H

#include <ev.h>

#include "core/base/http_parse.h"

#include "http_listen.h"
#include "http_route.h"

#define HTTP_CHUNK 65536 /* bytes of one read */
#define HTTP_OUT_HIGH 65536 /* unsent bytes of answers beyond which no further request is taken */
#define HTTP_STOCK 1024 /* spare requests and spare buffers kept */
#define HTTP_STOCK_BYTES 65536 /* larger spare buffers are freed instead */

/* A ring with a head; a link outside of any ring points at itself. */
struct http_link {
	struct http_link *prev, *next;
};

enum http_phase {
	CONN_HEAD, /* waits for a request, parts of which may be there */
	CONN_BODY, /* has the head, gathers the body */
	CONN_HANDLED, /* a role has the request */
	CONN_STREAM, /* a role writes the answer bit by bit */
	CONN_LAST, /* the last answer is given: input is thrown away */
};

enum http_wait { WAIT_NONE, WAIT_IDLE, WAIT_HEAD, WAIT_BODY, WAIT_WRITE, WAIT_LINGER, WAIT_COUNT };

struct http_server {
	uint32_t magic;
	struct ev_loop *loop;
	const struct conf_listener *conf;
	struct http_site *sites;
	char what[32];
	char url[HTTP_URL_MAX];

	int fd; /* -1 once the listener is closed */
	ev_io accept;
	ev_timer rest; /* pause of accept when file descriptors have run out */
	bool starved, crowded; /* said so already */

	struct http_link conns, unsent, again;
	ev_prepare turn_end;
	ev_timer turn_start; /* runs when again is not empty */
	int64_t count, beyond; /* connections within max_connections; those too many, being told */
	int64_t bodies; /* bytes of all requests whose clients are there */
	bool draining;
	void (*empty)(void *arg);
	void *empty_arg;

	ev_timer clock;
	uint32_t ticks, limits[WAIT_COUNT];

	time_t date_second;
	char date[96]; /* "Date: ...\r\n" of that second */

	struct http_request *spare_requests;
	unsigned spare_request_count, spare_buf_count;
	struct buf spare_bufs[HTTP_STOCK];

	struct { /* shared with other listeners of the same name */
		int64_t *answers[6]; /* by first digit of the status */
		int64_t *connections, *refused, *late[WAIT_COUNT];
	} metrics;

	char chunk[HTTP_CHUNK];
};

struct http_conn {
	uint32_t magic;
	struct http_server *server;
	struct http_link all, unsent, again;
	ev_io io;
	int events; /* that io looks for */

	enum http_phase phase;
	bool broken; /* to be freed in the next turn; nothing is read or sent any more */
	bool eof; /* the client sends nothing more; it may still read (printf | nc) */
	bool taking; /* inside http_conn_take(): what is left over will be looked at */
	bool more; /* while taking: bytes came behind the current request */
	bool held; /* bytes are left over until output has drained */
	bool blocked; /* the last send did not take all */
	bool linger, shut; /* CONN_LAST: wait until the client closes; we have shut our side */
	bool beyond; /* one connection too many */

	enum http_wait wait;
	uint32_t since; /* tick */

	struct buf in; /* left over from the last read */
	size_t scanned; /* of in, by the parser */
	struct buf out; /* output; the first sent bytes of it are gone already */
	size_t sent;

	struct http_request *rq; /* CONN_BODY, CONN_HANDLED */
	struct http_body body;
	uint64_t room; /* bytes that the body may still have */

	struct sq_stream *stream; /* CONN_STREAM */
	bool chunked, mute; /* how it is framed; HEAD: nothing is sent */
	bool full, ended; /* writable() is owed; end() was called */
	bool keep; /* another request may follow it */

	char peer[48];
};

struct http_request {
	uint32_t magic;
	struct sq_http pub;
	struct http_conn *conn; /* NULL: the connection is gone */
	struct http_request *next; /* in the stock */
	struct http_route route; /* row NULL: there is none, the server answers */
	bool head_only; /* HEAD: the answer has no body */
	bool handed; /* to the role, which has to answer it */
	bool told; /* gone() was called */
	struct buf bytes, body, extra; /* the head as it came, the body, header fields of the answer */
	int64_t counted; /* of the body, in the server's bodies */
	struct http_head head; /* points into bytes */
	char peer[48];
};

struct http_answer {
	int status;
	const char *type; /* or NULL */
	const void *body;
	size_t len;
	bool keep; /* the connection serves further requests */
	bool stream; /* no length: in chunks, or up to the end of the connection; without body */
};

/* http_server.c */
void http_server_forget(struct http_server *s, struct http_conn *c);
void http_server_again(struct http_server *s, struct http_conn *c); /* in the next turn */
const char *http_server_date(struct http_server *s);

/* http_conn.c */
struct http_conn *http_conn_new(struct http_server *s, int fd, const char *peer); /* NULL: no memory */
void http_conn_free(struct http_conn *c); /* calls gone() or closed() */
void http_conn_flush(struct http_conn *c); /* at the end of the turn: one send */
void http_conn_again(struct http_conn *c); /* at the start of the next one; may free c */
void http_conn_late(struct http_conn *c); /* its time limit has passed */
void http_conn_break(struct http_conn *c); /* disconnects, in the next turn */
void http_conn_next(struct http_conn *c, bool keep); /* the answer to the current request is complete */
bool http_conn_keeps(const struct http_conn *c, const struct http_request *rq);
void http_conn_refuse(struct http_conn *c, int status, const char *detail_fmt, ...) SQ_PRINTF(3, 4);
void http_conn_unsent(struct http_conn *c); /* flush it at the end of the turn */
struct buf *http_conn_out(struct http_conn *c); /* where its output goes */
static inline size_t http_conn_pending(const struct http_conn *c)
{
	return c->out.len - c->sent;
}

/* http_take.c */
/* Takes requests out of data until a role has one, the connection ends, or more bytes are needed.
 * Returns how many bytes were used. */
size_t http_conn_take(struct http_conn *c, const char *data, size_t len);

/* http_reply.c */
struct http_request *http_request_new(struct http_server *s); /* NULL: no memory */
void http_request_free(struct http_request *rq, struct http_server *s); /* to the stock of s, or s = NULL */
void http_request_uncount(struct http_request *rq, struct http_server *s); /* out of the server's bodies */
void http_request_astray(struct http_request *rq); /* answers one without a route: 404 or 405 */
struct http_request *http_request_of(struct sq_http *pub);
/* rq: what is answered; NULL if it could not even be read. */
void http_answer(struct http_conn *c, const struct http_request *rq, const struct http_answer *a);
void http_answer_problem(struct http_conn *c, const struct http_request *rq, int status, bool keep,
                         const char *fmt, va_list ap) SQ_PRINTF(5, 0);

/* http_stream.c */
int http_stream_start(struct sq_http *pub, struct sq_stream *s, int status, const char *type);
int http_stream_write(struct sq_stream *s, const void *data, size_t len);
void http_stream_end(struct sq_stream *s);
bool http_stream_due(const struct http_conn *c); /* closed() or writable() is to be called */
void http_stream_again(struct http_conn *c); /* calls them */

static inline void http_link_init(struct http_link *l)
{
	l->prev = l->next = l;
}

static inline bool http_link_alone(const struct http_link *l)
{
	return l->next == l;
}

static inline void http_link_out(struct http_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	http_link_init(l);
}

/* To the end of the ring; stays where it is if it is in one. */
static inline void http_link_in(struct http_link *ring, struct http_link *l)
{
	if (!http_link_alone(l))
		return;
	l->prev = ring->prev;
	l->next = ring;
	ring->prev->next = l;
	ring->prev = l;
}

/* All of one ring into another that is empty. */
static inline void http_link_move(struct http_link *from, struct http_link *to)
{
	http_link_init(to);
	if (http_link_alone(from))
		return;
	to->next = from->next;
	to->prev = from->prev;
	to->next->prev = to->prev->next = to;
	http_link_init(from);
}

#endif
