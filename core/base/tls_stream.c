/* tls_stream.c - TLS over bytes: OpenSSL on a BIO that reads what was fed and keeps what is pending. */
#include "core/base/tls_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/text.h"

#define PENDING_KEPT 1024 /* bytes of an empty buffer that stay with a stream */

struct tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *bytes;
	SSL_SESSION *session; /* the latest, when sessions are resumed */
	bool resume;
};

struct tls_stream {
	SSL *ssl;
	struct tls_context *context;
	struct sq_slice fed;
	struct buf pending;
	size_t sent; /* of pending */
	const char *cure;
	char why[TLS_WHY_MAX];
};

/* --- bytes instead of a socket --------------------------------------------------------------- */

static int bytes_read(BIO *bio, char *data, int size)
{
	struct tls_stream *s = BIO_get_data(bio);
	size_t n = s->fed.len < (size_t)size ? s->fed.len : (size_t)size;

	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(data, s->fed.data, n);
	s->fed.data += n;
	s->fed.len -= n;
	return (int)n;
}

static int bytes_write(BIO *bio, const char *data, int len)
{
	struct tls_stream *s = BIO_get_data(bio);

	buf_add(&s->pending, data, (size_t)len);
	return buf_failed(&s->pending) ? -1 : len;
}

static long bytes_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static int bytes_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *bytes_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bytes");

	if (m && BIO_meth_set_read(m, bytes_read) && BIO_meth_set_write(m, bytes_write) &&
	    BIO_meth_set_ctrl(m, bytes_control) && BIO_meth_set_create(m, bytes_create))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* --- verification ---------------------------------------------------------------------------- */

#define CURE_INSECURE "accept any certificate with insecure (-k)"

static const char *cure_of(int verdict)
{
	switch (verdict) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "renew it, or look at this machine's clock, or " CURE_INSECURE;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "use a name that it is for, or " CURE_INSECURE;
	default:
		return "trust who issued it with ca (--cacert), or " CURE_INSECURE;
	}
}

/* The first names that a certificate is for. */
static void add_names(const X509 *x, struct buf *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int shown = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && shown < 2; i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type == GEN_DNS)
			buf_printf(out, "%s%.*s", shown++ ? ", " : " (it is for ",
			           ASN1_STRING_length(n->d.dNSName),
			           (const char *)ASN1_STRING_get0_data(n->d.dNSName));
	}
	buf_str(out, shown ? ")" : "");
	GENERAL_NAMES_free(names);
}

static void add_date(const ASN1_TIME *at, struct buf *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(at, &tm) == 1)
		buf_printf(out, " (%04d-%02d-%02d)", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

/* OpenSSL asks about each certificate of the chain; what was found wrong is written down while the
 * certificate is at hand. */
static int verified(int good, X509_STORE_CTX *at)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(at, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_stream *s = SSL_get_app_data(ssl);
	int verdict = X509_STORE_CTX_get_error(at);
	const X509 *x = X509_STORE_CTX_get_current_cert(at);
	struct buf text = {0};

	if (good)
		return 1;
	if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH) {
		buf_str(&text, "certificate does not match host name");
		add_names(X509_STORE_CTX_get0_cert(at), &text);
	} else {
		buf_str(&text, X509_verify_cert_error_string(verdict));
		if (verdict == X509_V_ERR_CERT_HAS_EXPIRED && x)
			add_date(X509_get0_notAfter(x), &text);
	}
	text_safe(s->why, sizeof s->why, text.data ? text.data : "", text.len);
	s->cure = cure_of(verdict);
	buf_free(&text);
	return 0;
}

/* --- the context ----------------------------------------------------------------------------- */

/* A key with a pass phrase must not make OpenSSL ask the terminal for it. */
static int no_phrase(char *data, int size, int writing, void *user)
{
	(void)data;
	(void)size;
	(void)writing;
	*(bool *)user = true;
	return -1;
}

static X509 *next_certificate(BIO *pem)
{
	X509 *x = PEM_read_bio_X509_AUX(pem, NULL, NULL, NULL);

	if (!x)
		ERR_clear_error(); /* the end of the text is one */
	return x;
}

static int trust(SSL_CTX *ssl, const char *ca, struct sq_err *err)
{
	BIO *pem = BIO_new_mem_buf(ca, -1);
	int n = 0;
	X509 *x;

	while (pem && (x = next_certificate(pem))) {
		n += X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), x) == 1;
		X509_free(x);
	}
	BIO_free(pem);
	return n > 0 ? 0 : sq_fail(err, -EINVAL, "ca: holds no certificate in PEM form");
}

