/* test_http_bounds.c - what the HTTP server bounds, and how it begins and ends. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/host/metrics.h"
#include "tests/failmalloc.h"
#include "tests/unit/http_rig.h"

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_LATER "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"

static FILE *log_file; /* standard error */

static int logged(const char *text)
{
	char line[1024];
	int n = 0;

	rewind(log_file);
	while (fgets(line, sizeof line, log_file))
		n += strstr(line, text) != NULL;
	return n;
}

static int64_t metric(const char *name)
{
	return *metrics_counter(name, "");
}

static void reopen(void)
{
	rig_close();
	rig_open();
}

/* --- sizes --- */

static void test_sizes(void)
{
	char text[4000];
	int n;

	n = snprintf(text, sizeof text, "GET /hello HTTP/1.1\r\nHost: h\r\nA: ");
	memset(text + n, 'a', 3000);
	strcpy(text + n + 3000, "\r\n\r\n");
	exchange(text, "HTTP/1.1 431 Request Header Fields Too Large\r\n", "2048 bytes", "a head too long");

	n = snprintf(text, sizeof text, "GET /hello HTTP/1.1\r\nHost: h\r\n");
	for (int i = 0; i < 64; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "A: b\r\n");
	snprintf(text + n, sizeof text - (size_t)n, "\r\n");
	exchange(text, "HTTP/1.1 431 Request Header Fields Too Large\r\n", "64 fields", "too many fields");

	n = snprintf(text, sizeof text, "GET /");
	memset(text + n, 'a', 3000);
	strcpy(text + n + 3000, " HTTP/1.1\r\nHost: h\r\n\r\n");
	exchange(text, "HTTP/1.1 414 URI Too Long\r\n", "shorter", "a target too long");

	exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n",
	         "HTTP/1.1 413 Content Too Large\r\n", "raise max_body", "a length too large");
	exchange("POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n",
	         "HTTP/1.1 404 Not Found\r\n", "Connection: close", "the same without a route");
	exchange("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n12345678",
	         "HTTP/1.1 200 OK\r\n", "12345678", "as much as the route takes");
	exchange("POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	         "4\r\n1234\r\n5\r\n12345\r\n0\r\n\r\n",
	         "HTTP/1.1 413 Content Too Large\r\n", "the most this path takes",
	         "chunks too large together");
}

