/*
 * tls_peer.h - certificates made on the spot, and a TLS server between bytes and bytes, for tests.
 */
#ifndef TESTS_TLS_PEER_H
#define TESTS_TLS_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>

struct tls_issue {
	const char *names; /* subjectAltName: "DNS:localhost,IP:127.0.0.1" */
	int days; /* from now; negative: expired */
	bool for_client;
};

/* PEM texts; free() them. */
struct tls_paper {
	char *cert, *key;
};

struct tls_office {
	EVP_PKEY *key;
	X509 *ca;
	char *ca_pem;
};

void tls_office_open(struct tls_office *o, const char *name);
void tls_office_close(struct tls_office *o);
void tls_office_issue(struct tls_office *o, const struct tls_issue *how, struct tls_paper *out);
void tls_paper_free(struct tls_paper *p);

/* A server's context; client_ca: asks for a client's certificate of that office. */
SSL_CTX *tls_server(const struct tls_paper *paper, const struct tls_office *client_ca);

/* One connection of it: bytes go in by BIO_write(in), come out by BIO_read(out). */
struct tls_peer {
	SSL *ssl;
	BIO *in, *out;
};
void tls_peer_open(struct tls_peer *p, SSL_CTX *server);
void tls_peer_close(struct tls_peer *p);

#endif
