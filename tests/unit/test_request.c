/* test_request.c - the bytes that are sent. */
#include <errno.h>
#include <stdlib.h>

#include "core/base/template.h"
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
	struct messages m;
	struct sq_slice out;

	if (messages_init(&m, p, "0.1", "id-1") < 0)
		abort();
	out = messages_render(&m, 0, 7, true);
	ok(out.len == strlen(want) && memcmp(out.data, want, out.len) == 0, "%s", name);
	if (out.len != strlen(want) || memcmp(out.data, want, out.len) != 0)
		printf("# %.*s\n# instead of\n# %s\n", (int)out.len, out.data, want);
	messages_free(&m);
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
	struct messages m;
	struct sq_slice out;
	struct plan p;

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
	is_int(messages_init(&m, &p, "0.1", "id-1"), 0, "a body with a NUL is rendered");
	out = messages_render(&m, 0, 0, true);
	ok(memmem(out.data, out.len, "Content-Length: 3\r\n\r\n", 21) &&
	       memcmp(out.data + out.len - 3, "a\0b", 3) == 0,
	   "as it is, with its length");
	out = messages_render(&m, 0, 0, false);
	ok(!memmem(out.data, out.len, "X-Squall-Test", 13), "a request of the warm-up is not counted");
	messages_free(&m);
}

/* Values differ from tick to tick, and are the same on every worker. */
static void test_templates(void)
{
	static char value[] = "{{seq}}-{{random 5 5}}", name[] = "X-Seq", a[] = "a", b[] = "b b";
	struct plan_header headers[] = {{name, value}};
	char body[] = "{\"id\": \"{{uuid}}\", \"user\": \"{{row.user}}\", \"n\": {{random -10 10}}, {{{{}}";
	char *columns[] = {(char[]){"user"}};
	struct sq_slice cells[] = {{a, 1}, {b, 3}};
	struct template_data data = {2, 1, columns, cells};
	struct messages m, again;
	struct sq_slice out;
	char first[1024];
	struct plan p;

	plan_for(&p, "http://h/x?q={{random 1 1}}", post);
	p.headers = headers;
	p.header_count = 1;
	p.body = body;
	p.body_len = sizeof body - 1;
	p.data = &data;
	p.seed = 1;
	if (messages_init(&m, &p, "0.1", "id-1") < 0 || messages_init(&again, &p, "0.1", "id-1") < 0)
		abort();
	out = messages_render(&m, 0, 41, true);
	snprintf(first, sizeof first, "%.*s", (int)out.len, out.data);
	ok(strncmp(first, "POST /x?q=1 HTTP/1.1\r\n", 22) == 0, "a value in the path");
	ok(strstr(first, "X-Seq: 41-5\r\n") && strstr(first, "\"user\": \"b b\""),
	   "in headers, and in the body");
	ok(strstr(first, ", {{}}"), "doubled braces are braces");
	ok((size_t)atoi(strstr(first, "Content-Length: ") + 16) == strlen(strstr(first, "\r\n\r\n") + 4),
	   "the length is that of what was rendered");
	ok(strstr(first, "\"id\": \"")[7 + 14] == '4', "a UUID of version 4");
	out = messages_render(&again, 0, 41, true);
	ok(out.len == strlen(first) && memcmp(out.data, first, out.len) == 0,
	   "another worker renders the same");
	out = messages_render(&m, 0, 42, true);
	ok(memmem(out.data, out.len, "X-Seq: 42-5", 11) && memmem(out.data, out.len, "\"user\": \"a\"", 11) &&
	       !memmem(out.data, out.len, strstr(first, "\"id\""), 20),
	   "the next tick has others");
	messages_free(&m);
	messages_free(&again);
}

/* Of each row of ticks each request gets its weight; over workers the order does not repeat. */
static void test_weights(void)
{
	static char a[] = "a", b[] = "b", c[] = "c", path[] = "/";
	struct plan_request requests[] = {{.name = a, .weight = 60, .method = get, .path = path},
	                                  {.name = b, .weight = 30, .method = get, .path = path},
	                                  {.name = c, .weight = 10, .method = get, .path = path}};
	uint32_t count[3] = {0}, of_worker[3] = {0};
	bool exact = true;
	struct messages m;
	struct plan p;

	plan_for(&p, "http://h/", get);
	p.requests = requests;
	p.request_count = 3;
	if (messages_init(&m, &p, "0.1", "id-1") < 0)
		abort();
	is_int(m.row, 10, "weights without their common divisor");
	for (uint64_t k = 0; k < 100000; k++) {
		uint32_t which = messages_choose(&m, k);

		count[which]++;
		of_worker[which] += k % 10 == 3;
		if (k % 10 == 9)
			exact &= count[0] == (k + 1) / 10 * 6 && count[1] == (k + 1) / 10 * 3;
	}
	ok(exact, "of ten in a row six, three and one");
	ok(of_worker[0] > 5700 && of_worker[0] < 6300 && of_worker[2] > 850 && of_worker[2] < 1150,
	   "and a worker that has every tenth tick meets all: %u %u %u", of_worker[0], of_worker[1],
	   of_worker[2]);
	messages_free(&m);
}

static void test_no_memory(void)
{
	struct plan p;
	int failures = 0;

	plan_for(&p, "http://127.0.0.1/", post);
	for (unsigned n = 1;; n++) {
		struct messages m;
		int r;

		failmalloc_after(n);
		r = messages_init(&m, &p, "0.1", "id-1");
		if (!failmalloc_stop()) {
			messages_free(&m);
			break;
		}
		failures += r == -ENOMEM;
		ok(r == -ENOMEM, "allocation %u fails: so does rendering", n);
	}
	ok(failures > 0, "it does allocate");
}

int main(void)
{
	test_defaults();
	test_plan_headers();
	test_templates();
	test_weights();
	test_no_memory();
	return tap_done();
}