static int use_certificate(SSL_CTX *ssl, const char *cert, struct sq_err *err)
{
	BIO *pem = BIO_new_mem_buf(cert, -1);
	X509 *x = pem ? next_certificate(pem) : NULL;
	int r = 0;

	if (!x || SSL_CTX_use_certificate(ssl, x) != 1)
		r = sq_fail(err, -EINVAL, "cert: holds no certificate in PEM form");
	X509_free(x);
	while (r == 0 && (x = next_certificate(pem)))
		if (SSL_CTX_add0_chain_cert(ssl, x) != 1) {
			X509_free(x);
			r = sq_fail(err, -EINVAL, "cert: a certificate of its chain cannot be used");
		}
	BIO_free(pem);
	return r;
}

static int use_key(SSL_CTX *ssl, const char *key, struct sq_err *err)
{
	bool encrypted = false;
	BIO *pem = BIO_new_mem_buf(key, -1);
	EVP_PKEY *k = pem ? PEM_read_bio_PrivateKey(pem, NULL, no_phrase, &encrypted) : NULL;
	int r = 0;

	if (encrypted)
		r = sq_fail(err, -EINVAL,
		            "key: is encrypted: give it without a pass phrase (openssl pkey -in KEY)");
	else if (!k)
		r = sq_fail(err, -EINVAL, "key: holds no private key in PEM form");
	else if (SSL_CTX_use_PrivateKey(ssl, k) != 1)
		r = sq_fail(err, -EINVAL, "key: does not belong to the certificate of cert");
	EVP_PKEY_free(k);
	BIO_free(pem);
	return r;
}

/* Called with each session or ticket that can be resumed; 1: the reference is ours. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_stream *s = SSL_get_app_data(ssl);

	SSL_SESSION_free(s->context->session);
	s->context->session = session;
	return 1;
}

static int offer(SSL_CTX *ssl, const char *alpn)
{
	unsigned char wire[64];
	size_t len = strlen(alpn);

	if (len == 0 || len >= sizeof wire)
		return -EINVAL;
	wire[0] = (unsigned char)len;
	memcpy(wire + 1, alpn, len);
	return SSL_CTX_set_alpn_protos(ssl, wire, (unsigned)len + 1) == 0 ? 0 : -ENOMEM;
}

static int set_up(struct tls_context *c, const struct tls_options *o, struct sq_err *err)
{
	int r = 0;

	SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
	SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(c->ssl, SSL_OP_NO_RENEGOTIATION);
	/* OpenSSL asks even if it does not act on the answer, and what is wrong then is no reason of a
	 * failure. */
	if (o->insecure)
		SSL_CTX_set_verify(c->ssl, SSL_VERIFY_NONE, NULL);
	else
		SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, verified);
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
	if (o->resume) {
		SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(c->ssl, keep_session);
	}
	if (o->alpn && offer(c->ssl, o->alpn) < 0)
		return sq_fail(err, -EINVAL, "the protocol \"%s\" cannot be offered", o->alpn);
	if (o->ca)
		r = trust(c->ssl, o->ca, err);
	else if (!o->insecure && SSL_CTX_set_default_verify_paths(c->ssl) != 1)
		r = sq_fail(err, -EINVAL, "the certificate authorities of this system cannot be read");
	if (r == 0 && o->cert)
		r = use_certificate(c->ssl, o->cert, err);
	if (r == 0 && o->key)
		r = use_key(c->ssl, o->key, err);
	return r;
}

int tls_context_new(const struct tls_options *o, struct tls_context **ret, struct sq_err *err)
{
	struct tls_context *c = calloc(1, sizeof *c);
	int r;

	if (!!o->cert != !!o->key) {
		free(c);
		return sq_fail(err, -EINVAL, "%s: is missing: a client's certificate needs both",
		               o->cert ? "key" : "cert");
	}
	if (c) {
		c->resume = o->resume;
		c->ssl = SSL_CTX_new(TLS_client_method());
		c->bytes = bytes_method();
	}
	if (!c || !c->ssl || !c->bytes)
		r = sq_fail(err, -ENOMEM, "not enough memory for TLS");
	else
		r = set_up(c, o, err);
	ERR_clear_error();
	if (r < 0)
		tls_context_free(c);
	else
		*ret = c;
	return r;
}

void tls_context_free(struct tls_context *c)
{
	if (!c)
		return;
	SSL_SESSION_free(c->session);
	SSL_CTX_free(c->ssl);
	BIO_meth_free(c->bytes);
	free(c);
}

/* --- a stream -------------------------------------------------------------------------------- */

static bool is_numeric(const char *host)
{
	unsigned char ip[16];

	return inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
}

