/*
 * test_tls_stream.c - the client's stream against OpenSSL's server, bytes carried by hand: in one piece
 * and one at a time; good and bad certificates; resumption; the ends of a connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/tls_stream.h"
#include "tests/tap.h"
#include "tests/unit/tls_peer.h"

static struct tls_office office, stranger;

struct pair {
	struct tls_stream *client;
	struct tls_peer server;
};

/* Carries what is pending to the server. */
static void carry(struct pair *p)
{
	struct sq_slice out;

	while ((out = tls_stream_pending(p->client)).len > 0) {
		BIO_write(p->server.in, out.data, (int)out.len);
		tls_stream_sent(p->client, out.len);
	}
}

/* The next bytes of the server, at most most; 0: none. */
static int fetch(struct pair *p, char *data, int most)
{
	int n = BIO_read(p->server.out, data, most);

	return n > 0 ? n : 0;
}

static int shake(struct pair *p, int piece)
{
	char data[65536];
	int n, r = tls_stream_handshake(p->client);

	for (int turn = 0; r == 0 && turn < 20; turn++) {
		carry(p);
		SSL_do_handshake(p->server.ssl);
		while (r == 0 && (n = fetch(p, data, piece)) > 0) {
			tls_stream_feed(p->client, data, (size_t)n);
			r = tls_stream_handshake(p->client);
		}
	}
	carry(p);
	SSL_do_handshake(p->server.ssl);
	return r;
}

static void pair_open(struct pair *p, struct tls_context *c, SSL_CTX *server, const char *host)
{
	if (tls_stream_new(c, host, &p->client) < 0)
		abort();
	tls_peer_open(&p->server, server);
}

static void pair_close(struct pair *p)
{
	tls_stream_free(p->client);
	tls_peer_close(&p->server);
}

/* Reads all that the server has put out, piece by piece; appended to text. The last result. */
static long read_all(struct pair *p, int piece, char *text, size_t size)
{
	char data[65536];
	size_t len = strlen(text);
	long r = 0;
	int n;

	while (r >= 0 && (n = fetch(p, data, piece)) > 0) {
		tls_stream_feed(p->client, data, (size_t)n);
		while ((r = tls_stream_read(p->client, text + len, size - 1 - len)) > 0)
			len += (size_t)r;
		text[len] = '\0';
	}
	return r;
}

static struct tls_context *context_of(const struct tls_options *o)
{
	struct tls_context *c = NULL;
	struct sq_err err;

	if (tls_context_new(o, &c, &err) < 0)
		printf("# %s\n", err.text);
	return c;
}

static void test_talk(int piece)
{
	struct tls_paper paper;
	SSL_CTX *server;
	struct tls_context *c = context_of(&(struct tls_options){.ca = office.ca_pem, .alpn = "http/1.1"});
	struct pair p;
	const unsigned char *alpn;
	unsigned alpn_len;
	char text[64] = "", got[64] = "";

	tls_office_issue(&office, &(struct tls_issue){"DNS:localhost", 10, false}, &paper);
	server = tls_server(&paper, NULL);
	pair_open(&p, c, server, "localhost");
	ok(shake(&p, piece) == 1, "a handshake with a good certificate, %d bytes at a time", piece);
	ok(strcmp(SSL_get_servername(p.server.ssl, TLSEXT_NAMETYPE_host_name), "localhost") == 0,
	   "the name is sent");
	SSL_get0_alpn_selected(p.server.ssl, &alpn, &alpn_len);
	ok(alpn_len == 8 && memcmp(alpn, "http/1.1", 8) == 0, "http/1.1 is agreed upon");
	ok(tls_stream_write(p.client, "GET /", 5) == 0, "written");
	carry(&p);
	ok(SSL_read(p.server.ssl, text, sizeof text) == 5 && memcmp(text, "GET /", 5) == 0, "and read there");
	SSL_write(p.server.ssl, "hello", 5);
	SSL_write(p.server.ssl, " world", 6);
	ok(read_all(&p, piece, got, sizeof got) == 0 && strcmp(got, "hello world") == 0, "and back");
	SSL_shutdown(p.server.ssl);
	ok(read_all(&p, piece, got, sizeof got) == -EPIPE, "close_notify is the end in order");
	pair_close(&p);
	SSL_CTX_free(server);
	tls_context_free(c);
	tls_paper_free(&paper);
}

