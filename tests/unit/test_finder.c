/*
 * test_finder.c - the target's addresses over the life of a test, with a name server that says what the test
 * wants (route_resolve is replaced) and time by hand; the tries are real connections to this machine.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugins/common/route.h"
#include "plugins/role/worker/clock.h"
#include "plugins/role/worker/finder.h"
#include "tests/tap.h"
#include "tests/unit/store_host.h"

#define TTL (30 * SQ_S)

struct bench {
	struct store_host host;
	struct finder finder;
	struct plan *plan;
	int founds, moves, lookups;
	char reason[64], detail[400];
};

/* What the name server says: addresses separated by blanks, or an error. */
static struct {
	const char *says;
	int error, asked;
	uint16_t port;
} names;

int __wrap_route_resolve(const struct plan *p, struct addresses *out, struct sq_err *err);

int __wrap_route_resolve(const struct plan *p, struct addresses *out, struct sq_err *err)
{
	const char *s = names.says;
	char ip[48];
	int used;

	(void)p;
	names.asked++;
	out->count = out->more = 0;
	if (names.error)
		return sq_fail(err, names.error, "the name server says %d", -names.error);
	for (; sscanf(s, "%47s%n", ip, &used) == 1; s += used) {
		struct address one = {.len = 0}, *a = &one;
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)&a->sa;

		in->sin_family = AF_INET;
		in->sin_port = htons(names.port);
		inet_pton(AF_INET, ip, &in->sin_addr);
		a->len = sizeof *in;
		snprintf(a->text, sizeof a->text, "%s:%u", ip, names.port);
		address_add(out, a);
	}
	return 0;
}

static void on_found(struct finder *f, const char *reason, const char *detail)
{
	struct bench *b = sq_container(f, struct bench, finder);

	b->founds++;
	snprintf(b->reason, sizeof b->reason, "%s", reason ? reason : "");
	snprintf(b->detail, sizeof b->detail, "%s", detail ? detail : "");
}

static void on_moved(struct finder *f)
{
	sq_container(f, struct bench, finder)->moves++;
}

static void on_looked_up(struct finder *f, int64_t ns)
{
	(void)ns;
	sq_container(f, struct bench, finder)->lookups++;
}

static void cancel(void *ctx, struct sq_op *op)
{
	(void)ctx;
	(void)op;
}

/* ip NULL: on all of 127/8. Port 0: of its own. */
static int listen_at(const char *ip, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (ip)
		inet_pton(AF_INET, ip, &in.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&in, sizeof in) < 0 || listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		abort();
	names.port = ntohs(in.sin_port);
	return fd;
}

static int listen_everywhere(void)
{
	return listen_at(NULL, 0);
}

/* Time passes, and what was begun on the network comes to its end. */
static void pass(struct bench *b, int64_t ns)
{
	host_pass(&b->host, ns);
	for (int i = 0; i < 1000 && b->finder.reach.env; i++) {
		ev_run(b->host.host.loop, EVRUN_NOWAIT);
		usleep(1000);
	}
	host_settle(&b->host);
}

static struct bench *bench_new(const char *more, const char *says)
{
	struct bench *b = calloc(1, sizeof *b);
	struct plan_problems problems = {0};
	struct sq_err err;
	char text[256];

	store_host_init(&b->host, NULL);
	b->host.host.loop = ev_loop_new(EVFLAG_AUTO);
	b->host.host.cancel = cancel;
	snprintf(text, sizeof text,
	         "{\"url\": \"http://shop.example:%u/\", \"timeouts_ms\": {\"dns\": 2000, "
	         "\"connect\": 25000, \"tls\": 20000}%s%s}",
	         names.port, *more ? ", " : "", more);
	if (plan_read_text(text, strlen(text), NULL, &b->plan, NULL, &problems) < 0)
		abort();
	b->finder = (struct finder){.host = &b->host.host,
	                            .plan = b->plan,
	                            .test_id = "t",
	                            .found = on_found,
	                            .moved = on_moved,
	                            .looked_up = on_looked_up};
	names.says = says;
	names.error = names.asked = 0;
	if (finder_start(&b->finder, &err) < 0)
		abort();
	return b;
}

static void bench_free(struct bench *b)
{
	finder_free(&b->finder);
	ev_loop_destroy(b->host.host.loop);
	plan_free(b->plan);
	free(b);
}