/* The dot that may end a name is for name servers: certificates have none, nor does SNI (RFC 6066, 3). */
static bool expect_host(SSL *ssl, const char *host)
{
	char name[TLSEXT_MAXLEN_host_name + 1];
	size_t len = strlen(host);

	if (is_numeric(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	len -= len > 1 && host[len - 1] == '.';
	if (len >= sizeof name)
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

int tls_stream_new(struct tls_context *c, const char *host, struct tls_stream **ret)
{
	struct tls_stream *s = calloc(1, sizeof *s);
	BIO *bio = NULL;

	if (s) {
		s->context = c;
		s->ssl = SSL_new(c->ssl);
		bio = s->ssl ? BIO_new(c->bytes) : NULL;
	}
	if (!bio || !expect_host(s->ssl, host)) {
		BIO_free(bio);
		tls_stream_free(s);
		ERR_clear_error();
		return -ENOMEM;
	}
	BIO_set_data(bio, s);
	SSL_set_bio(s->ssl, bio, bio);
	SSL_set_app_data(s->ssl, s);
	SSL_set_connect_state(s->ssl);
	if (c->resume && c->session)
		SSL_set_session(s->ssl, c->session);
	*ret = s;
	return 0;
}

void tls_stream_free(struct tls_stream *s)
{
	if (!s)
		return;
	/* A stream that is dropped is no sign against its session. */
	if (s->ssl)
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->ssl);
	buf_free(&s->pending);
	free(s);
}

void tls_stream_feed(struct tls_stream *s, const void *data, size_t len)
{
	s->fed = (struct sq_slice){data, len};
}

/* --- what went wrong ------------------------------------------------------------------------- */

static const char *reason_cure(int reason)
{
	switch (reason) {
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
		return "it may want a client's certificate: cert and key (--cert, --key)";
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
		return "is this port one of https?";
	default:
		return NULL;
	}
}

/* Alerts of the other side are reasons of their own; all others were found by this side. */
static void say_reason(struct tls_stream *s, unsigned long code)
{
	const char *text = ERR_reason_error_string(code);
	int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;

	if (text && reason >= SSL_AD_REASON_OFFSET)
		snprintf(s->why, sizeof s->why, "TLS: the server refused (%s)", text);
	else
		snprintf(s->why, sizeof s->why, "TLS: %s", text ? text : "it failed");
	s->cure = reason_cure(reason);
}

static int explain(struct tls_stream *s)
{
	if (!*s->why)
		say_reason(s, ERR_peek_error());
	ERR_clear_error();
	s->fed.len = 0;
	return -EPROTO;
}

/* --- bytes to bytes -------------------------------------------------------------------------- */

/* What a call of OpenSSL came to: 0 when it wants more bytes. */
static int outcome(struct tls_stream *s, int r)
{
	switch (SSL_get_error(s->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		s->fed.len = 0;
		return -EPIPE;
	default:
		return explain(s);
	}
}

int tls_stream_handshake(struct tls_stream *s)
{
	int r;

	ERR_clear_error(); /* others leave theirs, and SSL_get_error() would take them for ours */
	r = SSL_do_handshake(s->ssl);
	if (r == 1)
		return 1;
	r = outcome(s, r);
	if (r != -EPIPE)
		return r;
	snprintf(s->why, sizeof s->why, "TLS: the server ended in the middle of the handshake");
	return -EPROTO;
}

long tls_stream_read(struct tls_stream *s, void *data, size_t size)
{
	size_t n = 0;
	int r;

	ERR_clear_error();
	r = SSL_read_ex(s->ssl, data, size, &n);
	return r == 1 ? (long)n : outcome(s, r);
}

int tls_stream_write(struct tls_stream *s, const void *data, size_t len)
{
	size_t n = 0;

	ERR_clear_error();
	if (SSL_write_ex(s->ssl, data, len, &n) == 1 && n == len)
		return 0;
	return explain(s);
}

struct sq_slice tls_stream_pending(const struct tls_stream *s)
{
	return (struct sq_slice){s->pending.data ? s->pending.data + s->sent : NULL,
	                         s->pending.len - s->sent};
}

void tls_stream_sent(struct tls_stream *s, size_t n)
{
	s->sent += n;
	if (s->sent < s->pending.len)
		return;
	s->sent = 0;
	if (s->pending.cap > PENDING_KEPT)
		buf_free(&s->pending);
	else
		buf_reset(&s->pending);
}

bool tls_stream_resumed(const struct tls_stream *s)
{
	return SSL_session_reused(s->ssl);
}

const char *tls_stream_why(const struct tls_stream *s)
{
	return s->why;
}

const char *tls_stream_cure(const struct tls_stream *s)
{
	return s->cure;
}
