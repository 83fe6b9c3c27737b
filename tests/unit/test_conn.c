/*
 * test_conn.c - one connection against a scripted peer in the same thread: whatever the peer
 * says, in whatever pieces, exactly one call tells what became of the request.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugins/role/worker/clock.h"
#include "plugins/role/worker/conn.h"
#include "tests/tap.h"

enum outcome { NOTHING, CONNECTED, REFUSED, ANSWERED, RESET, PROTOCOL, LEFT };

struct bench {
	struct ev_loop *loop;
	struct conn_env env;
	struct conn conn;
	struct address address;
	int listener, peer;
	enum outcome last;
	int calls, first_bytes; /* calls other than connected and first_byte */
};

static struct bench *bench_of(struct conn *c)
{
	return c->env->owner;
}

static void on_connected(struct conn *c, int64_t now)
{
	(void)now;
	bench_of(c)->last = CONNECTED;
}

static void on_refused(struct conn *c, int error)
{
	(void)error;
	bench_of(c)->last = REFUSED;
	bench_of(c)->calls++;
}

static void on_first_byte(struct conn *c, int64_t now)
{
	(void)now;
	bench_of(c)->first_bytes++;
}

static void on_answered(struct conn *c, int64_t now)
{
	(void)now;
	bench_of(c)->last = ANSWERED;
	bench_of(c)->calls++;
	if (!c->reusable)
		conn_close(c);
}

static void on_broken(struct conn *c, int64_t now, enum ledger_error why)
{
	(void)now;
	bench_of(c)->last = why == ERROR_RESET ? RESET : PROTOCOL;
	bench_of(c)->calls++;
}

static void on_left(struct conn *c)
{
	bench_of(c)->last = LEFT;
	bench_of(c)->calls++;
}

static const struct conn_calls calls = {.connected = on_connected,
                                        .refused = on_refused,
                                        .first_byte = on_first_byte,
                                        .answered = on_answered,
                                        .broken = on_broken,
                                        .left = on_left};

static void bench_listen(struct bench *b)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&b->address.sa;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	b->address.len = sizeof *in;
	b->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(b->listener, (struct sockaddr *)in, sizeof *in) < 0 || listen(b->listener, 8) < 0 ||
	    getsockname(b->listener, (struct sockaddr *)in, &b->address.len) < 0)
		abort();
}

/* Turns the loop until the last call is this one, or that many bytes were received. */
static void bench_turn(struct bench *b, enum outcome until, uint64_t received)
{
	int64_t limit = clock_now() + 10 * SQ_S;

	while (b->last != until && b->env.bytes_received < received && clock_now() < limit)
		ev_run(b->loop, EVRUN_NOWAIT);
}

static struct bench *bench_new(void)
{
	struct bench *b = calloc(1, sizeof *b);

	b->loop = ev_loop_new(EVFLAG_AUTO);
	b->env.loop = b->loop;
	b->env.calls = &calls;
	b->env.owner = b;
	bench_listen(b);
	if (conn_open(&b->conn, &b->env, &b->address, clock_now()) < 0)
		abort();
	bench_turn(b, CONNECTED, UINT64_MAX);
	b->peer = accept(b->listener, NULL, NULL);
	return b;
}

static void bench_free(struct bench *b)
{
	conn_close(&b->conn);
	if (b->peer >= 0)
		close(b->peer);
	close(b->listener);
	ev_loop_destroy(b->loop);
	free(b);
}

static int bench_send(struct bench *b)
{
	static const char request[] = "GET / HTTP/1.1\r\n\r\n";
	char seen[sizeof request];
	int r = conn_send(&b->conn, (struct sq_slice){request, sizeof request - 1});

	b->last = NOTHING;
	if (r == 0 && recv(b->peer, seen, sizeof seen, 0) != sizeof request - 1)
		abort();
	return r;
}

