/* test_http_route.c - route tables: which handler, which parameters, which methods. */
#include <stdlib.h>

#include "core/host/http_route.h"
#include "tests/tap.h"

static void handle(void *self, struct sq_http *rq)
{
	(void)self;
	(void)rq;
}

static const struct sq_route tests_routes[] = {
    {"GET", "/", handle, "front page", 0},     {"POST", "/tests", handle, "submit", 0},
    {"GET", "/tests", handle, "list", 0},      {"GET", "/tests/last", handle, "before the pattern below", 0},
    {"GET", "/tests/{id}", handle, "one", 0},  {"DELETE", "/tests/{id}", handle, "delete", 0},
    {"GET", "/a/{b}/c/{d}", handle, "two", 0}, {"HEAD", "/own", handle, "HEAD of its own", 0},
    {"GET", "/own", handle, "GET", 0},         {0},
};
static const struct sq_route admin_routes[] = {
    {"GET", "/healthz", handle, "health", 0},
    {"GET", "/tests", handle, "hidden by the first site", 0},
    {0},
};
static int first, second;
static const struct http_site sites[] = {{tests_routes, &first}, {admin_routes, &second}, {0}};

static struct sq_slice slice(const char *s)
{
	return (struct sq_slice){s, strlen(s)};
}

/* "what the route's help says" or "-", then the parameters. */
static const char *found(const char *method, const char *path)
{
	static char out[200];
	struct http_route r;
	int n;

	if (!http_route_find(sites, slice(method), slice(path), &r))
		return "-";
	n = snprintf(out, sizeof out, "%s", r.row->help);
	for (int i = 0; i < SQ_HTTP_PARAMS && r.params[i].data; i++)
		n += snprintf(out + n, sizeof out - (size_t)n, " %.*s", (int)r.params[i].len,
		              r.params[i].data);
	return out;
}

static void test_find(void)
{
	static const struct {
		const char *method, *path, *want;
	} cases[] = {
	    {"GET", "/", "front page"},
	    {"POST", "/tests", "submit"},
	    {"GET", "/tests", "list"},
	    {"HEAD", "/tests", "list"},
	    {"HEAD", "/own", "HEAD of its own"},
	    {"GET", "/tests/last", "before the pattern below"},
	    {"GET", "/tests/7f3k", "one 7f3k"},
	    {"DELETE", "/tests/last", "delete last"},
	    {"GET", "/tests/%2e%2e", "one %2e%2e"},
	    {"GET", "/a/1/c/22", "two 1 22"},
	    {"GET", "/healthz", "health"},
	    {"GET", "/tests/", "-"}, /* a parameter has one byte or more */
	    {"GET", "/tests/x/", "-"},
	    {"GET", "/tests/x/y", "-"},
	    {"GET", "/a//c/22", "-"},
	    {"GET", "/a/1/c", "-"},
	    {"GET", "/test", "-"},
	    {"GET", "/testsx", "-"},
	    {"GET", "//tests", "-"},
	    {"GET", "/tests//x", "-"},
	    {"GET", "/TESTS", "-"},
	    {"get", "/tests", "-"}, /* methods are case-sensitive (RFC 9110, 9.1) */
	    {"PUT", "/tests", "-"},
	    {"HEAD", "/tests/last/", "-"},
	    {"GET", "*", "-"},
	    {"OPTIONS", "*", "-"},
	};
	char name[100];

	for (size_t i = 0; i < SQ_LEN(cases); i++) {
		snprintf(name, sizeof name, "%s %s", cases[i].method, cases[i].path);
		is_str(found(cases[i].method, cases[i].path), cases[i].want, name);
	}
}

static void test_self(void)
{
	struct http_route r;

	ok(http_route_find(sites, slice("GET"), slice("/healthz"), &r) && r.self == &second,
	   "self of its site");
	ok(http_route_find(sites, slice("GET"), slice("/tests"), &r) && r.self == &first,
	   "earlier sites win");
}

static void test_target(void)
{
	static const struct {
		const char *target, *path, *query;
	} cases[] = {
	    {"/", "/", ""},
	    {"/a/b?c=d?e", "/a/b", "c=d?e"},
	    {"/a?", "/a", ""},
	    {"/?x", "/", "x"},
	    {"//a", "//a", ""},
	    {"http://h", "/", ""},
	    {"http://h:80/a?b", "/a", "b"},
	    {"HTTPS://[::1]:8080/a/b", "/a/b", ""},
	    {"http://h?q", "/", "q"},
	    {"http://h/http://i/?q", "/http://i/", "q"},
	    {"*", "*", ""},
	};

	for (size_t i = 0; i < SQ_LEN(cases); i++) {
		struct sq_slice path, query;
		char got[200], want[200];

		http_route_target(slice(cases[i].target), &path, &query);
		snprintf(got, sizeof got, "%.*s ? %.*s", (int)path.len, path.data, (int)query.len,
		         query.len ? query.data : "");
		snprintf(want, sizeof want, "%s ? %s", cases[i].path, cases[i].query);
		is_str(got, want, cases[i].target);
	}
}

static void test_allow(void)
{
	struct buf out = {0};

	ok(http_route_allow(sites, slice("/tests"), &out), "/tests is known");
	is_str(out.data, "POST, GET, HEAD", "its methods, each once");
	buf_reset(&out);
	ok(http_route_allow(sites, slice("/tests/last"), &out), "a path that two patterns have");
	is_str(out.data, "GET, HEAD, DELETE", "methods of both");
	buf_reset(&out);
	ok(http_route_allow(sites, slice("*"), &out), "* is known");
	is_str(out.data, "GET, HEAD, POST, DELETE", "methods of all");
	buf_reset(&out);
	ok(!http_route_allow(sites, slice("/nothing"), &out), "unknown path");
	is_int(out.len, 0, "adds nothing");
	buf_free(&out);
}

int main(void)
{
	test_find();
	test_self();
	test_target();
	test_allow();
	return tap_done();
}
