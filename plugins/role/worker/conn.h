/*
 * conn.h - one HTTP/1.1 connection to the target, one request on it at a time.
 *
 * It knows sockets and HTTP; which request goes where, time limits and the books are its owner's.
 * A connection is told to open and send, and tells its owner what became of that through
 * struct conn_calls. In such a call the owner may send, close or forget the connection: nothing
 * of it is touched after the call returns.
 *
 * About two system calls per request: the request is sent at once (EV_WRITE is watched only
 * after the socket was full), read interest never changes, and one recv into a buffer that all
 * connections share usually brings the whole answer. Only a head that came in pieces is kept.
 * With TLS the shared buffer holds what the socket gave, and a second one what that says (conn_tls.c).
 *
 * What an end of the connection means for a request:
 *   - while idle: nothing, the next request takes another connection (left).
 *   - the socket takes not a byte of the request: it was not sent, and takes another connection.
 *   - after bytes were taken and before a byte of the answer: ERROR_RESET, also on a connection that was
 *     used before, where the target's keep-alive time may have ended at that moment. Browsers and HTTP
 *     libraries send such a request again; here each is sent at most once, since nobody can know whether
 *     the target has carried it out. The sample says "keep-alive race".
 *   - in the answer: ERROR_RESET, unless the end of the connection is the end of the body; with TLS that
 *     end must be in order (close_notify), else the answer may have been cut.
 * Bytes behind the end of an answer do not count against it, but the connection is not used again: what
 * they are depends on how they were cut into reads, and the answer itself was whole.
 */
#ifndef WORKER_CONN_H
#define WORKER_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include <squall/util.h>

#include "plugins/common/address.h"
#include "core/base/buf.h"
#include "core/base/http_parse.h"
#include "core/base/tls_stream.h"
#include "plugins/common/list.h"
#include "plugins/common/books.h"

#define CONN_BUFFER (64 * 1024) /* of one recv */
#define CONN_PLAIN (CONN_BUFFER + 17 * 1024) /* of one recv and a TLS record that was begun before it */
#define CONN_HEAD_MAX (64 * 1024) /* of an answer's head */

struct conn;

/* Times are monotonic ns, taken right after the system call that brought the news. */
struct conn_calls {
	/* Only with TLS: the other side is reached, now the handshake begins. */
	void (*reached)(struct conn *c, int64_t now);
	void (*connected)(struct conn *c, int64_t now);
	/* Could not connect; closed already. error: errno, EPROTO where TLS failed; c->seen.what says why,
	 * c->cure what to do about it, or NULL. */
	void (*refused)(struct conn *c, int error);
	void (*first_byte)(struct conn *c, int64_t now); /* of the answer */
	/* A whole answer: c->seen. If c->reusable it takes another request, else the owner
	 * closes it. */
	void (*answered)(struct conn *c, int64_t now);
	/* No whole answer will come; closed already. c->seen says what happened. */
	void (*broken)(struct conn *c, int64_t now, enum ledger_error why);
	/* Ended while idle, which is normal; closed already. c->seen.what is not "" when TLS failed. */
	void (*left)(struct conn *c);
	/* Only while c->watched: the answer's head, and its body piece by piece. */
	void (*head)(struct conn *c, const struct http_head *head);
	void (*body)(struct conn *c, struct sq_slice data);
};

/* What the connections of one owner share. */
struct conn_env {
	struct ev_loop *loop;
	const struct conn_calls *calls;
	void *owner;
	struct tls_context *tls; /* NULL: plain HTTP */
	const char *host; /* with TLS: who the certificate must be for */
	uint64_t bytes_sent, bytes_received; /* by the sockets: with TLS more than HTTP has */
	struct http_head head; /* the answer being parsed */
	char *cipher; /* with TLS: CONN_BUFFER bytes as received */
	char buffer[CONN_PLAIN];
};

/* An empty one; tls and host are borrowed, tls may be NULL. NULL without memory. */
struct conn_env *conn_env_new(struct ev_loop *loop, const struct conn_calls *calls, void *owner,
                              struct tls_context *tls, const char *host);
void conn_env_free(struct conn_env *e); /* NULL is fine; no connection may be left */

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_SHAKING, CONN_IDLE, CONN_BUSY };

/* What every answer touches stands together, line of cache by line: with a thousand connections each
 * line is a miss. */
struct conn {
	uint32_t magic;
	enum conn_state state;
	struct conn_env *env;
	struct ev_io io;

	struct tls_stream *tls;
	void *request; /* the owner's */
	struct link link; /* the owner's */
	struct sq_slice unsent; /* what the socket has not taken yet */
	uint64_t served; /* whole answers so far */
	/* Set by the owner before it sends: the request is HEAD, so that its answer has no body; the answer
	 * is to be shown to head() and body(). */
	bool to_head, watched;
	bool begun; /* bytes of the answer came */
	bool in_body;
	bool reusable;
	bool ending; /* TLS has ended behind the bytes that are being taken */
	bool in_order; /*   by close_notify */
	bool resumed; /* the TLS session */

	struct buf kept; /* an incomplete head */
	struct http_body body;
	size_t scanned;

	uint32_t generation; /* the owner's: of the addresses it was opened by */
	struct sample seen; /* of the answer to the last request: status, address, what, body */

	int64_t opened, reached; /* when connecting began; when TLS began, 0 without */
	const char *cure; /* static text */
};

/* c is uninitialised memory of the owner. 0: one of connected() and refused() follows. Negative
 * errno: c is closed. */
int conn_open(struct conn *c, struct conn_env *env, const struct address *address, int64_t now);

/* The connection is idle; bytes stay until the answer. 0: some bytes reached the socket. Negative
 * errno: none did, c is closed. No call runs inside. */
int conn_send(struct conn *c, struct sq_slice bytes);

void conn_close(struct conn *c); /* harmless when closed */

#endif
