/* test_plan_wire.c - the fields of a plan about connections: defaults, refusals, secrets, and when any one
 * allocation fails. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "plugins/common/limits.h"
#include "plugins/common/plan.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

#define CERT "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\\n"
#define KEY "-----BEGIN PRIVATE KEY-----\\nMC4C\\n-----END PRIVATE KEY-----\\n"

static const char everything[] =
    "{\"url\": \"https://a/\", \"timeouts_ms\": {\"dns\": 1, \"connect\": 2.5, \"tls\": 3, \"first_byte\": "
    "4, "
    "\"total\": 5}, \"requests_per_connection\": 7, \"dns_ttl_sec\": 1.5, \"tls\": {\"insecure\": true, "
    "\"ca\": \"" CERT "\", \"cert\": \"" CERT "\", \"key\": \"" KEY "\", \"resume\": true}, \"resolve\": "
    "[\"a:443:10.0.0.1,[::1]\", \"*:80:1.2.3.4\"], \"connect_to\": [\"a:443:b:8443\", \"::c:\"], "
    "\"unix_socket\": \"/run/x.sock\", \"allowed_targets\": [\"http://a\"]}";

static int read_plan(const char *text, struct plan **ret, struct plan_problems *problems)
{
	return plan_read_text(text, strlen(text), NULL, ret, NULL, problems);
}

static struct plan *accepted(const char *text)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;

	if (!ok(read_plan(text, &p, &problems) == 0, "accepted: %.60s", text)) {
		printf("# %s\n", problems.text.data ? problems.text.data : "");
		exit(1);
	}
	return p;
}

static void refused(const char *field, const char *value, const char *want)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;
	char text[512], name[128];

	snprintf(text, sizeof text, "{\"url\": \"http://a/\", \"%s\": %s}", field, value);
	snprintf(name, sizeof name, "refused: %.100s", text + 21);
	is_str(read_plan(text, &p, &problems) == -EINVAL ? problems.text.data : "accepted", want, name);
	plan_free(p);
	plan_problems_free(&problems);
}

static char *written(const struct plan *p, bool hide)
{
	struct json_object *doc = plan_write(p);
	char *text;

	if (hide)
		plan_hide_secrets(doc);
	text = strdup(
	    json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(doc);
	return text;
}

static void test_all(void)
{
	struct plan *p = accepted(everything), *q;
	const struct plan_wire *w = &p->wire;
	char *text = written(p, false), *again, *hidden = written(p, true);

	ok(w->dns == SQ_MS && w->connect == 2500 * SQ_US && w->tls == 3 * SQ_MS && w->first_byte == 4 * SQ_MS,
	   "each time limit");
	ok(p->timeout == 5 * SQ_MS && p->patience == p->timeout && p->drain == p->timeout,
	   "total is the timeout, which others follow");
	ok(w->requests_per_connection == 7 && w->dns_ttl == 1500 * SQ_MS, "numbers");
	ok(w->secure.insecure && w->secure.resume && strstr(w->secure.key, "MC4C"), "tls");
	is_str(w->resolve[1], "*:80:1.2.3.4", "resolve");
	is_str(w->connect_to[1], "::c:", "connect_to");
	is_str(w->unix_socket, "/run/x.sock", "unix_socket");
	is_str(w->allowed_targets[0], "http://a", "the address policy");
	q = accepted(text);
	again = written(q, false);
	is_str(again, text, "what is written reads the same");
	ok(strstr(text, "MC4C") && !strstr(text, "allowed_targets"), "the key is in it, the policy is not");
	ok(!strstr(hidden, "MC4C") && !strstr(hidden, "MIIB") && strstr(hidden, "(hidden)"),
	   "hidden: neither key nor certificates");
	free(text);
	free(again);
	free(hidden);
	plan_free(p);
	plan_free(q);
}

static void test_defaults(void)
{
	struct plan *p = accepted("{\"url\": \"https://a/\", \"timeout_ms\": 700}");
	char *text = written(p, false);

	ok(strstr(text,
	          "\"timeouts_ms\":{\"dns\":700,\"connect\":700,\"tls\":700,\"first_byte\":700,\"total\":"
	          "700}"),
	   "every step may take the timeout");
	ok(strstr(text,
	          "\"tls\":{\"insecure\":false,\"ca\":null,\"cert\":null,\"key\":null,\"resume\":false}"),
	   "verified, and each handshake a full one");
	ok(strstr(text, "\"resolve\":[],\"connect_to\":[],\"unix_socket\":null"), "nothing is bent");
	free(text);
	plan_free(p);
	p = accepted("{\"url\": \"https://a/\", \"timeout_ms\": 700, \"timeouts_ms\": {\"total\": 700}}");
	plan_free(p);
}

static void test_refusals(void)
{
	refused("timeouts_ms", "5",
	        "timeouts_ms: must be an object of milliseconds: dns, connect, tls, first_byte, total\n");
	refused("timeouts_ms", "{\"dsn\": 5}",
	        "timeouts_ms: \"dsn\" is not one of dns, connect, tls, first_byte, total\n");
	refused("timeouts_ms", "{\"dns\": 0}",
	        "timeouts_ms: dns must be a number of 1 .. 1800000 milliseconds\n");
	refused("timeouts_ms", "{\"tls\": \"5\"}",
	        "timeouts_ms: tls must be a number of 1 .. 1800000 milliseconds\n");
	refused("timeout_ms", "5, \"timeouts_ms\": {\"total\": 6}",
	        "timeouts_ms: total and timeout_ms are the same, and differ here\n");
	refused("tls", "true", "tls: must be an object: insecure, ca, cert, key, resume\n");
	refused("tls", "{\"verify\": true}",
	        "tls: \"verify\" is not one of insecure, ca, cert, key, resume\n");
	refused("tls", "{\"insecure\": 1}", "tls: insecure must be true or false\n");
	refused("tls", "{\"ca\": \"/etc/ca.pem\"}",
	        "tls: ca must be the text of a PEM file, at most 524288 bytes, not a file's name\n");
	refused("tls", "{\"cert\": \"" CERT "\"}", "tls: cert and key belong together: key is missing\n");
	refused("tls", "{\"key\": \"" CERT "\"}",
	        "tls: key must be the text of a PEM file, at most 65536 bytes, not a file's name\n");
	refused("resolve", "\"a:80:1.2.3.4\"", "resolve: must be a list of at most 64 texts\n");
	refused("resolve", "[\"a:80\"]",
	        "resolve: \"a:80\" is not an entry: write HOST:PORT:ADDRESS[,ADDRESS...]\n");
	refused("resolve", "[\"a:80:b\"]",
	        "resolve: \"a:80:b\" is not an entry: write HOST:PORT:ADDRESS[,ADDRESS...]\n");
	refused("resolve", "[\"a:80:10.0.0.0/8\"]",
	        "resolve: \"a:80:10.0.0.0/8\" is not an entry: write HOST:PORT:ADDRESS[,ADDRESS...]\n");
	refused("resolve", "[\"a:0:1.2.3.4\", 5]",
	        "resolve: \"a:0:1.2.3.4\" is not an entry: write HOST:PORT:ADDRESS[,ADDRESS...]\n"
	        "resolve: must be a list of texts of at most 1024 bytes\n");
	refused("connect_to", "[\"a:80:b\"]",
	        "connect_to: \"a:80:b\" is not an entry: write HOST1:PORT1:HOST2:PORT2\n");
	refused("connect_to", "[\"a:80:b:99999\"]",
	        "connect_to: \"a:80:b:99999\" is not an entry: write HOST1:PORT1:HOST2:PORT2\n");
	refused("connect_to", "[\"a:80:b:80:c\"]",
	        "connect_to: \"a:80:b:80:c\" is not an entry: write HOST1:PORT1:HOST2:PORT2\n");
	refused("unix_socket", "\"x.sock\"",
	        "unix_socket: must be the path of a socket, from / on, at most 107 bytes\n");
	refused("requests_per_connection", "-1", "requests_per_connection: -1 is outside 0 .. 1000000000\n");
}

static void test_limits(void)
{
	struct plan *p = accepted(everything);
	struct plan_problems problems = {0};

	limits_check(&(struct limits){0}, p, &problems);
	ok(problems.count == 1 && strstr(problems.text.data, "allowed_targets"),
	   "a plan that is posted cannot bring its own policy");
	plan_problems_free(&problems);
	plan_free(p);
}

static void test_policy(void)
{
	static const char *const allowed[] = {"10.0.0.0/8", "unix:/x", NULL};
	struct json_object *doc = json_object_new_object(), *list;

	ok(plan_put_policy(doc, allowed, "https://a:443/hit"), "an orchestrator adds its policy");
	list = json_object_object_get(doc, "allowed_targets");
	is_str(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
	       "[\"10.0.0.0/8\",\"unix:/x\",\"https://a\"]", "its list, and the origin of its target");
	json_object_put(doc);
}

static void test_memory(void)
{
	bool good = true;
	unsigned n;

	for (n = 1;; n++) {
		struct plan_problems problems = {0};
		struct plan *p = NULL;
		int r;

		failmalloc_after(n);
		r = read_plan(everything, &p, &problems);
		if (r == 0)
			plan_free(p);
		plan_problems_free(&problems);
		if (!failmalloc_stop())
			break;
		good &= r == -ENOMEM;
	}
	ok(good && n > 20, "%u failing allocations, all reported", n - 1);
}

int main(void)
{
	test_all();
	test_defaults();
	test_refusals();
	test_limits();
	test_policy();
	test_memory();
	return tap_done();
}
