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
#include "plugins/common/list.h"
#include "plugins/common/books.h"

#define CONN_BUFFER (64 * 1024) /* of one recv */
#define CONN_HEAD_MAX (64 * 1024) /* of an answer's head */

struct conn;

/* Times are monotonic ns, taken right after the system call that brought the news. */
struct conn_calls {
	void (*connected)(struct conn *c, int64_t now);
	void (*refused)(struct conn *c, int error); /* could not connect; closed already */
	void (*first_byte)(struct conn *c, int64_t now); /* of the answer */
	/* A whole answer: c->seen. If c->reusable it takes another request, else the owner
	 * closes it. */
	void (*answered)(struct conn *c, int64_t now);
	/* No whole answer will come; closed already. c->seen says what happened. */
	void (*broken)(struct conn *c, int64_t now, enum ledger_error why);
	void (*left)(struct conn *c); /* ended while idle, which is normal; closed already */
	/* Only while c->watched: the answer's head, and its body piece by piece. */
	void (*head)(struct conn *c, const struct http_head *head);
	void (*body)(struct conn *c, struct sq_slice data);
};

/* What the connections of one owner share. */
struct conn_env {
	struct ev_loop *loop;
	const struct conn_calls *calls;
	void *owner;
	uint64_t bytes_sent, bytes_received;
	struct http_head head; /* the answer being parsed */
	char buffer[CONN_BUFFER];
};

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_IDLE, CONN_BUSY };

struct conn {
	uint32_t magic;
	enum conn_state state;
	struct conn_env *env;
	struct ev_io io;
	struct link link; /* the owner's */
	void *request; /* the owner's */
	int64_t opened; /* when connecting began */
	uint64_t served; /* whole answers so far */
	/* Set by the owner before it sends: the request is HEAD, so that its answer has no body; the answer
	 * is to be shown to head() and body(). */
	bool to_head, watched;

	struct sq_slice unsent; /* what the socket has not taken yet */
	struct buf kept; /* an incomplete head */
	size_t scanned;
	struct http_body body;
	bool begun; /* bytes of the answer came */
	bool in_body;
	bool reusable;
	struct sample seen; /* of the answer to the last request: status, address, what, body */
};

/* c is uninitialised memory of the owner. 0: one of connected() and refused() follows. Negative
 * errno: c is closed. */
int conn_open(struct conn *c, struct conn_env *env, const struct address *address, int64_t now);

/* The connection is idle; bytes stay until the answer. 0: some bytes reached the socket. Negative
 * errno: none did, c is closed. No call runs inside. */
int conn_send(struct conn *c, struct sq_slice bytes);

void conn_close(struct conn *c); /* harmless when closed */

#endif
