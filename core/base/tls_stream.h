/*
 * tls_stream.h - the client's side of TLS 1.2 and 1.3 between bytes and bytes (OpenSSL). No I/O: who
 * owns the socket feeds what came from it and sends what is pending, whatever loop there is.
 *
 *     recv  -> tls_stream_feed()  -> tls_stream_handshake(), later tls_stream_read() until they give 0
 *     tls_stream_write(), or any of the calls above -> tls_stream_pending() -> send -> tls_stream_sent()
 *
 * Certificates are verified, chain and name, unless the context is insecure. A renegotiation that the
 * server asks for is declined. Between two records a stream keeps no buffers (SSL_MODE_RELEASE_BUFFERS),
 * so that ten thousand idle ones are affordable.
 *
 * A context is made once, on any thread, and then belongs to the thread of its streams.
 */
#ifndef BASE_TLS_STREAM_H
#define BASE_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include <squall/util.h>

struct tls_context;
struct tls_stream;

#define TLS_WHY_MAX 96 /* bytes of tls_stream_why() */

/* All borrowed until tls_context_new() returns; NULL or false: not wanted. */
struct tls_options {
	const char *ca; /* PEM text of the authorities to trust; NULL: those of this system */
	const char *cert, *key; /* PEM text of the client's own chain, its leaf first, and of its key */
	const char *alpn; /* the one protocol to offer: "http/1.1" */
	bool insecure; /* any certificate will do */
	bool resume; /* a new stream takes up the session of an earlier one to the same name */
};

/* 0, -EINVAL with what is wrong with which member, or -ENOMEM. Reads files of the system's authorities. */
int tls_context_new(const struct tls_options *o, struct tls_context **ret, struct sq_err *err);
void tls_context_free(struct tls_context *c); /* NULL is fine; after its streams */

/* host: the name or numeric address that the certificate must be for; a name is also sent (SNI). 0 or
 * -ENOMEM. All streams of a context that resumes sessions have the same host. */
int tls_stream_new(struct tls_context *c, const char *host, struct tls_stream **ret);
void tls_stream_free(struct tls_stream *s); /* NULL is fine */

/* What the socket gave. Borrowed until a call below has returned 0 or negative; by then all of it was
 * consumed. Not while some of the bytes before is left. */
void tls_stream_feed(struct tls_stream *s, const void *data, size_t len);

/* 1: done. 0: more bytes of the other side are needed. -EPROTO: it failed, see tls_stream_why(); what is
 * pending then is an alert that tells the other side. The first call makes the first bytes to send. */
int tls_stream_handshake(struct tls_stream *s);

/* After the handshake. The number of bytes read; 0: more are needed; -EPIPE: the other side has ended in
 * order (close_notify); -EPROTO: broken, see tls_stream_why(). */
long tls_stream_read(struct tls_stream *s, void *data, size_t size);

/* After the handshake. Takes all of it: 0, or -EPROTO. It grows what is pending by a little more than
 * len, so write big data in pieces. */
int tls_stream_write(struct tls_stream *s, const void *data, size_t len);

/* Bytes for the socket, len 0 if there are none; n of them were sent. Valid until the next call. */
struct sq_slice tls_stream_pending(const struct tls_stream *s);
void tls_stream_sent(struct tls_stream *s, size_t n);

bool tls_stream_resumed(const struct tls_stream *s); /* the handshake took up an earlier session */

/* After -EPROTO. "certificate has expired", one line of less than TLS_WHY_MAX bytes, and what to do about
 * it as a sentence, or NULL. */
const char *tls_stream_why(const struct tls_stream *s);
const char *tls_stream_cure(const struct tls_stream *s);

#endif