static void has(const struct bench *b, const char *want, const char *name)
{
	char got[256] = "";

	for (uint32_t i = 0; i < b->finder.addresses.count; i++)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? " " : "",
		         (int)strcspn(b->finder.addresses.list[i].text, ":"),
		         b->finder.addresses.list[i].text);
	is_str(got, want, name);
}

static void test_life(void)
{
	struct bench *b = bench_new("", "127.0.0.1 127.0.0.2");
	unsigned lines;

	pass(b, 0);
	ok(b->founds == 1 && !*b->reason && b->lookups == 1, "found");
	has(b, "127.0.0.1 127.0.0.2", "two addresses");
	ok(b->finder.reach.connect == 25 * SQ_S && b->finder.reach.shake == 20 * SQ_S,
	   "each may take as long as the plan allows a connection");
	names.says = "127.0.0.2 127.0.0.1";
	pass(b, TTL);
	ok(names.asked == 2 && b->moves == 0,
	   "after the time to live it is asked again; another order is no news");
	pass(b, TTL - 1);
	is_int(names.asked, 2, "not sooner");
	names.says = "127.0.0.3";
	pass(b, 1);
	ok(b->moves == 1 && b->founds == 1, "the target has moved");
	has(b, "127.0.0.3", "to there");

	lines = b->host.errors;
	names.error = -EAGAIN;
	pass(b, TTL);
	pass(b, TTL);
	ok(b->moves == 1 && names.asked == 5, "a name server that does not answer changes nothing");
	is_int(b->host.errors, lines + 1, "and is told of once");
	has(b, "127.0.0.3", "the old address stays");
	names.error = -ENOENT;
	pass(b, TTL);
	is_int(b->moves, 2, "the name is gone");
	has(b, "", "and the addresses with it");
	names.error = 0;
	pass(b, TTL);
	is_int(b->moves, 3, "it is there again");
	has(b, "127.0.0.3", "at the old place");
	finder_stop(&b->finder);
	pass(b, 10 * TTL);
	is_int(names.asked, 7, "stopped: nobody asks any more");
	bench_free(b);
}

static void test_fewer(void)
{
	struct bench *b = bench_new("", "127.0.0.1 127.0.0.2");

	pass(b, 0);
	names.says = "127.0.0.2";
	pass(b, TTL);
	is_int(b->moves, 1, "one of two addresses is gone");
	has(b, "127.0.0.2", "the other one is loaded");
	bench_free(b);
}

static void test_refusing(int listener)
{
	struct bench *b = bench_new("", "127.0.0.1");
	uint16_t port = names.port;

	pass(b, 0);
	/* The new address refuses: another port stands for a machine that is down. */
	names.says = "127.0.0.9";
	close(listener);
	pass(b, TTL);
	is_int(b->moves, 0, "an address that does not accept does not take the place of the old one");
	has(b, "127.0.0.1", "which stays");
	ok(strstr(b->host.line, "cannot connect") && strstr(b->host.line, "still used"), "and it is told: %s",
	   b->host.line);
	listener = listen_everywhere();
	(void)port;
	pass(b, TTL);
	is_int(b->moves, 1, "once it accepts, it does");
	has(b, "127.0.0.9", "and is loaded");
	close(listener);
	bench_free(b);
}

/* One of two is down when the test begins, and comes up later; then the other one goes down. fixed: the plan
 * gives both. */
static void test_left_out(bool fixed)
{
	int first = listen_at("127.0.0.1", 0), second;
	char more[96] = "";
	struct bench *b;
	unsigned lines;

	if (fixed)
		snprintf(more, sizeof more, "\"resolve\": [\"shop.example:%u:127.0.0.2,127.0.0.1\"]",
		         names.port);
	b = bench_new(more, "127.0.0.2 127.0.0.1");
	pass(b, 0);
	has(b, "127.0.0.1", "the one that refuses is left out");
	ok(strstr(b->host.line, "127.0.0.2") && strstr(b->host.line, "left out"), "and named: %s",
	   b->host.line);
	lines = b->host.errors;
	pass(b, TTL);
	ok(b->moves == 0 && b->host.errors == lines, "it still refuses: that is no news");
	second = listen_at("127.0.0.2", names.port);
	pass(b, TTL);
	is_int(b->moves, 1, "it accepts now");
	has(b, "127.0.0.1 127.0.0.2", "and is loaded with the other one");
	close(first);
	pass(b, TTL);
	is_int(b->moves, 1, "one that was loaded and refuses stays: that is to be measured");
	close(second);
	bench_free(b);
}

