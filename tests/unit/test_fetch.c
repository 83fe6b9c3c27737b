/* test_fetch.c - the HTTP client against a server on the same loop that says what its table says. */
#include "plugins/common/fetch.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/failmalloc.h"
#include "tests/tap.h"

/* --- the server: one request at a time per connection, answered by its path ------------------- */

#define SERVER_CONNS 8

struct server_conn {
	struct ev_io io;
	char in[8192];
	size_t len;
};

static struct server {
	struct ev_loop *loop;
	struct ev_io accept;
	struct server_conn conns[SERVER_CONNS];
	int opened, requests;
	char last[8192]; /* the last request, whole */
	char base[64]; /* "http://127.0.0.1:1234" */
} server;

static const struct {
	const char *path, *answer;
} answers[] = {
    {"/hello", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Note: first\r\nX-Note: second\r\n\r\nhello"},
    {"/empty", "HTTP/1.1 204 No Content\r\n\r\n"},
    {"/absent", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"},
    {"/moved", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /hello?x=1\r\nContent-Length: 0\r\n\r\n"},
    {"/short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}, /* and closes */
    {"/garbage", "no HTTP at all\r\n\r\n"},
    {"/big", "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n0123456789012345678901234567890123456789"},
};

static void server_close(struct server_conn *c)
{
	ev_io_stop(server.loop, &c->io);
	close(c->io.fd);
	c->io.fd = -1;
}

static void server_answer(struct server_conn *c)
{
	char *path = strchr(c->in, ' ');

	server.requests++;
	memcpy(server.last, c->in, c->len + 1);
	c->len = 0;
	for (size_t i = 0; i < SQ_LEN(answers); i++) {
		size_t len = strlen(answers[i].path);

		if (strncmp(path + 1, answers[i].path, len) != 0)
			continue;
		if (write(c->io.fd, answers[i].answer, strlen(answers[i].answer)) < 0)
			abort();
		if (i == 4)
			server_close(c);
		return;
	}
	/* "/silent": nothing comes */
}

static void server_readable(EV_P_ struct ev_io *w, int revents)
{
	struct server_conn *c = sq_container(w, struct server_conn, io);
	ssize_t n = read(w->fd, c->in + c->len, sizeof c->in - 1 - c->len);
	char *body, *length;

	(void)loop;
	(void)revents;
	if (n <= 0) {
		server_close(c);
		return;
	}
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	body = strstr(c->in, "\r\n\r\n");
	length = strstr(c->in, "Content-Length: ");
	if (body && strlen(body + 4) >= (length ? strtoul(length + 16, NULL, 10) : 0))
		server_answer(c);
}

static void server_accept(EV_P_ struct ev_io *w, int revents)
{
	struct server_conn *c = server.conns;

	(void)loop;
	(void)revents;
	while (c->io.fd >= 0)
		c++;
	ev_io_init(&c->io, server_readable, accept(w->fd, NULL, NULL), EV_READ);
	ev_io_start(server.loop, &c->io);
	server.opened++;
}

static void server_open(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(&server, 0, sizeof server);
	for (int i = 0; i < SERVER_CONNS; i++)
		server.conns[i].io.fd = -1;
	if (bind(fd, (struct sockaddr *)&in, len) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		abort();
	snprintf(server.base, sizeof server.base, "http://127.0.0.1:%u", ntohs(in.sin_port));
	server.loop = ev_loop_new(EVFLAG_AUTO);
	ev_io_init(&server.accept, server_accept, fd, EV_READ);
	ev_io_start(server.loop, &server.accept);
}

static void server_shut(void)
{
	for (int i = 0; i < SERVER_CONNS; i++)
		if (server.conns[i].io.fd >= 0)
			server_close(&server.conns[i]);
	ev_io_stop(server.loop, &server.accept);
	close(server.accept.fd);
	ev_loop_destroy(server.loop);
}

/* --- the client ------------------------------------------------------------------------------ */

struct asked {
	struct fetch rq;
	char url[128];
	int done, status, http;
	char body[64], location[128], note[16];
	bool timed; /* sent and answered, in this order */
	bool inside; /* the test is inside a call of fetch.h */
	bool again; /* done() starts it once more */
};

static struct fetcher *fetcher;

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void on_done(struct sq_op *op, int status)
{
	struct asked *a = sq_container(op, struct asked, rq.op);

	if (a->inside)
		abort();
	a->done++;
	a->status = status;
	a->http = a->rq.status;
	snprintf(a->body, sizeof a->body, "%.*s", (int)a->rq.answer.len, a->rq.answer.data);
	copy(a->location, sizeof a->location, a->rq.location);
	copy(a->note, sizeof a->note, fetch_header(&a->rq, "x-note"));
	a->timed = a->rq.sent > 0 && a->rq.answered >= a->rq.sent;
	if (a->again) {
		a->again = false;
		if (fetch_start(fetcher, &a->rq) < 0)
			abort();
		return;
	}
	ev_break(server.loop, EVBREAK_ALL);
}

static void prepare(struct asked *a, const char *method, const char *path)
{
	memset(a, 0, sizeof *a);
	snprintf(a->url, sizeof a->url, "%s%s", server.base, path);
	a->rq = (struct fetch){
	    .op = {.done = on_done, .timeout = 10 * SQ_S}, .method = method, .url = a->url, .max_answer = 32};
}

static int start(struct asked *a)
{
	int r;

	a->inside = true;
	r = fetch_start(fetcher, &a->rq);
	a->inside = false;
	return r;
}

static void run(struct asked *a)
{
	if (start(a) < 0)
		abort();
	ev_run(server.loop, 0);
}

static void test_answers(void)
{
	struct asked a;

	prepare(&a, "GET", "/hello");
	run(&a);
	ok(a.done == 1 && a.status == 0 && a.http == 200, "GET: answered once");
	is_str(a.body, "hello", "  its body");
	is_str(a.note, "second", "  a header by any case, the last of two");
	ok(a.timed, "  the moments of sending and answering");
	ok(strstr(server.last, "User-Agent: tester/1\r\n"), "  says who asks");
	prepare(&a, "GET", "/absent");
	run(&a);
	ok(a.status == 0 && a.http == 404, "a refusal is an answer");
	prepare(&a, "DELETE", "/empty");
	run(&a);
	ok(a.status == 0 && a.http == 204 && strncmp(server.last, "DELETE ", 7) == 0, "DELETE, no body");
	prepare(&a, "HEAD", "/hello");
	run(&a);
	ok(a.status == 0 && a.http == 200 && a.body[0] == '\0', "HEAD: the announced body is not awaited");
	is_int(server.opened, 1, "one connection served them all");
}

static void test_body(void)
{
	static const char *const headers[] = {"Authorization: Bearer t", "Content-Type: application/json",
	                                      NULL};
	char large[6000];
	struct asked a;

	memset(large, 'x', sizeof large);
	prepare(&a, "POST", "/hello");
	a.rq.headers = headers;
	a.rq.body = (struct sq_slice){large, sizeof large};
	run(&a);
	ok(a.status == 0 && strstr(server.last, "Content-Length: 6000\r\n"), "POST: the whole body arrives");
	ok(strstr(server.last, "Authorization: Bearer t\r\n") &&
	       strstr(server.last, "Content-Type: application/json\r\n"),
	   "  with its headers");
	ok(!strstr(server.last, "Expect:"), "  without waiting to be asked for it");
	prepare(&a, "POST", "/hello");
	run(&a);
	ok(strstr(server.last, "Content-Length: 0\r\n") && !strstr(server.last, "Content-Type"),
	   "POST without a body says so");
}

static void test_redirects(void)
{
	char want[128];
	struct asked a;

	prepare(&a, "POST", "/moved");
	run(&a);
	snprintf(want, sizeof want, "%s/hello?x=1", server.base);
	ok(a.status == 0 && a.http == 307, "a redirection is not followed");
	is_str(a.location, want, "  it says where it leads, as a whole URL");
	prepare(&a, "POST", "/moved");
	a.rq.max_redirects = 1;
	run(&a);
	ok(a.http == 200 && strncmp(server.last, "POST /hello?x=1 ", 16) == 0,
	   "  unless the caller wants it");
}

static void test_failures(void)
{
	struct asked a;

	prepare(&a, "GET", "/big");
	run(&a);
	is_int(a.status, -EMSGSIZE, "an answer beyond the bound");
	prepare(&a, "GET", "/short");
	run(&a);
	is_int(a.status, -SQ_EUNCERTAIN, "an answer cut off");
	prepare(&a, "GET", "/garbage");
	run(&a);
	is_int(a.status, -SQ_EUNCERTAIN, "no HTTP");
	prepare(&a, "GET", "/silent");
	a.rq.op.timeout = 50 * SQ_MS;
	run(&a);
	is_int(a.status, -SQ_EUNCERTAIN, "no answer in time");
	prepare(&a, "GET", "/hello");
	copy(a.url, sizeof a.url, "http://127.0.0.1:1/");
	run(&a);
	ok(a.status == -EHOSTUNREACH && a.http == 0, "nobody listens");
	ok(strstr(a.rq.why, "127.0.0.1"), "  and says where");
	prepare(&a, "GET", "/hello");
	copy(a.url, sizeof a.url, "ftp://127.0.0.1/");
	run(&a);
	is_int(a.status, -EIO, "a protocol that is not spoken");
	prepare(&a, "GET", "/hello");
	a.url[5] = ' ';
	run(&a);
	is_int(a.status, -EIO, "a URL that is none");
}

static void test_names(void)
{
	struct asked a;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	prepare(&a, "GET", "/hello");
	snprintf(a.url, sizeof a.url, "http://localhost%s/hello", strrchr(server.base, ':'));
	run(&a);
	ok(a.status == 0 && a.http == 200, "a name, and no proxy of the environment");
	unsetenv("http_proxy");
}

static void test_cancel(void)
{
	struct asked a, b;

	prepare(&a, "GET", "/hello");
	start(&a);
	a.inside = true;
	fetch_cancel(&a.rq);
	fetch_cancel(&a.rq);
	a.inside = false;
	is_int(a.done, 0, "cancelled: not inside the call");
	ev_run(server.loop, 0);
	ok(a.done == 1 && a.status == -ECANCELED, "  but once, and nothing had left");
	prepare(&a, "GET", "/silent");
	prepare(&b, "GET", "/hello");
	start(&a);
	b.again = true;
	run(&b);
	ok(b.done == 2 && b.status == 0, "started anew inside done()");
	fetch_cancel(&a.rq);
	ev_run(server.loop, 0);
	ok(a.done == 1 && a.status == -SQ_EUNCERTAIN, "cancelled after it had left");
}

static void test_free(void)
{
	struct asked a, b;

	prepare(&a, "GET", "/silent");
	prepare(&b, "GET", "/silent");
	start(&a);
	start(&b);
	ev_run(server.loop, EVRUN_ONCE);
	fetch_cancel(&b.rq);
	fetcher_free(fetcher);
	fetcher = NULL;
	fetcher_free(NULL);
	ok(a.done == 0 && b.done == 0, "freed with requests under way: they are forgotten");
}

static void test_memory(void)
{
	struct asked a;
	int failed = 0;

	for (unsigned n = 1;; n++) {
		struct fetcher *f = NULL;
		int r;

		failmalloc_after(n);
		r = fetcher_new(server.loop, "tester/1", &f);
		if (r == 0) {
			fetcher = f;
			prepare(&a, "GET", "/hello");
			run(&a);
			r = a.status;
		}
		if (!failmalloc_stop()) {
			is_int(r, 0, "with memory");
			break;
		}
		failed += r != -ENOMEM;
		fetcher_free(f);
	}
	is_int(failed, 0, "every failed allocation is told");
	fetcher_free(fetcher);
}

int main(void)
{
	server_open();
	if (fetcher_new(server.loop, "tester/1", &fetcher) < 0)
		abort();
	test_answers();
	test_body();
	test_redirects();
	test_failures();
	test_names();
	test_cancel();
	test_free();
	test_memory();
	server_shut();
	return tap_done();
}
