/* test_http_server.c - requests and answers of the real server: framing, order, routes, errors. */
#include "tests/unit/http_rig.h"

#define HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n"
#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"

/* One request on a connection that stays open for another. */
static void keeps(const char *request, const char *want, const char *name)
{
	struct client c;

	client_connect(&c);
	client_send(&c, request);
	expect(&c, want, name);
	expect_open(&c, "the connection goes on");
	client_close(&c);
}

static void ends(const char *request, const char *want, const char *name)
{
	struct client c;

	client_connect(&c);
	client_send(&c, request);
	expect(&c, want, name);
	expect_end(&c, "the connection ends");
	client_close(&c);
}

static void test_answers(void)
{
	keeps(GET_HELLO, HELLO, "GET");
	keeps("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n",
	      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n", "HEAD has no body");
	keeps("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab\r\nc",
	      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab\r\nc", "body with a length");
	keeps("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
	      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "body of length 0");
	keeps("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	      "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
	      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", "chunked body");
	keeps("GET /p/1%20/x/22?q=%31?& HTTP/1.1\r\nHost: h\r\nX-Test:  v \r\n\r\n",
	      "HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\nself 1%20 22 ?q=%31?& v 127.0.0.1",
	      "parameters, query, header, peer");
	keeps("GET http://h/hello HTTP/1.1\r\nHost: h\r\n\r\n", HELLO, "absolute target");
	keeps("POST /set HTTP/1.1\r\nHost: h\r\n\r\n",
	      "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nLocation: /tests/1\r\nRetry-After: 1\r\n\r\n",
	      "header fields of the answer");
	keeps("DELETE /set HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
	      "204 has neither body nor length");
	keeps("GET /hello HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", HELLO,
	      "Upgrade is ignored");
	keeps("\r\n" GET_HELLO, HELLO, "an empty line in front is skipped");
}

static void test_persistence(void)
{
	ends("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: "
	     "close\r\n\r\nhello\n",
	     "Connection: close");
	ends("GET /hello HTTP/1.0\r\n\r\n",
	     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: "
	     "close\r\n\r\nhello\n",
	     "HTTP/1.0 closes");
	keeps("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: "
	      "keep-alive\r\n\r\n"
	      "hello\n",
	      "HTTP/1.0 with keep-alive");
	ends("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" GET_HELLO,
	     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: "
	     "close\r\n\r\nhello\n",
	     "what follows Connection: close is not read");
}

static void test_partial(void)
{
	static const char request[] = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	                              "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
	                              "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy";
	struct client c;

	client_connect(&c);
	for (size_t i = 0; i < sizeof request - 1; i++) {
		client_send_bytes(&c, request + i, 1);
		rig_turn();
	}
	expect(&c,
	       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"
	       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxy",
	       "byte by byte");
	client_close(&c);
}

static void test_large_bodies(void)
{
	char *body = malloc(90001),
	     head[] = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n";
	struct client c;

	memset(body, 'b', 90000);
	body[90000] = '\0';
	client_connect(&c);
	c.raw = true;
	client_send(&c, head);
	client_send(&c, body);
	WAIT((client_read(&c), c.got.len >= 90000 + 42 + DATE_LEN));
	ok(c.got.len > 90000 && strcmp(c.got.data + c.got.len - 90000, body) == 0, "a body of several reads");
	buf_reset(&c.got);
	client_send(&c, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT((client_read(&c), c.got.len > 4u << 20));
	expect_start(&c, "HTTP/1.1 200 OK\r\n", "an answer of several sends");
	ok(strstr(c.got.data, "Content-Length: 4194304\r\n\r\nx"), "has its length");
	buf_reset(&c.got);
	c.raw = false;
	expect_open(&c, "and is complete");
	client_close(&c);
	free(body);
}

static void test_pipelining(void)
{
	struct client c;
	int before = seen.handled;

	client_connect(&c);
	client_send(&c, GET_HELLO GET_HELLO "GET /later HTTP/1.1\r\nHost: h\r\n\r\n" GET_HELLO);
	expect(&c, HELLO HELLO, "answers up to the one that waits");
	is_int(seen.handled - before, 3, "the one behind it is not handed over");
	client_send(&c, GET_HELLO);
	rig_turns(5);
	is_int(seen.handled - before, 3, "nor one that comes meanwhile");
	HTTP.reply(seen.held, 200, NULL, "late", 4);
	expect(&c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate" HELLO HELLO, "all in order");
	client_close(&c);
}

/* Far more requests than one read takes, and their answers are not read at first. */
static void test_pipelined_flood(void)
{
	enum { COUNT = 20000 };
	size_t answer = strlen(HELLO) + DATE_LEN;
	struct buf all = {0};
	struct client c;
	int before = seen.handled;

	for (int i = 0; i < COUNT; i++)
		buf_str(&all, GET_HELLO);
	client_connect(&c);
	c.raw = true;
	for (size_t at = 0; at < all.len; at += 50000) {
		client_send_bytes(&c, all.data + at, all.len - at < 50000 ? all.len - at : 50000);
		if (at > all.len / 2)
			client_read(&c);
	}
	WAIT((client_read(&c), c.got.len >= COUNT * answer));
	is_int(seen.handled - before, COUNT, "a flood of pipelined requests is handled");
	is_int(c.got.len, COUNT * answer, "and answered");
	ok(memcmp(c.got.data + c.got.len - 6, "hello\n", 6) == 0, "to the last one");
	buf_free(&all);
	client_close(&c);
}

static void test_expect(void)
{
	struct client c;

	client_connect(&c);
	client_send(&c,
	            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	expect(&c, "HTTP/1.1 100 Continue\r\n\r\n", "100 when a body is welcome");
	client_send(&c, "abc");
	expect(&c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "then the answer");
	client_send(&c,
	            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
	expect(&c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "no 100 when the body is there");
	client_close(&c);
	exchange("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
	         "HTTP/1.1 413 Content Too Large\r\n", "8 bytes", "no 100 for a body that is too large");
	exchange("POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
	         "HTTP/1.1 404 Not Found\r\n", "/nowhere", "nor without a route");
	exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: more\r\n\r\n",
	         "HTTP/1.1 417 Expectation Failed\r\n", "100-continue", "other expectations");
}

static void test_astray(void)
{
	struct client c;

	keeps("GET /refuse?\"a\" HTTP/1.1\r\nHost: h\r\n\r\n",
	      "HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nContent-Length: 111\r\n\r\n"
	      "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
	      "\"detail\":\"test \\\"\\\"a\\\"\\\" exists: \\\\ choose another id?\"}\n",
	      "problem+json");
	keeps(
	    "HEAD /nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
	    "HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\nContent-Length: 145\r\n\r\n",
	    "HEAD of an unknown path has no body either");
	exchange("GET /hello2 HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404 Not Found\r\n",
	         "nothing is served at /hello2", "unknown path");
	exchange("PUT /later HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n",
	         "Allow: GET, HEAD, POST\r\n", "wrong method");
	exchange("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n",
	         "Allow: GET, HEAD, POST, DELETE\r\n", "OPTIONS *");
	client_connect(&c);
	client_send(&c, "PUT /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n");
	rig_turns(3);
	client_read(&c);
	is_int(c.got.len, 0, "a body without a route is read first");
	client_send(&c, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\nDELETE\n\n");
	expect_start(&c, "HTTP/1.1 404 Not Found\r\n", "then the answer");
	buf_reset(&c.got);
	expect_open(&c, "and the body was not taken for a request");
	client_close(&c);
}

static void test_errors(void)
{
	static const struct {
		const char *request, *start, *detail, *name;
	} cases[] = {
	    {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "not HTTP", "no HTTP"},
	    {"\x16\x03\x01", "HTTP/1.1 400 Bad Request\r\n", "not HTTP", "TLS"},
	    {"GET /hello HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "Host", "no Host"},
	    {"GET /hello HTTP/1.1\nHost: h\n\n", "HTTP/1.1 400 Bad Request\r\n", "not HTTP", "bare LF"},
	    {"GET /hello HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "header line",
	     "space before a colon"},
	    {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: "
	     "chunked\r\n\r\n0\r\n\r\n",
	     "HTTP/1.1 400 Bad Request\r\n", "conflicting", "two framings"},
	    {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
	     "HTTP/1.1 400 Bad Request\r\n", "conflicting", "two lengths"},
	    {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	     "HTTP/1.1 400 Bad Request\r\n", "chunked", "bad chunk"},
	    {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	     "HTTP/1.1 501 Not Implemented\r\n", "transfer coding", "transfer coding"},
	    {"GET /hello HTTP/2.0\r\nHost: h\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n",
	     "send HTTP/1.1", "version"},
	    {"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "closed",
	     "CONNECT"},
	};
	char text[200];
	struct client c;

	for (size_t i = 0; i < SQ_LEN(cases); i++) {
		exchange(cases[i].request, cases[i].start, cases[i].detail, cases[i].name);
		client_connect(&c);
		snprintf(text, sizeof text, "%s%s", cases[i].request, GET_HELLO);
		client_send(&c, text);
		expect_start(&c, cases[i].start, cases[i].name);
		ok(strstr(c.got.data, "\r\nConnection: close\r\n"), "%s: announces the end", cases[i].name);
		ok(!strstr(c.got.data, "hello"), "%s: nothing behind it is served", cases[i].name);
		expect_end(&c, cases[i].name);
		client_close(&c);
	}
}

/* printf 'GET ...' | nc: the client has closed its side and waits for the answer. */
static void test_half_closed(void)
{
	struct client c;

	client_connect(&c);
	client_send(&c, GET_HELLO "GET /later HTTP/1.1\r\nHost: h\r\n\r\n" GET_HELLO "GET /par");
	shutdown(c.fd, SHUT_WR);
	expect(&c, HELLO, "half closed: first answer");
	is_int(seen.gone, 1, "half closed: the role is told");
	rig_turns(3);
	HTTP.reply(seen.held, 200, NULL, "late", 4);
	expect(&c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate" HELLO, "half closed: the rest");
	expect_end(&c, "half closed: then the end");
	is_int(seen.gone, 1, "half closed: told once");
	client_close(&c);
}

int main(void)
{
	rig_defaults();
	rig_open();
	test_answers();
	test_persistence();
	test_partial();
	test_large_bodies();
	test_pipelining();
	test_pipelined_flood();
	test_expect();
	test_astray();
	test_errors();
	test_half_closed();
	rig_close();
	return tap_done();
}