/* Name servers change the order with each answer; the workers of a test go by one. */
static void test_order(void)
{
	int listener = listen_everywhere();
	struct bench *b = bench_new("", "127.0.0.9 127.0.0.1 127.0.0.10 127.0.0.2");

	pass(b, 0);
	has(b, "127.0.0.1 127.0.0.2 127.0.0.9 127.0.0.10", "in one order");
	close(listener);
	bench_free(b);
}

static void test_too_many(void)
{
	int listener = listen_everywhere();
	char many[70 * 16] = "";
	struct bench *b;

	for (int i = 1; i <= 70; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), "127.0.0.%d ", i);
	b = bench_new("", many);
	pass(b, 0);
	is_int(b->finder.addresses.count, ADDRESS_MAX, "of 70 addresses 64 are loaded");
	ok(strstr(b->host.line, "the target has 70 addresses: the first 64"), "and it is told: %s",
	   b->host.line);
	close(listener);
	bench_free(b);
}

static void test_slow(void)
{
	struct bench *b = bench_new("", "127.0.0.1");

	pass(b, 0);
	b->host.hold = true;
	names.says = "127.0.0.2";
	pass(b, TTL);
	pass(b, 2 * SQ_S);
	ok(b->moves == 0 && strstr(b->host.line, "longer than 2000 ms"), "a slow look-up: %s", b->host.line);
	pass(b, TTL);
	is_int(names.asked, 1, "no second one while it hangs");
	b->host.hold = false;
	pass(b, 0);
	is_int(b->moves, 0, "what comes too late is not used");
	pass(b, TTL);
	is_int(b->moves, 1, "the next one is");
	bench_free(b);
}

static void test_never(void)
{
	char more[96];
	struct bench *b = bench_new("\"dns_ttl_sec\": 0", "127.0.0.1");

	pass(b, 0);
	pass(b, 3600 * SQ_S);
	is_int(names.asked, 1, "0: never again");
	bench_free(b);
	b = bench_new("\"resolve\": [\"shop.example:1:127.0.0.1\", \"*:80:127.0.0.1\"]", "127.0.0.1");
	pass(b, 0);
	pass(b, TTL);
	is_int(names.asked, 2, "resolve is about other ports");
	bench_free(b);
	snprintf(more, sizeof more, "\"resolve\": [\"shop.example:%u:127.0.0.1\"]", names.port);
	b = bench_new(more, "127.0.0.1");
	pass(b, 0);
	pass(b, TTL);
	is_int(names.asked, 1, "given addresses that all accept are for good");
	bench_free(b);
}

static void test_policy(void)
{
	struct bench *b = bench_new("\"allowed_targets\": [\"127.0.0.0/8\"]", "127.0.0.1 10.0.0.7");

	pass(b, 0);
	has(b, "127.0.0.1", "the policy takes out what is not allowed");
	names.says = "10.0.0.7";
	pass(b, TTL);
	has(b, "", "a name that leads elsewhere later is not followed");
	ok(strstr(b->host.line, "not allowed"), "and it is told: %s", b->host.line);
	bench_free(b);
	b = bench_new("\"allowed_targets\": [\"other.example\"]", "127.0.0.1");
	pass(b, 0);
	ok(b->founds == 1 && strcmp(b->reason, "refused") == 0, "refused at once: %s", b->detail);
	bench_free(b);
}

static void test_failures(void)
{
	struct bench *b = bench_new("", "127.0.0.1");

	names.error = -ENOENT;
	pass(b, 0);
	ok(b->founds == 1 && strcmp(b->reason, "target_unreachable") == 0, "unknown: %s", b->detail);
	bench_free(b);
	b = bench_new("", "127.0.0.1");
	b->host.hold = true;
	pass(b, 2 * SQ_S);
	ok(b->founds == 1 && strstr(b->detail, "timeouts_ms.dns"), "too slow: %s", b->detail);
	b->host.hold = false;
	pass(b, 0);
	is_int(b->founds, 1, "told once");
	bench_free(b);
}

int main(void)
{
	int listener = listen_everywhere();

	test_life();
	test_fewer();
	test_slow();
	test_never();
	test_policy();
	test_failures();
	test_refusing(listener);
	test_left_out(false);
	test_left_out(true);
	test_order();
	test_too_many();
	return tap_done();
}
