/* tls_peer.c - an authority, its certificates, and a server in memory. */
#include "tests/unit/tls_peer.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static void need(bool good)
{
	if (!good)
		abort();
}

static char *pem_text(BIO *bio)
{
	char *data, *copy;
	long len = BIO_get_mem_data(bio, &data);

	copy = calloc(1, (size_t)len + 1);
	need(copy != NULL);
	memcpy(copy, data, (size_t)len);
	BIO_free(bio);
	return copy;
}

static char *pem_of_cert(X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());

	need(PEM_write_bio_X509(bio, x) == 1);
	return pem_text(bio);
}

static char *pem_of_key(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	need(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	return pem_text(bio);
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	need(e && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

/* Unsigned; issuer NULL: its own. */
static X509 *certificate(EVP_PKEY *key, const char *name, X509 *issuer, int days)
{
	static long serial = 1000;
	X509 *x = X509_new();

	need(x && X509_set_version(x, 2) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -10L * 86400);
	X509_gmtime_adj(X509_getm_notAfter(x), days * 86400L);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name,
	                           -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
	X509_set_pubkey(x, key);
	return x;
}

void tls_office_open(struct tls_office *o, const char *name)
{
	o->key = EVP_EC_gen("P-256");
	o->ca = certificate(o->key, name, NULL, 30);
	extend(o->ca, o->ca, NID_basic_constraints, "critical,CA:TRUE");
	need(X509_sign(o->ca, o->key, EVP_sha256()) > 0);
	o->ca_pem = pem_of_cert(o->ca);
}

void tls_office_close(struct tls_office *o)
{
	X509_free(o->ca);
	EVP_PKEY_free(o->key);
	free(o->ca_pem);
}

void tls_office_issue(struct tls_office *o, const struct tls_issue *how, struct tls_paper *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certificate(key, "leaf", o->ca, how->days);

	extend(x, o->ca, NID_subject_alt_name, how->names);
	extend(x, o->ca, NID_ext_key_usage, how->for_client ? "clientAuth" : "serverAuth");
	need(X509_sign(x, o->key, EVP_sha256()) > 0);
	out->cert = pem_of_cert(x);
	out->key = pem_of_key(key);
	X509_free(x);
	EVP_PKEY_free(key);
}

void tls_paper_free(struct tls_paper *p)
{
	free(p->cert);
	free(p->key);
}

static int choose_http(SSL *ssl, const unsigned char **out, unsigned char *len, const unsigned char *in,
                       unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(void *)out, len, ours, sizeof ours - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *tls_server(const struct tls_paper *paper, const struct tls_office *client_ca)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *cert = BIO_new_mem_buf(paper->cert, -1), *key = BIO_new_mem_buf(paper->key, -1);
	X509 *x = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

	need(SSL_CTX_use_certificate(ctx, x) == 1 && SSL_CTX_use_PrivateKey(ctx, k) == 1);
	SSL_CTX_set_alpn_select_cb(ctx, choose_http, NULL);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"squall", 6);
	if (client_ca) {
		X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), client_ca->ca);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	X509_free(x);
	EVP_PKEY_free(k);
	BIO_free(cert);
	BIO_free(key);
	return ctx;
}

void tls_peer_open(struct tls_peer *p, SSL_CTX *server)
{
	p->ssl = SSL_new(server);
	p->in = BIO_new(BIO_s_mem());
	p->out = BIO_new(BIO_s_mem());
	need(p->ssl && p->in && p->out);
	SSL_set_bio(p->ssl, p->in, p->out);
	SSL_set_accept_state(p->ssl);
}

void tls_peer_close(struct tls_peer *p)
{
	SSL_free(p->ssl);
}
