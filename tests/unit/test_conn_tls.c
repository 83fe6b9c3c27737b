/*
 * test_conn_tls.c - one connection with TLS against a server in the same thread, whose bytes are carried by
 * hand: cut anywhere, more than a socket takes, and ends of every kind.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugins/role/worker/clock.h"
#include "plugins/role/worker/conn.h"
#include "tests/tap.h"
#include "tests/unit/tls_peer.h"

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

static struct tls_office office;
static SSL_CTX *server;
static struct tls_context *context;

struct bench {
	struct ev_loop *loop;
	struct conn_env *env;
	struct conn conn;
	struct tls_peer tls;
	struct address address;
	int listener, peer;
	int reached, connected, refused, answered, broken, left;
	enum ledger_error why;
};

static struct bench *bench_of(struct conn *c)
{
	return c->env->owner;
}

static void on_reached(struct conn *c, int64_t now)
{
	(void)now;
	bench_of(c)->reached++;
}

static void on_connected(struct conn *c, int64_t now)
{
	(void)now;
	bench_of(c)->connected++;
}

static void on_refused(struct conn *c, int error)
{
	(void)error;
	bench_of(c)->refused++;
}

static void on_first_byte(struct conn *c, int64_t now)
{
	(void)c;
	(void)now;
}

static void on_answered(struct conn *c, int64_t now)
{
	(void)now;
	bench_of(c)->answered++;
	if (!c->reusable)
		conn_close(c);
}

static void on_broken(struct conn *c, int64_t now, enum ledger_error why)
{
	(void)now;
	bench_of(c)->broken++;
	bench_of(c)->why = why;
}

static void on_left(struct conn *c)
{
	bench_of(c)->left++;
}

static const struct conn_calls calls = {.reached = on_reached,
                                        .connected = on_connected,
                                        .refused = on_refused,
                                        .first_byte = on_first_byte,
                                        .answered = on_answered,
                                        .broken = on_broken,
                                        .left = on_left};

/* What the client's socket holds goes to the server. */
static void hear(struct bench *b)
{
	char data[65536];
	ssize_t n;

	while ((n = recv(b->peer, data, sizeof data, MSG_DONTWAIT)) > 0)
		BIO_write(b->tls.in, data, (int)n);
}

/* What the server has to say goes out, cut into pieces, each of which the client looks at alone. */
static void say(struct bench *b, int piece)
{
	int64_t limit = clock_now() + 10 * SQ_S;
	char data[65536];
	uint64_t want;
	int n;

	while ((n = BIO_read(b->tls.out, data, piece)) > 0) {
		if (send(b->peer, data, (size_t)n, MSG_NOSIGNAL) != n)
			return;
		want = b->env->bytes_received + (uint64_t)n;
		while (b->conn.state != CONN_CLOSED && b->env->bytes_received < want && clock_now() < limit)
			ev_run(b->loop, EVRUN_NOWAIT);
	}
}

static struct bench *bench_new(int piece)
{
	struct bench *b = calloc(1, sizeof *b);
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&b->address.sa;
	int64_t limit = clock_now() + 10 * SQ_S;

	b->loop = ev_loop_new(EVFLAG_AUTO);
	b->env = conn_env_new(b->loop, &calls, b, context, "localhost");
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	b->address.len = sizeof *in;
	b->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(b->listener, (struct sockaddr *)in, sizeof *in) < 0 || listen(b->listener, 8) < 0 ||
	    getsockname(b->listener, (struct sockaddr *)in, &b->address.len) < 0 ||
	    conn_open(&b->conn, b->env, &b->address, clock_now()) < 0)
		abort();
	b->peer = accept(b->listener, NULL, NULL);
	tls_peer_open(&b->tls, server);
	while (!b->connected && !b->refused && clock_now() < limit) {
		ev_run(b->loop, EVRUN_NOWAIT);
		hear(b);
		SSL_do_handshake(b->tls.ssl);
		say(b, piece);
	}
	hear(b);
	SSL_do_handshake(b->tls.ssl);
	say(b, piece);
	return b;
}

static void bench_free(struct bench *b)
{
	conn_close(&b->conn);
	conn_env_free(b->env);
	tls_peer_close(&b->tls);
	if (b->peer >= 0)
		close(b->peer);
	close(b->listener);
	ev_loop_destroy(b->loop);
	free(b);
}

static void request(struct bench *b)
{
	char data[64];

	if (conn_send(&b->conn, (struct sq_slice){"GET / HTTP/1.1\r\n\r\n", 18}) < 0)
		abort();
	hear(b);
	SSL_read(b->tls.ssl, data, sizeof data);
}

