/* conn_priv.h - what conn.c and conn_tls.c share. */
#ifndef WORKER_CONN_PRIV_H
#define WORKER_CONN_PRIV_H

#include <sys/types.h>

#include "conn.h"

void conn_watch(struct conn *c, int events);
/* It ends while connecting; closed and told. */
void conn_refuse(struct conn *c, int error, const char *why);
/* Connecting has come to its good end; told. */
void conn_ready(struct conn *c);
/* n bytes of an answer stand in env->buffer. True: the answer is incomplete, and c still here. */
bool conn_received(struct conn *c, size_t n, int64_t now);
/* The other side has ended; closed and told. what: how that reads when a request is under way. */
void conn_end(struct conn *c, int64_t now, bool in_order, const char *what);
void conn_break(struct conn *c, int64_t now, enum ledger_error why, const char *what);
/* What recv() said: bytes, 0 at the end, or -errno. */
ssize_t conn_recv(struct conn *c, char *to);
/* How an end without a whole answer reads; n: what conn_recv() said. */
const char *conn_end_text(const struct conn *c, ssize_t n);

/* With TLS. Each may end the connection, as the plain ones of conn.c. */
void conn_tls_begin(struct conn *c);
void conn_tls_shake(struct conn *c, int revents);
void conn_tls_readable(struct conn *c);
ssize_t conn_tls_write(struct conn *c); /* of c->unsent; bytes that the socket took, or -errno */

#endif