static void refuse(const char *what, struct tls_office *by, const char *names, int days, const char *host,
                   const char *why)
{
	struct tls_paper paper;
	SSL_CTX *server;
	struct tls_context *strict = context_of(&(struct tls_options){.ca = office.ca_pem});
	struct tls_context *lax = context_of(&(struct tls_options){.insecure = true});
	struct pair p;
	int r;

	tls_office_issue(by, &(struct tls_issue){names, days, false}, &paper);
	server = tls_server(&paper, NULL);
	pair_open(&p, strict, server, host);
	r = shake(&p, 65536);
	ok(r == -EPROTO && strstr(tls_stream_why(p.client), why) && tls_stream_cure(p.client), "%s: %s; %s",
	   what, tls_stream_why(p.client), tls_stream_cure(p.client) ? tls_stream_cure(p.client) : "no cure");
	pair_close(&p);
	pair_open(&p, lax, server, host);
	ok(shake(&p, 65536) == 1, "%s: accepted when insecure", what);
	pair_close(&p);
	SSL_CTX_free(server);
	tls_context_free(strict);
	tls_context_free(lax);
	tls_paper_free(&paper);
}

static void test_verification(void)
{
	refuse("expired", &office, "DNS:localhost", -1, "localhost", "certificate has expired (20");
	refuse("another name", &office, "DNS:other.example", 10, "localhost",
	       "does not match host name (it is for other.example)");
	refuse("another address", &office, "IP:10.0.0.7", 10, "127.0.0.1", "does not match host name");
	refuse("unknown authority", &stranger, "DNS:localhost", 10, "localhost",
	       "unable to get local issuer");
}

static void test_address(void)
{
	struct tls_paper paper;
	SSL_CTX *server;
	struct tls_context *c = context_of(&(struct tls_options){.ca = office.ca_pem});
	struct pair p;

	tls_office_issue(&office, &(struct tls_issue){"IP:127.0.0.1,IP:::1", 10, false}, &paper);
	server = tls_server(&paper, NULL);
	pair_open(&p, c, server, "127.0.0.1");
	ok(shake(&p, 65536) == 1 && !SSL_get_servername(p.server.ssl, TLSEXT_NAMETYPE_host_name),
	   "an IPv4 address is verified, and not sent as a name");
	pair_close(&p);
	pair_open(&p, c, server, "::1");
	ok(shake(&p, 65536) == 1, "an IPv6 address");
	pair_close(&p);
	SSL_CTX_free(server);
	tls_context_free(c);
	tls_paper_free(&paper);
}

/* "localhost." is the name as a name server knows it; certificates and SNI leave the dot out (RFC 6066, 3).
 */
static void test_rooted_name(void)
{
	struct tls_paper paper;
	SSL_CTX *server;
	struct tls_context *c = context_of(&(struct tls_options){.ca = office.ca_pem});
	struct pair p;
	const char *sent;

	tls_office_issue(&office, &(struct tls_issue){"DNS:localhost", 10, false}, &paper);
	server = tls_server(&paper, NULL);
	pair_open(&p, c, server, "localhost.");
	ok(shake(&p, 65536) == 1, "a name with a dot at its end is verified without it: %s",
	   tls_stream_why(p.client));
	sent = SSL_get_servername(p.server.ssl, TLSEXT_NAMETYPE_host_name);
	is_str(sent ? sent : "", "localhost", "and sent without it");
	pair_close(&p);
	SSL_CTX_free(server);
	tls_context_free(c);
	tls_paper_free(&paper);
}

