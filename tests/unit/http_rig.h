/*
 * http_rig.h - the real HTTP server in this process, with clients on loopback sockets.
 *
 * Nothing waits for a clock: WAIT turns the loop until something has become true, and gives up
 * only after a time that no machine needs.
 */
#ifndef TESTS_HTTP_RIG_H
#define TESTS_HTTP_RIG_H

#include <ev.h>
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/host/http_server.h"
#include "tests/tap.h"

#define RIG __attribute__((unused)) static
#define HTTP http_server_calls
#define DATE_LEN strlen("Date: Ddd, 00 Mmm 0000 00:00:00 GMT\r\n")

/* What the handlers of the site did and hold. */
struct seen {
	struct sq_http *held; /* GET and POST /later: the handle, to be answered by the test */
	int handled, gone;
	struct sq_stream stream; /* GET /stream */
	int stream_result, closed, writable;
	bool calling; /* inside a call of the server: closed() and writable() may not run */
};

struct client {
	int fd;
	struct buf got; /* without the Date fields, unless raw */
	bool raw;
	bool eof, reset;
};

#define BIG (4u << 20)

static struct seen seen;
static struct conf_listener conf;
static struct http_server *server;
static struct ev_loop *loop;
static char self[] = "self";

/* --- the site --- */

static void hello(void *me, struct sq_http *rq)
{
	(void)me;
	seen.handled++;
	HTTP.reply(rq, 200, "text/plain", "hello\n", 6);
}

static void echo(void *me, struct sq_http *rq)
{
	(void)me;
	seen.handled++;
	HTTP.reply(rq, 200, NULL, rq->body.data, rq->body.len);
}

static void on_gone(struct sq_http *rq)
{
	assert(rq == seen.held);
	seen.gone++;
}

static void later(void *me, struct sq_http *rq)
{
	(void)me;
	seen.handled++;
	seen.held = rq;
	rq->gone = on_gone;
}

static void params(void *me, struct sq_http *rq)
{
	struct sq_slice test = HTTP.header(rq, "x-TEST");
	char text[400];
	int n = snprintf(text, sizeof text, "%s %.*s %.*s ?%.*s %.*s %s", (const char *)me,
	                 (int)rq->params[0].len, rq->params[0].data, (int)rq->params[1].len,
	                 rq->params[1].data, (int)rq->query.len, rq->query.len ? rq->query.data : "",
	                 (int)test.len, test.data ? test.data : "",
	                 HTTP.header(rq, "absent").data ? "?" : rq->peer);

	HTTP.reply(rq, 200, NULL, text, (size_t)n);
}

static void set(void *me, struct sq_http *rq)
{
	(void)me;
	is_int(HTTP.set(rq, "Location", "/tests/1"), 0, "set a header");
	is_int(HTTP.set(rq, "Retry-After", "1"), 0, "set another");
	is_int(HTTP.set(rq, "X", "a\r\nSet-Cookie: b"), -EINVAL, "a value with a line end is refused");
	is_int(HTTP.set(rq, "X: y", "a"), -EINVAL, "a name that is no token is refused");
	is_int(HTTP.set(rq, "content-length", "5"), -EINVAL, "framing is the server's business");
	HTTP.reply(rq, 201, NULL, NULL, 0);
}

static void nothing(void *me, struct sq_http *rq)
{
	(void)me;
	HTTP.reply(rq, 204, NULL, "ignored", 7);
}

static void refuse(void *me, struct sq_http *rq)
{
	(void)me;
	HTTP.problem(rq, 409, "test \"%.*s\" exists: \\ choose another id\n", (int)rq->query.len,
	             rq->query.data);
}

static void big(void *me, struct sq_http *rq)
{
	char *body = malloc(BIG);

	(void)me;
	assert(body);
	memset(body, 'x', BIG);
	HTTP.reply(rq, 200, NULL, body, BIG);
	free(body);
}

static void on_closed(struct sq_stream *s)
{
	assert(s == &seen.stream && !seen.calling);
	seen.closed++;
}

static void on_writable(struct sq_stream *s)
{
	assert(s == &seen.stream && !seen.calling);
	seen.writable++;
}

static void stream(void *me, struct sq_http *rq)
{
	(void)me;
	seen.handled++;
	seen.stream = (struct sq_stream){.closed = on_closed, .writable = on_writable};
	seen.calling = true;
	seen.stream_result = HTTP.stream(rq, &seen.stream, 200, "text/event-stream");
	seen.calling = false;
}

static const struct sq_route routes[] = {
    {"GET", "/hello", hello, "", 0},   {"POST", "/echo", echo, "", 0},
    {"POST", "/small", echo, "", 8},   {"GET", "/later", later, "", 0},
    {"POST", "/later", later, "", 0},  {"GET", "/p/{a}/x/{b}", params, "", 0},
    {"POST", "/set", set, "", 0},      {"DELETE", "/set", nothing, "", 0},
    {"GET", "/refuse", refuse, "", 0}, {"GET", "/big", big, "", 0},
    {"GET", "/stream", stream, "", 0}, {0},
};

/* --- the server --- */

RIG int64_t rig_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SQ_S + t.tv_nsec;
}

RIG struct ev_loop *rig_loop(void)
{
	if (!loop)
		loop = ev_default_loop(0);
	return loop;
}

