/* test_http_stream.c - streamed answers: framing, bounds, and closed() exactly once. */
#include "tests/unit/http_rig.h"

#define GET_STREAM "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"
#define HEAD_STREAM "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

static char path[] = "/tmp/squall-test-XXXXXX", address[64];

static void end(void)
{
	seen.calling = true;
	HTTP.end(&seen.stream);
	seen.calling = false;
}

static void start(struct client *c, const char *request)
{
	int before = seen.handled;

	seen.closed = seen.writable = 0;
	client_connect(c);
	client_send(c, request);
	WAIT(seen.handled == before + 1);
}

static void test_chunks(void)
{
	struct client c;

	start(&c, GET_STREAM);
	is_int(seen.stream_result, 0, "a stream begins");
	expect(&c, HEAD_STREAM, "its head leaves at once");
	rig_write("one\n", 4, 0);
	rig_write("", 0, 0);
	rig_write("0123456789abcdef", 16, 0);
	expect(&c, "4\r\none\n\r\n10\r\n0123456789abcdef\r\n", "chunks of one turn");
	client_send(&c, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
	rig_write("x", 1, 0);
	end();
	is_int(seen.closed, 0, "closed() waits");
	expect(&c,
	       "1\r\nx\r\n0\r\n\r\n"
	       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n",
	       "the end, and the request that came meanwhile");
	is_int(seen.closed, 1, "closed() once");
	expect_open(&c, "the connection goes on");
	client_close(&c);
	rig_turns(3);
	is_int(seen.closed, 1, "and not again");
}

static void test_old_clients(void)
{
	struct client c;

	start(&c, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	rig_write("one\n", 4, 0);
	rig_write("two\n", 4, 0);
	end();
	expect(&c,
	       "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\none\ntwo\n",
	       "HTTP/1.0: no chunks");
	expect_end(&c, "HTTP/1.0: the end of the connection is the end");
	is_int(seen.closed, 1, "HTTP/1.0: closed() once");
	client_close(&c);
}

static void test_head_only(void)
{
	struct client c;

	start(&c, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	is_int(seen.stream_result, 0, "HEAD: a stream begins");
	is_int(seen.closed, 0, "HEAD: closed() not inside stream()");
	rig_write("one\n", 4, 0);
	end();
	expect(&c, HEAD_STREAM, "HEAD: nothing but the head");
	is_int(seen.closed, 1, "HEAD: closed() once");
	expect_open(&c, "HEAD: the connection goes on");
	client_close(&c);
}

static void test_client_leaves(void)
{
	struct client c;

	start(&c, GET_STREAM);
	client_close(&c);
	WAIT(seen.closed);
	is_int(seen.closed, 1, "closed() when the client leaves");
	start(&c, GET_STREAM);
	rig_write("one\n", 4, 0);
	end();
	client_close(&c);
	WAIT(seen.closed);
	rig_turns(3);
	is_int(seen.closed, 1, "leaving at the end: still once");
}

static void on_closed_too(struct sq_stream *s)
{
	assert(!seen.calling);
	(void)s;
	seen.closed += 100;
}

static void test_stream_of_nobody(void)
{
	struct sq_stream s = {.closed = on_closed_too};
	struct client c;

	seen.closed = seen.gone = 0;
	client_connect(&c);
	client_send(&c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT(seen.held);
	client_close(&c);
	WAIT(seen.gone);
	seen.calling = true;
	is_int(HTTP.stream(seen.held, &s, 200, NULL), -ECONNRESET, "no stream to a client that has left");
	seen.calling = false;
	seen.held = NULL;
	rig_turns(3);
	is_int(seen.closed, 0, "closed() does not run then");
}

/* Answers later as a stream, behind a request that came with it. */
static void test_late_stream(void)
{
	struct sq_stream s = {.closed = on_closed_too};
	struct client c;

	seen.closed = 0;
	client_connect(&c);
	client_send(&c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT(seen.held);
	is_int(HTTP.stream(seen.held, &s, 200, NULL), 0, "a late stream");
	seen.held = NULL;
	HTTP.end(&s);
	expect(&c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "an empty one");
	is_int(seen.closed, 100, "closed() once");
	WAIT(seen.held);
	HTTP.reply(seen.held, 204, NULL, NULL, 0);
	seen.held = NULL;
	expect(&c, "HTTP/1.1 204 No Content\r\n\r\n", "the request behind it");
	client_close(&c);
}

/* A slow reader: a socket file, whose buffers have a fixed size. */
static int fill(void)
{
	static char block[8192];
	int r;

	for (int i = 0; i < 10000; i++) {
		seen.calling = true;
		r = HTTP.write(&seen.stream, block, sizeof block);
		seen.calling = false;
		if (r != 0)
			return r;
		rig_turn();
	}
	return 0;
}

static void test_slow_reader(void)
{
	struct client c;

	start(&c, GET_STREAM);
	c.raw = true;
	is_int(fill(), 1, "high water is reported");
	rig_turns(5);
	is_int(seen.writable, 0, "writable() waits for the reader");
	WAIT((client_read(&c), seen.writable));
	is_int(seen.writable, 1, "writable() when it has read");
	is_int(fill(), 1, "and so on");
	end();
	rig_turns(5);
	is_int(seen.closed, 0, "closed() waits for the reader");
	WAIT((client_read(&c), seen.closed));
	client_read(&c);
	ok(c.got.len > 5 && memcmp(c.got.data + c.got.len - 5, "0\r\n\r\n", 5) == 0, "everything came");
	is_int(seen.closed, 1, "closed() once");
	is_int(seen.writable, 1, "no writable() after the end");
	client_close(&c);
}

static void test_overflow(void)
{
	static char block[8192];
	struct client c;
	int r;

	start(&c, GET_STREAM);
	c.raw = true;
	seen.calling = true;
	while ((r = HTTP.write(&seen.stream, block, sizeof block)) >= 0)
		;
	is_int(r, -ENOBUFS, "what does not fit is refused");
	is_int(HTTP.write(&seen.stream, block, 1), -ENOBUFS, "and all that follows");
	HTTP.end(&seen.stream);
	seen.calling = false;
	WAIT(seen.closed);
	rig_turns(3);
	is_int(seen.closed, 1, "closed() once");
	WAIT((client_read(&c), c.eof || c.reset));
	ok(c.got.len < 10 || memcmp(c.got.data + c.got.len - 5, "0\r\n\r\n", 5) != 0,
	   "the client is disconnected without an end");
	client_close(&c);
}

static void test_never_reads(void)
{
	struct client c;

	start(&c, GET_STREAM);
	is_int(fill(), 1, "a client that never reads");
	WAIT(seen.closed);
	is_int(seen.closed, 1, "is disconnected by the write limit");
	client_close(&c);
}

static void no_more(void *arg)
{
	*(bool *)arg = true;
}

static void test_drain_and_close(void)
{
	struct client c, d;
	bool empty = false;

	start(&c, GET_STREAM);
	http_server_drain(server, no_more, &empty);
	rig_turns(5);
	is_int(seen.closed, 0, "drain leaves a stream alone");
	rig_write("last words\n", 11, 0);
	end();
	expect(&c, HEAD_STREAM "b\r\nlast words\n\r\n0\r\n\r\n", "until it ends");
	expect_end(&c, "then the connection ends");
	WAIT(empty);
	is_int(seen.closed, 1, "closed() once");
	client_close(&c);
	rig_close();

	rig_open();
	start(&d, GET_STREAM);
	rig_write("x", 1, 0);
	rig_close();
	is_int(seen.closed, 1, "closing the server closes streams");
	client_read(&d);
	expect(&d, HEAD_STREAM "1\r\nx\r\n", "what was written still leaves");
	client_close(&d);
}

int main(void)
{
	rig_defaults();
	rig_open();
	test_chunks();
	test_old_clients();
	test_head_only();
	test_client_leaves();
	test_stream_of_nobody();
	test_late_stream();
	test_drain_and_close();

	if (!mkdtemp(path))
		return 1;
	snprintf(address, sizeof address, "unix:%s/s", path);
	conf.listen = address;
	rig_open();
	test_slow_reader();
	test_overflow();
	rig_close();
	conf.write_timeout = 40 * SQ_MS;
	rig_open();
	test_never_reads();
	rig_close();
	rmdir(path);
	return tap_done();
}