/* The client sends all of its body before it looks at the answer. */
static void test_answer_survives(void)
{
	char *body = calloc(1, 1 << 20);
	struct client c;

	client_connect(&c);
	client_send(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n");
	client_send_bytes(&c, body, 1 << 20);
	expect_start(&c, "HTTP/1.1 413 Content Too Large\r\n", "413 while the body is still coming");
	expect_end(&c, "is not lost in a reset");
	client_close(&c);
	free(body);
}

/* --- time --- */

static void times_out(const char *request, const char *start, const char *name)
{
	struct client c;

	client_connect(&c);
	client_send(&c, request);
	if (*start)
		expect_start(&c, start, name);
	expect_end(&c, name);
	client_close(&c);
}

static void test_times(void)
{
	struct client c, held;

	conf.header_timeout = conf.body_timeout = conf.idle_timeout = 50 * SQ_MS;
	reopen();
	client_connect(&held);
	client_send(&held, GET_LATER);
	times_out("GET /hel", "HTTP/1.1 408 Request Timeout\r\n", "a head that does not end");
	times_out("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc",
	          "HTTP/1.1 408 Request Timeout\r\n", "a body that does not end");
	times_out("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	          "HTTP/1.1 408 Request Timeout\r\n", "chunks that do not end");
	times_out("", "", "a connection without a request");
	times_out(GET_HELLO, "HTTP/1.1 200 OK\r\n", "an idle one after an answer");

	client_connect(&c);
	client_send(&c, "GET /hello HTTP/1.1\r\nX: ");
	WAIT((client_send(&c, "x"), client_read(&c), c.got.len > 0));
	expect_start(&c, "HTTP/1.1 408 Request Timeout\r\n", "a head that trickles in");
	client_close(&c);

	ok(!(client_read(&held), held.eof), "a role may take its time");
	HTTP.reply(seen.held, 200, NULL, "late", 4);
	expect(&held, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate", "and its answer arrives");
	client_close(&held);
	ok(metric("http_timeouts_total{listener=\"rig\",what=\"header\"}") == 2 &&
	       metric("http_timeouts_total{listener=\"rig\",what=\"body\"}") == 2 &&
	       metric("http_timeouts_total{listener=\"rig\",what=\"idle\"}") >= 2,
	   "time limits are counted");
}

static void test_slow_reader(void)
{
	int64_t before = metric("http_timeouts_total{listener=\"rig\",what=\"write\"}");
	struct client c;

	conf.write_timeout = 50 * SQ_MS;
	reopen();
	client_connect(&c);
	c.raw = true;
	client_send(&c, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT(metric("http_timeouts_total{listener=\"rig\",what=\"write\"}") > before);
	ok(metric("http_timeouts_total{listener=\"rig\",what=\"write\"}") == before + 1,
	   "a client that does not read its answer is disconnected");
	WAIT((client_read(&c), c.eof || c.reset));
	ok(c.got.len < 4 << 20, "in the middle of it");
	client_close(&c);
}

/* --- clients that leave --- */

static void reply_when_gone(struct sq_http *rq)
{
	seen.gone++;
	seen.held = NULL;
	HTTP.reply(rq, 200, NULL, "x", 1);
}

static void reset(struct client *c)
{
	struct linger hard = {.l_onoff = 1};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	client_close(c);
}

static void test_leaving(void)
{
	struct client c;

	reopen();
	client_connect(&c);
	client_send(&c, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
	WAIT(seen.held);
	reset(&c);
	WAIT(seen.gone);
	rig_turns(3);
	is_int(seen.gone, 1, "the role is told that the client left");
	ok(memcmp(seen.held->body.data, "abc", 3) == 0 && strcmp(seen.held->peer, "127.0.0.1") == 0 &&
	       HTTP.header(seen.held, "host").len == 1,
	   "the request stays as it was");
	is_int(HTTP.set(seen.held, "A", "b"), 0, "headers of an answer to nobody");
	HTTP.problem(seen.held, 500, "nobody reads this");
	rig_turns(3);
	is_int(seen.gone, 1, "the answer goes nowhere");

	client_connect(&c);
	client_send(&c, GET_LATER);
	WAIT(seen.handled == 2);
	seen.held->gone = reply_when_gone;
	client_close(&c);
	WAIT(seen.gone == 2);
	rig_turns(3);
	is_int(seen.gone, 2, "a role may answer inside gone()");

	client_connect(&c);
	client_send(&c, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
	rig_turns(1);
	reset(&c);
	client_connect(&c);
	client_send(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
	rig_turns(3);
	client_close(&c);
	client_connect(&c);
	expect_open(&c, "leaving in the middle of a body or an answer hurts nobody else");
	client_close(&c);
}

#define POST_6000 "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 6000\r\n\r\n"

/* Each is small enough, but they are many. */
static void test_bodies(void)
{
	struct client first, second, third;
	char body[6001];

	memset(body, 'x', 6000);
	body[6000] = '\0';
	conf.max_bodies = 8000;
	reopen();
	client_connect(&first);
	client_send(&first, POST_6000);
	client_send_bytes(&first, body, 5000);
	rig_turns(10);
	client_connect(&second);
	client_send(&second, POST_6000);
	client_send_bytes(&second, body, 5000);
	expect_start(&second, "HTTP/1.1 503 Service Unavailable\r\n", "more than all bodies may have");
	ok(strstr(second.got.data, "raise max_bodies"), "and what to do");
	expect_end(&second, "is closed");
	client_send_bytes(&first, body, 1000);
	expect_start(&first, "HTTP/1.1 200 OK\r\n", "the other one is not disturbed");
	client_connect(&third);
	client_send(&third, POST_6000);
	client_send_bytes(&third, body, 5999);
	rig_turns(10);
	client_close(&third);
	client_close(&second);
	client_connect(&second);
	conf.max_bodies = 5000;
	WAIT(*metrics_gauge("http_connections{listener=\"rig\"}", "") == 2);
	client_send(&second, POST_6000);
	client_send_bytes(&second, body, 6000);
	expect_start(&second, "HTTP/1.1 200 OK\r\n",
	             "nothing is counted of who has gone, and one alone may always");
	client_close(&first);
	client_close(&second);
	rig_defaults();
	reopen();
}

/* --- numbers --- */

static void test_connection_cap(void)
{
	struct client c[80], d;
	int64_t refused = metric("http_refused_total{listener=\"rig\"}");

	conf.max_connections = 2;
	reopen();
	for (int i = 0; i < 80; i++)
		client_connect(&c[i]);
	expect_open(&c[0], "first connection");
	expect_open(&c[1], "second connection");
	is_int(*metrics_gauge("http_connections{listener=\"rig\"}", ""), 2, "connections are counted");
	expect_start(&c[2], "HTTP/1.1 503 Service Unavailable\r\n", "one too many");
	ok(strstr(c[2].got.data, "all 2 connections are taken"), "and why");
	expect_end(&c[2], "is closed");
	expect_end(&c[79], "so are many too many");
	is_int(metric("http_refused_total{listener=\"rig\"}") - refused, 78, "they are counted");
	is_int(logged("all 2 connections are taken"), 1, "and logged once");
	for (int i = 1; i < 80; i++)
		client_close(&c[i]);
	WAIT(*metrics_gauge("http_connections{listener=\"rig\"}", "") == 1);
	client_connect(&d);
	expect_open(&d, "room again");
	expect_open(&c[0], "the first was not disturbed");
	client_close(&c[0]);
	client_close(&d);
	conf.max_connections = 100;
	reopen();
}

/* Two roles of one plugin: their listeners share their numbers. */
static void test_same_name(void)
{
	int64_t *open = metrics_gauge("http_connections{listener=\"rig\"}", "");
	struct http_server *first = server;
	struct client c, d;

	client_connect(&c);
	expect_open(&c, "a client of the first");
	rig_open();
	client_connect(&d);
	expect_open(&d, "a client of the second");
	is_int(*open, 2, "listeners of the same name are counted together");
	client_close(&d);
	rig_close();
	server = first;
	is_int(*open, 1, "... also when one has gone");
	client_close(&c);
	WAIT(*open == 0);
}

static void test_no_descriptors(void)
{
	struct client c, d;
	struct rlimit old, low;
	int lowest;

	client_connect(&c);
	client_connect(&d);
	lowest = dup(0);
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){(rlim_t)lowest, old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &low);
	rig_turns(20);
	is_int(logged("Too many open files"), 1, "no descriptors: logged once");
	setrlimit(RLIMIT_NOFILE, &old);
	expect_open(&c, "no descriptors: who came meanwhile is served later");
	expect_open(&d, "no descriptors: all of them");
	client_close(&c);
	client_close(&d);
}

/* --- the end --- */

static int empties;

static void count_empty(void *arg)
{
	ok(arg == &empties, "empty() gets its argument");
	empties++;
}

static void test_drain(void)
{
	struct client idle, used, busy, fresh, queued, part;
	char url[100];

	reopen();
	client_connect(&idle);
	client_connect(&used);
	expect_open(&used, "used connection");
	client_connect(&busy);
	client_send(&busy, GET_LATER GET_HELLO);
	client_connect(&part);
	client_send(&part, "GET /hel");
	WAIT(seen.handled == 2);
	client_connect(&fresh);
	rig_turns(2);
	client_send(&fresh, GET_HELLO);
	client_connect(&queued);
	client_send(&queued, GET_HELLO);
	snprintf(url, sizeof url, "%s", http_server_url(server));
	http_server_drain(server, count_empty, &empties);
	is_int(empties, 0, "drain: empty() not at once");
	expect_end(&idle, "drain: an idle connection is closed");
	expect_end(&used, "drain: also a used one");
	expect_start(&fresh, "HTTP/1.1 200 OK\r\n", "drain: a request that had arrived is served");
	ok(strstr(fresh.got.data, "Connection: close\r\n"), "drain: as the last one");
	expect_end(&fresh, "drain: then closed");
	expect_start(&queued, "HTTP/1.1 200 OK\r\n", "drain: so is one that nobody had accepted yet");
	ok(connect_tcp(url) < 0, "drain: no new connections");
	HTTP.reply(seen.held, 200, NULL, "late", 4);
	expect(&busy,
	       "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"
	       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\n"
	       "hello\n",
	       "drain: requests in flight are served, and those behind them");
	expect_end(&busy, "drain: then closed");
	is_int(empties, 0, "drain: one is left");
	client_send(&part, "lo HTTP/1.1\r\nHost: h\r\n\r\n");
	expect_start(&part, "HTTP/1.1 200 OK\r\n", "drain: a request that had begun is served");
	WAIT(empties);
	rig_turns(3);
	is_int(empties, 1, "drain: empty() once");
	client_close(&idle), client_close(&used), client_close(&busy);
	client_close(&fresh), client_close(&queued), client_close(&part);
	reopen();
}

static void close_it(void *arg)
{
	(void)arg;
	rig_close();
}

static void test_close(void)
{
	struct client c;

	client_connect(&c);
	client_send(&c, GET_LATER);
	WAIT(seen.held);
	rig_close();
	is_int(seen.gone, 1, "close: the role is told");
	expect_start(&c, "HTTP/1.1 503 Service Unavailable\r\n", "close: open requests get 503");
	HTTP.reply(seen.held, 200, NULL, "x", 1);
	client_close(&c);

	rig_open();
	http_server_drain(server, close_it, NULL);
	WAIT(!server);
	ok(!server, "close inside empty()");
	rig_open();
}

/* --- listening --- */

static int try_open(const char *listen, struct http_server **ret, struct sq_err *err)
{
	static struct conf_listener other;
	struct http_site sites[] = {{routes, NULL}, {0}};
	struct http_server_opts opts = {rig_loop(), &other, sites, "other"};

	other = conf;
	other.listen = listen;
	return http_server_open(&opts, ret, err);
}

static void refused(const char *listen, int code, const char *why)
{
	struct http_server *other;
	struct sq_err err = {0};
	char want[480];

	snprintf(want, sizeof want, "cannot listen on %s: %s", listen, why);
	is_int(try_open(listen, &other, &err), code, listen);
	is_str(err.text, want, "and why");
}

static void test_addresses(void)
{
	struct http_server *other;
	struct sq_err err = {0};

	refused(http_server_url(server) + strlen("http://"), -EADDRINUSE,
	        "the address is in use: stop the other process or choose another port (option listen)");
	refused("192.0.2.1:0", -EADDRNOTAVAIL,
	        "this machine has no such address: choose one of its own, or 0.0.0.0 for all of them "
	        "(option listen)");
	refused("127.0.0.1", -EINVAL,
	        "has no port: write host:port, [IPv6 address]:port or unix:/path (option listen)");
	refused("127.0.0.1:65536", -ERANGE, "port is outside 1 .. 65535 (option listen)");
	refused("unix:/nonexistent/s", -ENOENT,
	        "no such folder: make it or choose another path (option listen)");

	conf.reuse_port = true;
	reopen();
	is_int(try_open(http_server_url(server) + strlen("http://"), &other, &err), 0, "reuse_port");
	is_str(http_server_url(other), http_server_url(server), "two on one port");
	http_server_close(other);
	conf.reuse_port = false;

	conf.listen = "localhost:0";
	reopen();
	ok(strncmp(http_server_url(server), "http://", 7) == 0 && !strstr(http_server_url(server), ":0"),
	   "a name, and the port as bound: %s", http_server_url(server));
	if (try_open("[::1]:0", &other, &err) == 0) {
		struct http_server *first = server;
		struct client c;

		server = other;
		http_server_serve(other);
		ok(strncmp(http_server_url(other), "http://[::1]:", 13) == 0, "IPv6: %s",
		   http_server_url(other));
		client_connect(&c);
		expect_open(&c, "IPv6 is served");
		client_close(&c);
		http_server_close(other);
		server = first;
	}
}

static void make_stale(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	assert(bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0);
	close(fd);
}

static void test_socket_file(void)
{
	char folder[] = "/tmp/squall-test-XXXXXX", address[100];
	const char *path = address + strlen("unix:");
	struct client c;
	struct stat st;
	FILE *f;

	assert(mkdtemp(folder));
	snprintf(address, sizeof address, "unix:%s/s", folder);
	make_stale(path);
	conf.listen = address;
	reopen();
	is_str(http_server_url(server), address, "a socket file; a stale one is replaced");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0660, "for owner and group");
	client_connect(&c);
	client_send(&c, "GET /p/a/x/b HTTP/1.1\r\nHost: h\r\n\r\n");
	expect(&c, "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\nself a b ?  unix", "is served");
	client_close(&c);
	refused(address, -EADDRINUSE,
	        "the address is in use: stop the other process or choose another port (option listen)");
	test_slow_reader();
	rig_close();
	ok(stat(path, &st) < 0, "and removed at the end");
	f = fopen(path, "w");
	fclose(f);
	refused(address, -EADDRINUSE,
	        "the address is in use: stop the other process or choose another port (option listen)");
	ok(stat(path, &st) == 0, "another kind of file stays");
	unlink(path);
	rmdir(folder);
	rig_defaults();
	rig_open();
}

/* --- memory --- */

static void talk(struct client *c)
{
	static const char data[5000];

	client_connect(c);
	client_send(c, GET_HELLO "GET /hel");
	rig_turns(2);
	client_send(
	    c, "lo HTTP/1.1\r\nHost: h\r\n\r\nPOST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 600\r\n\r\n");
	for (int i = 0; i < 60; i++)
		client_send(c, "0123456789");
	rig_turns(2);
	client_send(c, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\nPUT /hello HTTP/1.1\r\nHost: h\r\n\r\n");
	rig_turns(2);
	client_send(c, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	rig_turns(2);
	if (seen.stream.host && seen.stream_result == 0 && !seen.closed) {
		HTTP.write(&seen.stream, data, sizeof data);
		HTTP.end(&seen.stream);
	}
	rig_turns(3);
}

static void test_no_memory(void)
{
	bool failed = true;
	struct client c;
	int n;

	for (n = 1; failed && n < 200; n++) {
		reopen();
		failmalloc_after((unsigned)n);
		talk(&c);
		failed = failmalloc_stop();
		client_close(&c);
		client_connect(&c);
		client_send(&c, GET_HELLO);
		WAIT((client_read(&c), c.got.len > 50));
		if (!c.got.data || !strstr(c.got.data, "hello"))
			ok(false, "allocation %d failed, and the server serves no more", n);
		client_close(&c);
	}
	ok(!failed && n > 5, "survives the failure of each of %d allocations", n - 2);
	ok(seen.closed == 1, "and without failures the talk runs to its end");
}

static void test_no_memory_to_open(void)
{
	struct http_server *other;
	struct sq_err err;
	bool failed;

	for (unsigned n = 1;; n++) {
		struct http_site sites[] = {{routes, NULL}, {0}};
		struct http_server_opts opts = {rig_loop(), &conf, sites, "rig"};
		int r;

		failmalloc_after(n);
		r = http_server_open(&opts, &other, &err);
		failed = failmalloc_stop();
		if (!failed)
			break;
		if (r != -ENOMEM)
			is_int(r, -ENOMEM, "open without memory");
	}
	http_server_close(other);
	ok(true, "open without memory is refused");
}

int main(void)
{
	log_file = tmpfile();
	dup2(fileno(log_file), 2);
	rig_defaults();
	rig_open();
	test_sizes();
	test_answer_survives();
	test_times();
	rig_defaults();
	test_leaving();
	test_bodies();
	test_connection_cap();
	test_same_name();
	test_no_descriptors();
	test_drain();
	test_close();
	test_addresses();
	test_socket_file();
	test_no_memory();
	test_no_memory_to_open();
	rig_close();
	metrics_free();
	return tap_done();
}
