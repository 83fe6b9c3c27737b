/* test_request.c - the bytes that are sent. */
#include <errno.h>

#include "plugins/role/worker/request.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

static char post[] = "POST", get[] = "GET", put[] = "PUT";
static char host[] = "host", virtual_host[] = "shop.example", x_name[] = "X-A", x_value[] = "b";

static struct plan *plan_for(struct plan *p, const char *url, char *method)
{
	memset(p, 0, sizeof *p);
	url_parse(url, &p->url, NULL);
	p->method = method;
	return p;
}

static void is_request(const struct plan *p, const char *want, const char *name)
{
	struct buf out = {0};

	request_render(p, "0.1", "id-1", &out);
	is_str(out.data, want, name);
	buf_free(&out);
}

static void test_defaults(void)
{
	struct plan p;

	is_request(plan_for(&p, "http://127.0.0.1:8000/hit?a=b", post),
	           "POST /hit?a=b HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: "
	           "squall/0.1\r\nX-Squall-Test: id-1\r\n"
	           "Content-Length: 0\r\n\r\n",
	           "a POST without a body says that it has none");
	is_request(
	    plan_for(&p, "http://example.org", get),
	    "GET / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: squall/0.1\r\nX-Squall-Test: id-1\r\n\r\n",
	    "a GET without a body says nothing about it");
	p.wire.requests_per_connection = 1;
	is_request(&p,
	           "GET / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: squall/0.1\r\nX-Squall-Test: "
	           "id-1\r\nConnection: close\r\n\r\n",
	           "a connection of its own: it is said");
}

static void test_plan_headers(void)
{
	struct plan_header headers[] = {{host, virtual_host}, {x_name, x_value}};
	char body[] = "a\0b";
	struct plan p;
	struct buf out = {0};

	plan_for(&p, "http://[::1]:81/", get);
	p.headers = headers;
	p.header_count = 2;
	is_request(&p,
	           "GET / HTTP/1.1\r\nUser-Agent: squall/0.1\r\nX-Squall-Test: id-1\r\nhost: "
	           "shop.example\r\nX-A: b\r\n\r\n",
	           "a header of the plan replaces ours, whatever its case");
	plan_for(&p, "http://[::1]:81/", put);
	p.body = body;
	p.body_len = 3;
	is_int(request_render(&p, "0.1", "id-1", &out), 0, "a body with a NUL is rendered");
	ok(strstr(out.data, "Content-Length: 3\r\n\r\n") && memcmp(out.data + out.len - 3, "a\0b", 3) == 0,
	   "as it is, with its length");
	buf_free(&out);
}

static void test_no_memory(void)
{
	struct plan p;
	int failures = 0;

	plan_for(&p, "http://127.0.0.1/", post);
	for (unsigned n = 1;; n++) {
		struct buf out = {0};
		int r;

		failmalloc_after(n);
		r = request_render(&p, "0.1", "id-1", &out);
		buf_free(&out);
		if (!failmalloc_stop())
			break;
		failures += r == -ENOMEM;
		ok(r == -ENOMEM, "allocation %u fails: so does rendering", n);
	}
	ok(failures > 0, "it does allocate");
}

int main(void)
{
	test_defaults();
	test_plan_headers();
	test_no_memory();
	return tap_done();
}