static void test_client_certificate(void)
{
	struct tls_paper paper, own;
	SSL_CTX *server;
	struct tls_context *with, *without, *lax;
	struct pair p;
	char text[8] = "";

	tls_office_issue(&office, &(struct tls_issue){"DNS:localhost", 10, false}, &paper);
	tls_office_issue(&office, &(struct tls_issue){"DNS:me", 10, true}, &own);
	server = tls_server(&paper, &office);
	with = context_of(&(struct tls_options){.ca = office.ca_pem, .cert = own.cert, .key = own.key});
	without = context_of(&(struct tls_options){.ca = office.ca_pem});
	lax = context_of(&(struct tls_options){.insecure = true});
	pair_open(&p, with, server, "localhost");
	ok(shake(&p, 65536) == 1 && SSL_is_init_finished(p.server.ssl), "with a client's certificate");
	pair_close(&p);
	pair_open(&p, without, server, "localhost");
	shake(&p, 65536);
	ok(read_all(&p, 65536, text, sizeof text) == -EPROTO &&
	       strstr(tls_stream_why(p.client), "certificate required") && tls_stream_cure(p.client),
	   "without: %s; %s", tls_stream_why(p.client), tls_stream_cure(p.client));
	pair_close(&p);
	/* What nobody asked about the server's own certificate is not what it failed for. */
	pair_open(&p, lax, server, "localhost");
	shake(&p, 65536);
	ok(read_all(&p, 65536, text, sizeof text) == -EPROTO &&
	       strstr(tls_stream_why(p.client), "certificate required") &&
	       strstr(tls_stream_cure(p.client), "--cert, --key"),
	   "without, insecure: %s; %s", tls_stream_why(p.client), tls_stream_cure(p.client));
	pair_close(&p);
	SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
	pair_open(&p, without, server, "localhost");
	ok(shake(&p, 65536) == -EPROTO, "without, TLS 1.2: %s", tls_stream_why(p.client));
	pair_close(&p);
	SSL_CTX_free(server);
	tls_context_free(with);
	tls_context_free(without);
	tls_context_free(lax);
	tls_paper_free(&paper);
	tls_paper_free(&own);
}

static void test_resumption(int version, bool wanted)
{
	struct tls_paper paper;
	SSL_CTX *server;
	struct tls_context *c = context_of(&(struct tls_options){.ca = office.ca_pem, .resume = wanted});
	struct pair p;
	char text[8] = "";

	tls_office_issue(&office, &(struct tls_issue){"DNS:localhost", 10, false}, &paper);
	server = tls_server(&paper, NULL);
	SSL_CTX_set_max_proto_version(server, version);
	for (int i = 0; i < 3; i++) {
		bool expected = wanted && i > 0;

		text[0] = '\0';
		pair_open(&p, c, server, "localhost");
		ok(shake(&p, 65536) == 1 && tls_stream_resumed(p.client) == expected,
		   "TLS 1.%d: connection %d is %s", version - TLS1_VERSION, i,
		   expected ? "resumed" : "a full handshake");
		SSL_write(p.server.ssl, "x", 1);
		read_all(&p, 65536, text, sizeof text);
		pair_close(&p);
	}
	SSL_CTX_free(server);
	tls_context_free(c);
	tls_paper_free(&paper);
}

/* TLS 1.2: the server asks for a second handshake; it is declined, and the connection goes on. */
static void test_renegotiation(void)
{
	struct tls_paper paper;
	SSL_CTX *server;
	struct tls_context *c = context_of(&(struct tls_options){.ca = office.ca_pem});
	struct pair p;
	char text[64] = "";

	tls_office_issue(&office, &(struct tls_issue){"DNS:localhost", 10, false}, &paper);
	server = tls_server(&paper, NULL);
	SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
	pair_open(&p, c, server, "localhost");
	shake(&p, 65536);
	ok(SSL_renegotiate(p.server.ssl) == 1 && SSL_do_handshake(p.server.ssl) <= 1,
	   "the server asks for another handshake");
	ok(read_all(&p, 65536, text, sizeof text) == 0, "no harm is done");
	ok(tls_stream_pending(p.client).len > 0, "it is told that there will be none");
	pair_close(&p);
	SSL_CTX_free(server);
	tls_context_free(c);
	tls_paper_free(&paper);
}