static void test_pieces(int piece)
{
	struct bench *b = bench_new(piece);

	ok(b->connected == 1 && b->reached == 1 && b->conn.state == CONN_IDLE,
	   "connected, %d bytes at a time", piece);
	ok(b->conn.reached >= b->conn.opened, "with its phases");
	for (int i = 1; i <= 2; i++) {
		request(b);
		SSL_write(b->tls.ssl, answer, sizeof answer - 1);
		say(b, piece);
		is_int(b->answered, i, "answered");
	}
	ok(b->conn.reusable && b->env->bytes_received > 2 * sizeof answer, "bytes are those of the wire");
	SSL_shutdown(b->tls.ssl);
	say(b, piece);
	ok(b->left == 1 && !*b->conn.seen.what, "it leaves in order");
	bench_free(b);
}

static void test_large(void)
{
	struct bench *b = bench_new(65536);
	size_t size = 8 << 20, seen = 0;
	char *body = calloc(1, size), *sink = malloc(65536);
	int64_t limit = clock_now() + 20 * SQ_S;
	int n;

	is_int(conn_send(&b->conn, (struct sq_slice){body, size}), 0, "a large request begins");
	ok(b->conn.unsent.len > 0, "the socket did not take all of it");
	while (seen < size && clock_now() < limit) {
		hear(b);
		while ((n = SSL_read(b->tls.ssl, sink, 65536)) > 0)
			seen += (size_t)n;
		ev_run(b->loop, EVRUN_NOWAIT);
	}
	is_int(seen, size, "the server has all of it");
	ok(b->env->bytes_sent > size, "and it was counted");
	SSL_write(b->tls.ssl, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", 44);
	for (size_t i = 0; i < 1000000; i += 10000)
		SSL_write(b->tls.ssl, body, 10000);
	say(b, 50001);
	ok(b->answered == 1 && b->conn.reusable, "a large answer is taken to its end");
	free(body);
	free(sink);
	bench_free(b);
}

/* Bytes that no TLS is, in the middle of an answer and while idle. */
static void test_rubbish(void)
{
	struct bench *b = bench_new(65536);

	request(b);
	send(b->peer, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL);
	while (b->conn.state != CONN_CLOSED)
		ev_run(b->loop, EVRUN_ONCE);
	ok(b->broken == 1 && b->why == ERROR_PROTOCOL && *b->conn.seen.what, "no TLS: %s", b->conn.seen.what);
	bench_free(b);
	b = bench_new(65536);
	send(b->peer, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL);
	while (b->conn.state != CONN_CLOSED)
		ev_run(b->loop, EVRUN_ONCE);
	ok(b->left == 1 && *b->conn.seen.what, "while idle: it leaves, %s", b->conn.seen.what);
	bench_free(b);
}

/* The last answer and the end arrive together. */
static void test_last(void)
{
	struct bench *b = bench_new(65536);

	request(b);
	SSL_write(b->tls.ssl, answer, sizeof answer - 1);
	SSL_shutdown(b->tls.ssl);
	say(b, 65536);
	ok(b->answered == 1 && !b->conn.reusable && b->left == 0,
	   "an answer with the end behind it: not used again");
	bench_free(b);
}

/* The server has gone, and its reset comes between two pieces of a large request: bytes of it are on their
 * way, so it must not be taken for one that was never sent. */
static void test_reset_between(void)
{
	struct bench *b = bench_new(65536);
	int64_t limit = clock_now() + 10 * SQ_S;
	size_t size = 8 << 20;
	char *body = calloc(1, size);

	close(b->peer);
	b->peer = -1;
	is_int(conn_send(&b->conn, (struct sq_slice){body, size}), 0, "the first piece was sent");
	while (b->conn.state != CONN_CLOSED && clock_now() < limit)
		ev_run(b->loop, EVRUN_ONCE);
	ok(b->broken == 1 && b->why == ERROR_RESET, "and what followed is a reset: %s", b->conn.seen.what);
	free(body);
	bench_free(b);
}

int main(void)
{
	struct tls_paper paper;

	tls_office_open(&office, "tests of squall");
	tls_office_issue(&office, &(struct tls_issue){"DNS:localhost", 10, false}, &paper);
	server = tls_server(&paper, NULL);
	if (tls_context_new(&(struct tls_options){.ca = office.ca_pem, .alpn = "http/1.1"}, &context, NULL) <
	    0)
		abort();
	test_pieces(65536);
	test_pieces(1);
	test_large();
	test_rubbish();
	test_last();
	test_reset_between();
	tls_context_free(context);
	SSL_CTX_free(server);
	tls_paper_free(&paper);
	tls_office_close(&office);
	return tap_done();
}