static void bench_answer(struct bench *b, const char *data, size_t len)
{
	uint64_t before = b->env.bytes_received;

	if (send(b->peer, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		abort();
	bench_turn(b, LEFT, before + len);
}

static void bench_reset(struct bench *b)
{
	struct linger now = {1, 0};

	setsockopt(b->peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(b->peer);
	b->peer = -1;
}

static void bench_close(struct bench *b)
{
	close(b->peer);
	b->peer = -1;
}

struct story {
	const char *name, *answer;
	enum { STAY, CLOSE, KILL } then;
	enum outcome outcome;
	int status;
	bool reusable;
	const char *excerpt;
};

static const struct story stories[] = {
    {"an answer with a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", STAY, ANSWERED, 200, true,
     "hi"},
    {"a chunked answer",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", STAY, ANSWERED,
     200, true, "abcde"},
    {"204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", STAY, ANSWERED, 204, true, ""},
    {"304 has no body, whatever its length says", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
     STAY, ANSWERED, 304, true, ""},
    {"Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", CLOSE,
     ANSWERED, 200, false, "hi"},
    {"HTTP/1.0 closes", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", CLOSE, ANSWERED, 200, false, "hi"},
    {"a body until the end", "HTTP/1.1 200 OK\r\n\r\nall of it", CLOSE, ANSWERED, 200, false, "all of it"},
    {"interim answers are skipped",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
     "Content-Length: 2\r\n\r\nhi",
     STAY, ANSWERED, 200, true, "hi"},
    {"101 is final and leaves HTTP", "HTTP/1.1 101 Switching Protocols\r\n\r\n", STAY, ANSWERED, 101, false,
     ""},
    {"equal lengths twice", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", STAY,
     ANSWERED, 200, true, "hi"},
    {"different lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", STAY,
     PROTOCOL, 0, false, NULL},
    {"garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n", STAY, PROTOCOL, 0, false, NULL},
    {"a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", STAY, PROTOCOL, 200,
     false, NULL},
    {"closed without an answer", "", CLOSE, RESET, 0, false, NULL},
    {"closed in the head", "HTTP/1.1 200 OK\r\nConte", CLOSE, RESET, 0, false, NULL},
    {"closed in the body", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhi", CLOSE, RESET, 200, false, NULL},
    {"closed between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", CLOSE,
     RESET, 200, false, NULL},
    {"reset without an answer", "", KILL, RESET, 0, false, NULL},
    {"reset in the body", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhi", KILL, RESET, 200, false, NULL},
};

static void check_story(const struct story *s, bool bytewise)
{
	struct bench *b = bench_new();
	size_t len = strlen(s->answer), step = bytewise ? 1 : len;

	bench_send(b);
	for (size_t at = 0; at < len && b->calls == 0; at += step)
		bench_answer(b, s->answer + at, step);
	if (s->then == CLOSE)
		bench_close(b);
	else if (s->then == KILL)
		bench_reset(b);
	bench_turn(b, s->outcome, UINT64_MAX);
	ok(b->last == s->outcome && b->calls == 1, "%s%s: one outcome, %d (%s)", s->name,
	   bytewise ? ", bytewise" : "", (int)b->last, b->conn.seen.what);
	is_int(b->first_bytes, len > 0, "  the first byte is told once");
	is_int(b->conn.seen.status, s->status, "  status");
	if (s->outcome == ANSWERED) {
		is_int(b->conn.reusable, s->reusable, "  whether it takes another");
		is_int(b->conn.seen.body_len, strlen(s->excerpt), "  length of the excerpt");
		ok(memcmp(b->conn.seen.body, s->excerpt, b->conn.seen.body_len) == 0, "  excerpt");
	}
	is_int(b->conn.state, s->outcome == ANSWERED && s->reusable ? CONN_IDLE : CONN_CLOSED, "  state");
	bench_free(b);
}

static void test_keep_alive(void)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
	struct bench *b = bench_new();

	for (int i = 1; i <= 3; i++) {
		is_int(bench_send(b), 0, "a kept-alive connection sends again");
		bench_answer(b, answer, sizeof answer - 1);
		is_int(b->last, ANSWERED, "and is answered");
		is_int(b->conn.served, i, "answers are counted");
	}
	bench_close(b);
	bench_turn(b, LEFT, UINT64_MAX);
	is_int(b->last, LEFT, "the peer may leave an idle connection");
	is_int(b->calls, 4, "that is told once");
	bench_free(b);
}

static void test_rubbish(void)
{
	static const char twice[] = "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
	static const char late[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
	struct bench *b = bench_new();

	bench_send(b);
	bench_answer(b, twice, sizeof twice - 1);
	is_int(b->last, ANSWERED, "bytes behind the answer do not count against it");
	ok(!b->conn.reusable, "but the connection is not used again");
	bench_free(b);
	b = bench_new();
	bench_answer(b, late, sizeof late - 1);
	is_int(b->last, LEFT, "an answer that nobody asked for ends an idle connection");
	is_int(b->first_bytes, 0, "and is nobody's first byte");
	bench_free(b);
}

/* The peer resets a connection that we believe to be idle: not a byte is taken, and nobody is told
 * but the one who tried to send. */
static void test_stale(void)
{
	struct bench *b = bench_new();

	bench_reset(b);
	ok(conn_send(&b->conn, (struct sq_slice){"x", 1}) < 0, "sending on a dead connection is refused");
	is_int(b->conn.state, CONN_CLOSED, "it is closed");
	is_int(b->calls, 0, "no call");
	is_int(b->env.bytes_sent, 0, "no byte was sent");
	bench_free(b);
}

static void test_refused(void)
{
	struct bench *b = bench_new();
	int r;

	conn_close(&b->conn);
	close(b->listener);
	b->listener = -1;
	r = conn_open(&b->conn, &b->env, &b->address, clock_now());
	if (r == 0)
		bench_turn(b, REFUSED, UINT64_MAX);
	ok(r < 0 || b->last == REFUSED, "nobody listens: refused");
	is_int(b->conn.state, CONN_CLOSED, "and closed");
	bench_free(b);
}

/* More than the socket takes at once: the rest follows when the peer reads. */
static void test_large(void)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct bench *b = bench_new();
	size_t size = 16 * 1024 * 1024, seen = 0;
	char *request = calloc(1, size), *sink = malloc(65536);
	int64_t limit = clock_now() + 20 * SQ_S;
	ssize_t n;

	is_int(conn_send(&b->conn, (struct sq_slice){request, size}), 0, "a large request begins");
	ok(b->conn.unsent.len > 0, "the socket did not take all of it");
	while (seen < size && clock_now() < limit) {
		n = recv(b->peer, sink, 65536, MSG_DONTWAIT);
		seen += n > 0 ? (size_t)n : 0;
		ev_run(b->loop, EVRUN_NOWAIT);
	}
	is_int(seen, size, "the peer has all of it");
	is_int(b->env.bytes_sent, size, "and it was counted");
	bench_answer(b, answer, sizeof answer - 1);
	ok(b->last == ANSWERED && b->conn.reusable, "it is answered and the connection goes on");
	is_int(conn_send(&b->conn, (struct sq_slice){request, size}), 0, "a second one begins");
	b->last = NOTHING;
	bench_answer(b, answer, sizeof answer - 1);
	ok(b->last == ANSWERED && !b->conn.reusable,
	   "answered before it was read: the connection is not used again");
	free(request);
	free(sink);
	bench_free(b);
}

/* The excerpt of a long body stops at its limit; the head may be as long as the limit. */
static void test_long_answer(void)
{
	struct bench *b = bench_new();
	char *text = malloc(200000);
	size_t len;

	bench_send(b);
	len = (size_t)sprintf(text, "HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n");
	memset(text + len, 'x', 100000);
	bench_answer(b, text, len + 100000);
	bench_turn(b, ANSWERED, UINT64_MAX);
	is_int(b->last, ANSWERED, "a long body is read to its end");
	is_int(b->conn.seen.body_len, sizeof b->conn.seen.body, "of which the beginning is kept");
	bench_send(b);
	len = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\nX: ");
	memset(text + len, 'x', 70000);
	bench_answer(b, text, len + 70000);
	bench_turn(b, PROTOCOL, UINT64_MAX);
	is_int(b->last, PROTOCOL, "a head without an end is not");
	ok(*b->conn.seen.what, "and it is said why: %s", b->conn.seen.what);
	free(text);
	bench_free(b);
}

int main(void)
{
	for (size_t i = 0; i < SQ_LEN(stories); i++) {
		check_story(&stories[i], false);
		check_story(&stories[i], true);
	}
	test_keep_alive();
	test_rubbish();
	test_stale();
	test_refused();
	test_large();
	test_long_answer();
	return tap_done();
}