static void test_key_update(void)
{
	struct tls_paper paper;
	SSL_CTX *server;
	struct tls_context *c = context_of(&(struct tls_options){.ca = office.ca_pem});
	struct pair p;
	char text[64] = "", got[64] = "";

	tls_office_issue(&office, &(struct tls_issue){"DNS:localhost", 10, false}, &paper);
	server = tls_server(&paper, NULL);
	pair_open(&p, c, server, "localhost");
	shake(&p, 65536);
	SSL_key_update(p.server.ssl, SSL_KEY_UPDATE_REQUESTED);
	SSL_write(p.server.ssl, "fresh", 5);
	ok(read_all(&p, 65536, got, sizeof got) == 0 && strcmp(got, "fresh") == 0,
	   "TLS 1.3: keys are updated");
	tls_stream_write(p.client, "too", 3);
	carry(&p);
	ok(SSL_read(p.server.ssl, text, sizeof text) == 3, "on both sides");
	pair_close(&p);
	SSL_CTX_free(server);
	tls_context_free(c);
	tls_paper_free(&paper);
}

static void test_no_tls(void)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	struct tls_context *c = context_of(&(struct tls_options){.insecure = true});
	struct tls_stream *s;
	int r;

	if (tls_stream_new(c, "localhost", &s) < 0)
		abort();
	tls_stream_handshake(s);
	tls_stream_feed(s, http, sizeof http - 1);
	r = tls_stream_handshake(s);
	ok(r == -EPROTO && strstr(tls_stream_cure(s), "https"), "a server without TLS: %s; %s",
	   tls_stream_why(s), tls_stream_cure(s));
	tls_stream_free(s);
	tls_context_free(c);
}

static void bad_options(const char *what, const struct tls_options *o, const char *text)
{
	struct tls_context *c = NULL;
	struct sq_err err;
	int r = tls_context_new(o, &c, &err);

	ok(r == -EINVAL && !c && strstr(err.text, text), "%s: %s", what, r < 0 ? err.text : "accepted");
	if (r == 0)
		tls_context_free(c);
}

static void test_options(void)
{
	static const char locked[] =
	    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	    "MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAg=\n-----END ENCRYPTED PRIVATE KEY-----\n";
	struct tls_paper a, b;

	tls_office_issue(&office, &(struct tls_issue){"DNS:a", 10, true}, &a);
	tls_office_issue(&office, &(struct tls_issue){"DNS:b", 10, true}, &b);
	bad_options("no PEM", &(struct tls_options){.ca = "nonsense"}, "ca:");
	bad_options("no key", &(struct tls_options){.cert = a.cert}, "key: is missing");
	bad_options("no certificate", &(struct tls_options){.key = a.key}, "cert: is missing");
	bad_options("a key that is none", &(struct tls_options){.cert = a.cert, .key = "x"}, "key: holds no");
	bad_options("a foreign key", &(struct tls_options){.cert = a.cert, .key = b.key},
	            "key: does not belong");
	bad_options("a broken locked key", &(struct tls_options){.cert = a.cert, .key = locked}, "key:");
	tls_paper_free(&a);
	tls_paper_free(&b);
}

int main(void)
{
	tls_office_open(&office, "tests of squall");
	tls_office_open(&stranger, "a stranger");
	test_talk(65536);
	test_talk(1);
	test_verification();
	test_address();
	test_rooted_name();
	test_client_certificate();
	test_resumption(TLS1_3_VERSION, true);
	test_resumption(TLS1_2_VERSION, true);
	test_resumption(TLS1_3_VERSION, false);
	test_renegotiation();
	test_key_update();
	test_no_tls();
	test_options();
	tls_office_close(&office);
	tls_office_close(&stranger);
	return tap_done();
}