RIG void rig_defaults(void)
{
	conf = (struct conf_listener){
	    .listen = "127.0.0.1:0",
	    .advertise = "",
	    .max_header = 2048,
	    .max_body = 100000,
	    .max_bodies = 1 << 20,
	    .header_timeout = 3600 * SQ_S,
	    .body_timeout = 3600 * SQ_S,
	    .idle_timeout = 3600 * SQ_S,
	    .write_timeout = 3600 * SQ_S,
	    .max_connections = 100,
	    .stream_buffer = 64 * 1024,
	};
}

RIG void rig_open(void)
{
	struct http_site sites[] = {{routes, NULL}, {0}};
	struct http_server_opts opts = {.loop = rig_loop(), .conf = &conf, .sites = sites, .what = "rig"};
	struct sq_err err = {0};
	int r = http_server_open(&opts, &server, &err);

	if (r < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	seen = (struct seen){0};
	http_server_set_self(server, 0, self);
	http_server_serve(server);
}

RIG void rig_close(void)
{
	http_server_close(server);
	server = NULL;
}

RIG void rig_turn(void)
{
	struct timespec nap = {0, 100 * SQ_US};

	ev_run(loop, EVRUN_NOWAIT);
	nanosleep(&nap, NULL);
}

RIG void rig_turns(int n)
{
	while (n-- > 0)
		rig_turn();
}

RIG void rig_write(const void *data, size_t len, int want)
{
	int r;

	seen.calling = true;
	r = HTTP.write(&seen.stream, data, len);
	seen.calling = false;
	if (r != want)
		is_int(r, want, "write to a stream");
}

#define WAIT(cond)                                                                         \
	do {                                                                               \
		int64_t end_ = rig_now() + 20 * SQ_S;                                      \
		while (!(cond) && rig_now() < end_)                                        \
			rig_turn();                                                        \
		if (!(cond))                                                               \
			tap_ok(false, __FILE__, __LINE__, "waited in vain for %s", #cond); \
	} while (0)

/* --- clients --- */

static int connect_unix(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	return connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0 ? fd : -1;
}

static int connect_tcp(const char *url)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 sa6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool v6 = strchr(url, '[');
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sa.sin_port = sa6.sin6_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	if (connect(fd, v6 ? (struct sockaddr *)&sa6 : (struct sockaddr *)&sa, v6 ? sizeof sa6 : sizeof sa) ==
	    0)
		return fd;
	return -1;
}

RIG void client_connect(struct client *c)
{
	const char *url = http_server_url(server);

	*c = (struct client){0};
	c->fd = strncmp(url, "unix:", 5) == 0 ? connect_unix(url + 5) : connect_tcp(url);
	assert(c->fd >= 0);
}

RIG void client_send_bytes(struct client *c, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(c->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return; /* the server has hung up: the test looks at what it said */
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
		if (len > 0)
			rig_turn();
	}
}

RIG void client_send(struct client *c, const char *text)
{
	client_send_bytes(c, text, strlen(text));
}

static void strip_dates(struct buf *b)
{
	char *p;

	while (b->data && (p = strstr(b->data, "Date: ")) && strlen(p) >= DATE_LEN) {
		memmove(p, p + DATE_LEN, strlen(p + DATE_LEN) + 1);
		b->len -= DATE_LEN;
	}
}

RIG void client_read(struct client *c)
{
	char chunk[65536];
	ssize_t n;

	while ((n = recv(c->fd, chunk, sizeof chunk, MSG_DONTWAIT)) > 0)
		buf_add(&c->got, chunk, (size_t)n);
	if (n == 0)
		c->eof = true;
	else if (errno != EAGAIN)
		c->reset = true;
	if (!c->raw)
		strip_dates(&c->got);
}

RIG void client_close(struct client *c)
{
	close(c->fd);
	buf_free(&c->got);
	*c = (struct client){.fd = -1};
}

static bool has(struct client *c, size_t len)
{
	client_read(c);
	return c->got.len >= len || c->eof || c->reset;
}

/* Reads until the answer is as long as want, or the end, and compares it. */
RIG void expect(struct client *c, const char *want, const char *name)
{
	WAIT(has(c, strlen(want)));
	rig_turns(3);
	client_read(c);
	is_str(c->got.data ? c->got.data : "", want, name);
	buf_reset(&c->got);
}

/* The rest may be anything. */
RIG void expect_start(struct client *c, const char *want, const char *name)
{
	WAIT(has(c, strlen(want)));
	ok(c->got.data && strncmp(c->got.data, want, strlen(want)) == 0, "%s", name);
	if (!c->got.data || strncmp(c->got.data, want, strlen(want)) != 0)
		printf("# got %s\n", c->got.data ? c->got.data : "nothing");
}

/* The server closes the connection, and does not reset it. */
RIG void expect_end(struct client *c, const char *name)
{
	WAIT((client_read(c), c->eof || c->reset));
	ok(c->eof && !c->reset, "%s", name);
}

RIG void expect_open(struct client *c, const char *name)
{
	client_send(c, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
	expect(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n", name);
}

/* One request on a connection of its own: the answer begins with start and contains detail. */
RIG void exchange(const char *request, const char *start, const char *detail, const char *name)
{
	struct client c;

	client_connect(&c);
	client_send(&c, request);
	expect_start(&c, start, name);
	WAIT((client_read(&c), c.eof || (c.got.data && strstr(c.got.data, detail))));
	ok(c.got.data && strstr(c.got.data, detail), "%s: says \"%s\"", name, detail);
	client_close(&c);
}

#endif
