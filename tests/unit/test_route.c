/* test_route.c - where a plan's requests go with resolve, connect_to and unix_socket, and that the address
 * policy sees all of it. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "plugins/common/plan.h"
#include "plugins/common/route.h"
#include "tests/tap.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct plan *plan_of(const char *url, const char *more)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;
	char text[512];

	snprintf(text, sizeof text, "{\"url\": \"%s\"%s%s}", url, *more ? ", " : "", more);
	if (plan_read_text(text, strlen(text), NULL, &p, NULL, &problems) < 0) {
		printf("# %s\n", problems.text.data);
		exit(1);
	}
	return p;
}

/* The addresses in one text. */
static const char *addresses(const struct addresses *a)
{
	static char text[512];
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < a->count; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "", a->list[i].text);
	return text;
}

static void test_places(void)
{
	static const struct {
		const char *url, *more, *place, *found;
		bool fixed;
	} rows[] = {
	    {"http://127.0.0.1/", "", "127.0.0.1:80", "127.0.0.1:80", true},
	    {"http://[::1]:8080/", "", "[::1]:8080", "[::1]:8080", true},
	    {"http://localhost:81/", "\"connect_to\": [\"localhost:81:127.0.0.2:82\"]", "127.0.0.2:82",
	     "127.0.0.2:82", true},
	    {"http://a.invalid:81/", "\"connect_to\": [\"b:81:127.0.0.3:1\", \"::127.0.0.2:\"]",
	     "127.0.0.2:81", "127.0.0.2:81", true},
	    {"http://127.0.0.1:81/", "\"connect_to\": [\":81::82\"]", "127.0.0.1:82", "127.0.0.1:82", true},
	    {"http://A.invalid/", "\"connect_to\": [\"a.INVALID:80:[::1]:8080\"]", "[::1]:8080", "[::1]:8080",
	     true},
	    {"https://a.invalid/", "\"resolve\": [\"a.invalid:443:127.0.0.1,[::1],127.0.0.2\"]",
	     "a.invalid:443", "127.0.0.1:443 [::1]:443 127.0.0.2:443", true},
	    {"https://a.invalid/", "\"resolve\": [\"a.invalid:80:127.0.0.1\", \"*:443:127.0.0.9\"]",
	     "a.invalid:443", "127.0.0.9:443", true},
	    {"https://a.invalid/",
	     "\"connect_to\": [\"::b.invalid:8443\"], \"resolve\": [\"b.invalid:8443:127.0.0.5\"]",
	     "b.invalid:8443", "127.0.0.5:8443", true},
	    {"https://a.invalid/", "\"resolve\": [\"a.invalid:443:169.254.169.254,127.0.0.1\"]",
	     "a.invalid:443", "127.0.0.1:443", true},
	    {"http://a.invalid/", "\"unix_socket\": \"/run/a.sock\"", "unix:/run/a.sock", "unix:/run/a.sock",
	     true},
	};
	char text[ROUTE_TEXT];

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		struct plan *p = plan_of(rows[i].url, rows[i].more);
		struct addresses found;
		struct sq_err err;

		is_str(route_text(p, text), rows[i].place, rows[i].more);
		ok(route_resolve(p, &found, &err) == 0, "  it has addresses");
		is_str(addresses(&found), rows[i].found, "  these");
		ok(route_fixed(p) == rows[i].fixed, "  and it is %s", rows[i].fixed ? "fixed" : "a name");
		plan_free(p);
	}
}

static void test_names(void)
{
	struct plan *p = plan_of("http://localhost/", "");
	struct addresses found;
	struct sq_err err;

	ok(!route_fixed(p), "a name may change");
	plan_free(p);
	p = plan_of("http://localhost/", "\"resolve\": [\"localhost:80:169.254.1.1\"]");
	ok(route_resolve(p, &found, &err) == -EPERM && found.count == 1, "a link-local address is refused");
	plan_free(p);
}

static void test_policy(void)
{
	static const struct {
		const char *list, *url, *more;
		bool allowed;
	} rows[] = {
	    {"http://a.invalid", "http://a.invalid/", "\"resolve\": [\"a.invalid:80:10.0.0.7\"]", false},
	    {"a.invalid", "http://a.invalid/", "\"resolve\": [\"a.invalid:80:10.0.0.7\"]", false},
	    {"10.0.0.0/8", "http://a.invalid/", "\"resolve\": [\"a.invalid:80:10.0.0.7\"]", true},
	    {"http://10.0.0.7", "http://a.invalid/", "\"resolve\": [\"a.invalid:80:10.0.0.7\"]", true},
	    {"http://10.0.0.7:81", "http://a.invalid/", "\"resolve\": [\"a.invalid:80:10.0.0.7\"]", false},
	    {"http://[::1]", "http://a.invalid/", "\"resolve\": [\"a.invalid:80:::1\"]", true},
	    {"http://a.invalid", "http://a.invalid/", "\"connect_to\": [\"::127.0.0.1:81\"]", false},
	    {"127.0.0.1:81", "http://a.invalid/", "\"connect_to\": [\"::127.0.0.1:81\"]", true},
	    {"http://a.invalid", "http://a.invalid/", "\"unix_socket\": \"/run/a.sock\"", false},
	    {"unix:/run/a.sock", "http://a.invalid/", "\"unix_socket\": \"/run/a.sock\"", true},
	    {"unix:/run/b.sock", "http://a.invalid/", "\"unix_socket\": \"/run/a.sock\"", false},
	};

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		struct plan *p = plan_of(rows[i].url, rows[i].more);
		struct policy *policy = NULL;
		struct addresses found;
		struct sq_err err = {.text = ""};
		int r;

		if (policy_new(LIST(rows[i].list), NULL, &policy, &err) < 0)
			exit(1);
		route_resolve(p, &found, NULL);
		r = route_filter(p, policy, &found, "gateway", &err);
		ok(r == (rows[i].allowed ? 0 : -EPERM) && (r == 0 || strstr(err.text, "allowed_targets")),
		   "%s, allowed %s: %s", rows[i].more, rows[i].list, r ? err.text : "yes");
		policy_free(policy);
		plan_free(p);
	}
}

int main(void)
{
	test_places();
	test_names();
	test_policy();
	return tap_done();
}
