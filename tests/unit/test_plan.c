/* test_plan.c - each field of a plan: its default, its range, its wrong types; and hostile plans. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "plugins/common/doc.h"
#include "plugins/common/plan.h"
#include "tests/tap.h"

#define TARGET "http://target:8000/hit"

static struct plan *accepted(const char *text, const char *default_url)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;
	int r = plan_read_text(text, strlen(text), default_url, &p, NULL, &problems);

	if (!ok(r == 0 && p && problems.count == 0, "accepted: %.100s", text)) {
		printf("# %s\n", problems.text.data ? problems.text.data : "");
		exit(1);
	}
	plan_problems_free(&problems);
	return p;
}

/* want: the whole text of all problems. */
static void refused_with(const char *text, size_t len, const char *default_url, const char *want)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;
	int r = plan_read_text(text, len, default_url, &p, NULL, &problems);
	char name[80];

	snprintf(name, sizeof name, "refused: %.60s", text);
	is_str(r == -EINVAL && !p ? problems.text.data : "accepted", want, name);
	if (problems.count != json_object_array_length(problems.list))
		ok(problems.count > 100, "all problems are listed");
	plan_problems_free(&problems);
	plan_free(p);
}

static void refused(const char *text, const char *want)
{
	refused_with(text, strlen(text), TARGET, want);
}

static void test_defaults(void)
{
	struct plan *p = accepted("{}", TARGET);
	struct json_object *doc = plan_write(p);

	is_str(
	    json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
	    "{\"name\":\"\",\"url\":\"http://target:8000/"
	    "hit\",\"headers\":{},\"body\":null,\"method\":\"POST\",\"mode\":\"open\",\"connections\":0,"
	    "\"think_ms\":0,\"stages\":[],\"max_requests\":0,\"hits_per_sec\":10,\"duration_sec\":60,"
	    "\"warmup_sec\":0,\"arrival\":\"uniform\",\"seed\":1,\"workers\":1,\"max_connections\":1000,"
	    "\"max_in_flight\":100000,\"timeout_ms\":30000,\"timeouts_ms\":{\"dns\":30000,\"connect\":30000,"
	    "\"tls\":30000,\"first_byte\":30000,\"total\":30000},\"patience_ms\":30000,\"drain_sec\":30,"
	    "\"expect_status\":0,\"checks\":[],\"requests\":[],\"data\":[],\"timer\":\"auto\","
	    "\"labels\":{},\"thresholds\":{},"
	    "\"auto_stop\":{\"error_rate\":0.9,\"window_sec\":60},\"on_worker_loss\":\"degrade\","
	    "\"secret_headers\":[],\"requests_per_connection\":0,"
	    "\"dns_ttl_sec\":30,\"tls\":{\"insecure\":false,\"ca\":null,\"cert\":null,\"key\":null,"
	    "\"resume\":false},"
	    "\"resolve\":[],\"connect_to\":[],\"unix_socket\":null}",
	    "every default has a value");
	json_object_put(doc);
	plan_free(p);

	p = accepted("{\"url\": null, \"workers\": null, \"stages\": null}", TARGET);
	ok(p->workers == 1, "null is as good as nothing");
	plan_free(p);
}

static void test_methods(void)
{
	static const struct {
		const char *plan, *method;
	} rows[] = {
	    {"{}", "POST"},
	    {"{\"url\": \"http://a/\"}", "GET"},
	    {"{\"url\": \"http://a/\", \"body\": \"\"}", "POST"},
	    {"{\"method\": \"GET\"}", "GET"},
	    {"{\"url\": \"http://a/\", \"body\": \"x\", \"method\": \"PUT\"}", "PUT"},
	    {"{\"method\": \"M-SEARCH\"}", "M-SEARCH"},
	};

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		struct plan *p = accepted(rows[i].plan, TARGET);

		is_str(p->method, rows[i].method, rows[i].method);
		plan_free(p);
	}
	refused("{\"method\": \"\"}", "method: is not a method: use letters, like GET\n");
	refused("{\"method\": \"G ET\"}", "method: is not a method: use letters, like GET\n");
	refused("{\"method\": \"GET\\r\\nX: y\"}", "method: is not a method: use letters, like GET\n");
	refused("{\"method\": \"GET\\u0000\"}", "method: is not a method: use letters, like GET\n");
	refused("{\"method\": \"G\\u00c9T\"}", "method: is not a method: use letters, like GET\n");
	refused("{\"method\": \"post\"}", "method: methods are case-sensitive; did you mean POST?\n");
	refused("{\"method\": \"CONNECT\"}", "method: CONNECT opens a tunnel, which is not supported\n");
	refused("{\"method\": 1}", "method: must be a string (GET, POST, PUT, ...)\n");
	refused("{\"method\": \"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG\"}",
	        "method: is 33 bytes long; the most is 32\n");
}

static void test_urls(void)
{
	struct plan *p = accepted("{\"url\": \"127.0.0.1:8080/a?b=c\"}", NULL);

	is_str(p->url.path, "/a?b=c", "path and query");
	is_str(p->url.authority, "127.0.0.1:8080", "authority");
	plan_free(p);
	refused("{\"url\": \"http://a/\\u0000b\"}", "url: has a NUL character\n");
	refused("{\"url\": 5}", "url: must be a string (http://host[:port][/path][?query])\n");
	refused("{\"url\": {}}", "url: must be a string (http://host[:port][/path][?query])\n");
	refused("{\"url\": \"ftp://a/\"}",
	        "url: \"ftp\" is not a scheme that can be loaded: use http:// or https://\n");
	refused_with("{}", 2, NULL, "url: is missing, and no default target is configured (TARGET_URL)\n");
	refused_with("{}", 2, "http://a:0/",
	             "url: \"0\" is not a port: use 1 .. 65535 (the configured TARGET_URL)\n");
}

/* One row for each number: its member, what it accepts, what is outside. */
static const struct number {
	const char *name;
	size_t off;
	const char *low, *high, *below, *above, *outside;
	int64_t low_value, high_value;
	bool whole;
} numbers[] = {
    {"hits_per_sec", offsetof(struct plan, rate), "0.000001", "10000000", "0", "10000000.000001",
     "0.000001 .. 10000000", 1, 10000000000000, false},
    {"duration_sec", offsetof(struct plan, duration), "0.001", "2592000", "0.000999999", "2592000.000000001",
     "0.001 .. 2592000", SQ_MS, 2592000 * SQ_S, false},
    {"workers", offsetof(struct plan, workers), "1", "10000", "0", "10001", "1 .. 10000", 1, 10000, true},
    {"max_connections", offsetof(struct plan, max_connections), "1", "1000000", "0", "1000001",
     "1 .. 1000000", 1, 1000000, true},
    {"max_in_flight", offsetof(struct plan, max_in_flight), "1", "1000000", "-1", "1000001", "1 .. 1000000",
     1, 1000000, true},
    {"timeout_ms", offsetof(struct plan, timeout), "1", "1800000", "0.999999", "1800000.000001",
     "1 .. 1800000", SQ_MS, 1800 * SQ_S, false},
    {"patience_ms", offsetof(struct plan, patience), "1", "1800000", "0.999999", "1800000.000001",
     "1 .. 1800000", SQ_MS, 1800 * SQ_S, false},
    {"drain_sec", offsetof(struct plan, drain), "0", "3600", "-0.000000001", "3600.000000001", "0 .. 3600", 0,
     3600 * SQ_S, false},
    {"expect_status", offsetof(struct plan, expect_status), "0", "999", "-1", "1000", "0 .. 999", 0, 999,
     true},
};

/* A test that is legal whatever the number: neither too many nor too few requests. */
static void with_number(char *out, size_t size, const char *name, const char *value)
{
	bool rate = strcmp(name, "hits_per_sec") == 0, duration = strcmp(name, "duration_sec") == 0;

	snprintf(out, size, "{\"%s\": %s%s%s}", name, value, rate ? "" : ", \"hits_per_sec\": 100000",
	         duration ? "" : ", \"duration_sec\": 1");
}

static void number_is(const struct number *n, const char *value, int64_t want)
{
	struct plan *p;
	char text[256];

	with_number(text, sizeof text, n->name, value);
	p = accepted(text, TARGET);
	is_int(*(int64_t *)((char *)p + n->off), want, n->name);
	plan_free(p);
}

static void number_refused(const struct number *n, const char *value, const char *why)
{
	char text[256], want[256];

	with_number(text, sizeof text, n->name, value);
	snprintf(want, sizeof want, "%s: %s\n", n->name, why);
	refused(text, want);
}

static void number_outside(const struct number *n, const char *value)
{
	char why[128];

	snprintf(why, sizeof why, "%s is outside %s", value, n->outside);
	number_refused(n, value, why);
}

static void test_numbers(void)
{
	for (size_t i = 0; i < SQ_LEN(numbers); i++) {
		static const char *const wrong[] = {"\"5\"", "true", "[]", "{}"};
		const struct number *n = &numbers[i];
		struct plan_problems problems = {0};
		struct plan *p;
		char text[256];

		number_is(n, n->low, n->low_value);
		number_is(n, n->high, n->high_value);
		number_outside(n, n->below);
		number_outside(n, n->above);
		number_outside(n, n->whole ? "-9223372036854775808" : "-1e308");
		for (size_t w = 0; w < SQ_LEN(wrong); w++) {
			with_number(text, sizeof text, n->name, wrong[w]);
			is_int(plan_read_text(text, strlen(text), TARGET, &p, NULL, &problems), -EINVAL,
			       text);
			ok(strstr(problems.text.data,
			          n->whole ? ": must be a whole number (" : ": must be a number ("),
			   "says what it must be");
			plan_problems_free(&problems);
		}
	}
}

static void test_exactness(void)
{
	static const struct number rate = {.name = "hits_per_sec", .off = offsetof(struct plan, rate)};
	static const struct number duration = {.name = "duration_sec",
	                                       .off = offsetof(struct plan, duration)};

	number_is(&rate, "0.1", 100000);
	number_is(&rate, "10007", 10007000000);
	number_is(&rate, "33.333333333333336", 33333333);
	number_is(&rate, "1e3", 1000000000);
	number_is(&duration, "0.3", 300000000);
	number_is(&duration, "2591999.999999999", 2592000 * SQ_S - 1);
	number_outside(&(struct number){.name = "hits_per_sec", .outside = "0.000001 .. 10000000"}, "1e400");
	number_refused(&(struct number){.name = "workers"}, "1.5",
	               "must be a whole number (number of workers)");
	number_refused(&(struct number){.name = "workers"}, "1e1",
	               "must be a whole number (number of workers)");
	number_refused(&(struct number){.name = "expect_status"}, "99",
	               "99 is not a status: use 100 .. 999, or 0 for any of 200-399");
}

/* Numbers that a program put into the document, not a text. */
static void test_programs(void)
{
	static const double absurd[] = {0.0 / 0.0, 1.0 / 0.0, -1.0 / 0.0};
	struct json_object *doc = json_object_new_object();
	struct plan_problems problems = {0};
	struct plan *p = NULL;

	json_object_object_add(doc, "hits_per_sec", json_object_new_double(0.1));
	is_int(plan_read(doc, TARGET, &p, &problems), 0, "a double is read");
	is_int(p->rate, 100000, "as exactly as it prints");
	plan_free(p);
	for (size_t i = 0; i < SQ_LEN(absurd); i++) {
		json_object_object_add(doc, "hits_per_sec", json_object_new_double(absurd[i]));
		is_int(plan_read(doc, TARGET, &p, &problems), -EINVAL, "NaN and infinity are refused");
		plan_problems_free(&problems);
	}
	json_object_put(doc);
}

static void test_derived(void)
{
	struct plan *p = accepted("{\"timeout_ms\": 250.5, \"max_connections\": 200000}", TARGET);

	is_int(p->patience, 250500 * SQ_US, "patience is the timeout");
	is_int(p->drain, 250500 * SQ_US, "so is drain");
	is_int(p->max_in_flight, 200000, "in flight at least one for each connection");
	plan_free(p);
	p = accepted("{\"timeout_ms\": 250, \"patience_ms\": 1, \"drain_sec\": 1.5, \"max_in_flight\": 7}",
	             TARGET);
	ok(p->patience == SQ_MS && p->drain == 1500 * SQ_MS && p->max_in_flight == 7,
	   "unless they are given");
	plan_free(p);
}

static void test_texts(void)
{
	char text[512], *body = malloc((1 << 20) + 64);
	struct plan *p = accepted(
	    "{\"name\": \"caf\\u00e9\", \"body\": \"a\\u0000b\", \"timer\": \"precise\"}", TARGET);

	is_str(p->name, "caf\xc3\xa9", "a name in UTF-8");
	ok(p->body_len == 3 && memcmp(p->body, "a\0b", 4) == 0, "a body with a NUL");
	is_int(p->timer, PLAN_TIMER_PRECISE, "timer");
	plan_free(p);
	snprintf(text, sizeof text, "{\"name\": \"%0129d\"}", 0);
	refused(text, "name: is 129 bytes long; the most is 128\n");
	refused("{\"name\": \"a\\nb\"}", "name: has a control character at byte 1\n");
	refused("{\"name\": 5}", "name: must be a string (a name for people)\n");
	refused("{\"body\": {\"a\": 1}}", "body: must be a string (text to send with each request)\n");
	refused("{\"timer\": \"fast\"}", "timer: must be one of auto, precise, balanced or economy\n");
	refused("{\"on_worker_loss\": \"retry\"}",
	        "on_worker_loss: must be one of abort, degrade or redistribute\n");
	refused("{\"timer\": 1}", "timer: must be one of auto, precise, balanced or economy\n");
	sprintf(body, "{\"body\": \"%0*d\"}", (1 << 20) + 1, 0);
	refused(body, "body: is 1048577 bytes long; the most is 1048576\n");
	sprintf(body, "{\"body\": \"%0*d\"}", 1 << 20, 0);
	p = accepted(body, TARGET);
	is_int(p->body_len, 1 << 20, "a body of 1 MiB");
	plan_free(p);
	free(body);
}

static void test_headers(void)
{
	static const struct {
		const char *headers, *want;
	} rows[] = {
	    {"\"a: b\"", "headers: must be an object of names and values\n"},
	    {"{\"X\": 5}", "headers: \"X\" must have a string as its value\n"},
	    {"{\"X\": null}", "headers: \"X\" must have a string as its value\n"},
	    {"{\"\": \"a\"}", "headers: \"\" is not a header name\n"},
	    {"{\"X Y\": \"a\"}", "headers: \"X Y\" is not a header name\n"},
	    {"{\"X:\": \"a\"}", "headers: \"X:\" is not a header name\n"},
	    {"{\"X\\r\\nY\": \"a\"}", "headers: \"X??Y\" is not a header name\n"},
	    {"{\"X\": \"a\\r\\nY: b\"}",
	     "headers: \"X\" has a line break or another control character in its value\n"},
	    {"{\"X\": \"a\\nb\"}",
	     "headers: \"X\" has a line break or another control character in its value\n"},
	    {"{\"X\": \"a\\u0000b\"}",
	     "headers: \"X\" has a line break or another control character in its value\n"},
	    {"{\"X-A\": \"1\", \"x-a\": \"2\"}", "headers: \"x-a\" is there twice\n"},
	    {"{\"content-length\": \"1\"}",
	     "headers: \"content-length\" cannot be set: it is computed from the body\n"},
	    {"{\"Transfer-Encoding\": \"chunked\"}", "headers: \"Transfer-Encoding\" cannot be set: it would "
	                                             "contradict the Content-Length that is sent\n"},
	    {"{\"Connection\": \"close\"}",
	     "headers: \"Connection\" cannot be set: connections are squall's to keep and close\n"},
	    {"{\"Expect\": \"100-continue\"}",
	     "headers: \"Expect\" cannot be set: requests do not wait for 100 Continue\n"},
	    {"{\"X-Squall-Test\": \"me\"}",
	     "headers: \"X-Squall-Test\" cannot be set: the target's count of this test goes by it\n"},
	    {"{\"TE\": \"trailers\", \"a b\": 1}",
	     "headers: \"TE\" cannot be set: it is about the connection, which "
	     "is squall's\nheaders: \"a b\" is not a header name\n"},
	};
	struct plan *p = accepted(
	    "{\"headers\": {\"Host\": \"a.example\", \"Accept\": \"*/*\", \"X-Tab\": \"a\\tb\"}}", TARGET);
	char text[20000];

	is_int(p->header_count, 3, "three headers");
	ok(strcmp(p->headers[1].name, "Accept") == 0 && strcmp(p->headers[1].value, "*/*") == 0,
	   "in their order");
	plan_free(p);
	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		snprintf(text, sizeof text, "{\"headers\": %s}", rows[i].headers);
		refused(text, rows[i].want);
	}
	snprintf(text, sizeof text, "{\"headers\": {\"X\": \"%016384d\"}}", 0);
	refused(text, "headers: are 16385 bytes long; the most is 16384\n");
	strcpy(text, "{\"headers\": {");
	for (int i = 0; i < 65; i++)
		sprintf(text + strlen(text), "%s\"H%d\": \"\"", i ? ", " : "", i);
	strcat(text, "}}");
	refused(text, "headers: are 65; the most is 64\n");
}

/* What is written is what was read, whatever its form. */
static void rewritten(const char *plan, const char *field, const char *want)
{
	struct plan *p = accepted(plan, TARGET);
	struct json_object *doc = plan_write(p);
	const int format = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;

	is_str(json_object_to_json_string_ext(json_object_object_get(doc, field), format), want, plan);
	json_object_put(doc);
	plan_free(p);
}

static void test_labels(void)
{
	char text[2048] = "{\"labels\": {";

	rewritten("{\"labels\": {\"team\": \"a b\", \"build.no_1-x\": \"\"}}", "labels",
	          "{\"team\":\"a b\",\"build.no_1-x\":\"\"}");
	rewritten("{\"labels\": {\"wer\": \"J\u00fcrgen\"}}", "labels", "{\"wer\":\"J\u00fcrgen\"}");
	refused("{\"labels\": []}", "labels: must be an object of names and texts\n");
	refused("{\"labels\": {\"a b\": \"\"}}",
	        "labels: \"a b\" is not a name: use 1 .. 64 letters, digits, . _ and -\n");
	refused("{\"labels\": {\"\": \"\"}}",
	        "labels: \"\" is not a name: use 1 .. 64 letters, digits, . _ and -\n");
	refused("{\"labels\": {\"a\": 1, \"b\": null}}", "labels: \"a\" must have a string as its value\n"
	                                                 "labels: \"b\" must have a string as its value\n");
	refused("{\"labels\": {\"a\": \"x\\ny\"}}", "labels: \"a\" has a control character in its value\n");
	for (int i = 0; i < 33; i++)
		sprintf(text + strlen(text), "%s\"l%d\": \"\"", i ? ", " : "", i);
	strcat(text, "}}");
	refused(text, "labels: are 33; the most is 32\n");
}

static void test_thresholds(void)
{
	rewritten("{\"thresholds\": {\"http_req_duration\": [\"p(99)<250\", {\"threshold\": \" max < 1s\"}], "
	          "\"http_req_failed\": \"rate<1%\"}}",
	          "thresholds",
	          "{\"http_req_duration\":[\"p(99)<250\",\"max < 1s\"],\"http_req_failed\":[\"rate<1%\"]}");
	rewritten("{\"thresholds\": [\"p(99)<250\", \"http_reqs rate>=9\", {\"threshold\": \"avg<5\", "
	          "\"abortOnFail\": true, \"delayAbortEval\": \"1m\", \"window\": \"1.5s\"}]}",
	          "thresholds",
	          "{\"http_req_response_time\":[\"p(99)<250\",{\"threshold\":\"avg<5\",\"abortOnFail\":true,"
	          "\"delayAbortEval\":\"60s\",\"window\":\"1.5s\"}],\"http_reqs\":[\"rate>=9\"]}");
	refused("{\"thresholds\": {\"checks\": \"rate>0.9\"}}",
	        "thresholds: checks: the plan has no checks\n");
	plan_free(accepted("{\"thresholds\": {\"checks\": \"rate>0.9\"}, \"checks\": [{\"status\": 200}]}",
	                   TARGET));
	plan_free(accepted("{\"thresholds\": {\"checks\": \"rate>0.9\"}, \"requests\": [{\"name\": \"r\", "
	                   "\"checks\": [{\"status\": 200}]}]}",
	                   TARGET));
	refused("{\"thresholds\": 5}",
	        "thresholds: must be an object of metrics with lists of expressions\n");
	refused("{\"thresholds\": {\"http_req_duration\": [5, \"x<1\"]}}",
	        "thresholds: a threshold must be a text like \"p(99)<250\"\n"
	        "thresholds: \"x<1\" begins with none of avg, min, med, max, p(N), rate and count\n");
	refused("{\"thresholds\": [{\"threshold\": \"avg<1\", \"abortOnFail\": 1, \"delayAbortEval\": 10, "
	        "\"window\": \"10\", \"abortonfail\": true}]}",
	        "thresholds: \"abortonfail\" is not a member of a threshold; did you mean abortOnFail?\n"
	        "thresholds: abortOnFail must be true or false\n"
	        "thresholds: delayAbortEval must be a time of 0s .. 1h with its unit, like \"10s\"\n"
	        "thresholds: window must be a time of 1s .. 1h with its unit, like \"10s\"\n");
}

static void test_stops(void)
{
	struct plan *p = accepted("{\"auto_stop\": false, \"on_worker_loss\": \"abort\"}", TARGET);

	ok(p->auto_stop.off && p->on_worker_loss == PLAN_LOSS_ABORT, "off, and abort");
	plan_free(p);
	rewritten("{\"auto_stop\": true}", "auto_stop", "{\"error_rate\":0.9,\"window_sec\":60}");
	rewritten("{\"auto_stop\": {\"window_sec\": 1.5}}", "auto_stop",
	          "{\"error_rate\":0.9,\"window_sec\":1.5}");
	rewritten("{\"auto_stop\": {\"error_rate\": 1}}", "auto_stop",
	          "{\"error_rate\":1,\"window_sec\":60}");
	rewritten("{\"auto_stop\": false}", "auto_stop", "false");
	refused("{\"auto_stop\": \"no\"}",
	        "auto_stop: must be false, or an object like {\"error_rate\": 0.9, \"window_sec\": 60}\n");
	refused("{\"auto_stop\": {\"error_rate\": 90, \"window_sec\": \"60s\", \"x\": 1}}",
	        "auto_stop: error_rate must be a number, above 0 and at most 1\n"
	        "auto_stop: window_sec must be a number, 1 .. 3600\n"
	        "auto_stop: \"x\" is not error_rate or window_sec\n");
	refused("{\"on_worker_loss\": \"retry\"}",
	        "on_worker_loss: must be one of abort, degrade or redistribute\n");
	rewritten("{\"on_worker_loss\": \"redistribute\"}", "on_worker_loss", "\"redistribute\"");
}

static void test_secrets(void)
{
	struct json_object *doc = json_tokener_parse(
	    "{\"headers\": {\"X-Api-Key\": \"k\", \"cookie\": \"c\", \"Accept\": \"a\"}, "
	    "\"secret_headers\": [7, \"x-api-KEY\"]}");

	ok(plan_hide_secrets(doc), "hidden");
	is_str(json_object_to_json_string_ext(json_object_object_get(doc, "headers"), JSON_C_TO_STRING_PLAIN),
	       "{\"X-Api-Key\":\"(hidden)\",\"cookie\":\"(hidden)\",\"Accept\":\"a\"}",
	       "what is secret by itself, or by the list");
	json_object_put(doc);
	rewritten("{\"headers\": {\"X-Key\": \"k\"}, \"secret_headers\": [\"x-key\"]}", "secret_headers",
	          "[\"x-key\"]");
	refused("{\"secret_headers\": \"Cookie\"}", "secret_headers: must be a list of names of headers\n");
	refused("{\"secret_headers\": [\"a b\", 1]}", "secret_headers: must be a list of names of headers\n"
	                                              "secret_headers: must be a list of names of headers\n");
	refused("{\"headers\": {\"X-Key\": \"k\"}, \"secret_headers\": [\"X-Kye\"]}",
	        "secret_headers: \"X-Kye\" is not one of the headers\n");
	rewritten("{\"requests\": [{\"name\": \"r\", \"headers\": {\"X-Key\": \"k\"}}], "
	          "\"secret_headers\": [\"x-key\"]}",
	          "secret_headers", "[\"x-key\"]");
	doc = json_tokener_parse("{\"requests\": [{\"headers\": {\"X-Key\": \"k\", \"COOKIE\": \"c\", "
	                         "\"A\": \"a\"}}, 7, {\"headers\": 7}], \"secret_headers\": [\"x-key\"]}");
	ok(plan_hide_secrets(doc), "hidden");
	is_str(
	    json_object_to_json_string_ext(json_object_object_get(doc, "requests"), JSON_C_TO_STRING_PLAIN),
	    "[{\"headers\":{\"X-Key\":\"(hidden)\",\"COOKIE\":\"(hidden)\",\"A\":\"a\"}},7,{\"headers\":7}]",
	    "and those of requests");
	json_object_put(doc);
}

/* What is about the machine of who wrote the plan. */
static void test_local(void)
{
	static const char env[] =
	    "{{env NAME}} is for plans that squall run reads: put the value in its place\n";
	struct plan *p = accepted("{\"body\": \"@@x\"}", TARGET);
	char want[600];

	ok(p->body_len == 2 && strcmp(p->body, "@x") == 0, "@@x is @x");
	plan_free(p);
	rewritten("{\"body\": \"@@x\"}", "body", "\"@@x\"");
	rewritten("{\"body\": \"@@\"}", "body", "\"@@\"");
	p = accepted("{\"requests\": [{\"name\": \"r\", \"body\": \"@@x\"}]}", TARGET);
	is_str(p->requests[0].body, "@x", "of a request as well");
	plan_free(p);
	p = accepted("{\"body\": \"@@x\", \"requests\": [{\"name\": \"r\"}]}", TARGET);
	is_str(p->requests[0].body, "@x", "and once when it is inherited");
	plan_free(p);
	refused("{\"requests\": [{\"name\": \"r\", \"body\": \"@x\"}]}",
	        "requests.r.body: @FILE is for plans that squall run reads; a body that begins with @ is "
	        "written @@\n");
	rewritten("{\"body\": \"{{{{env X}}\"}", "body", "\"{{{{env X}}\"");
	rewritten("{\"body\": \"x@y {{seq}} {{uuid}} {{random 1 6}}\"}", "body",
	          "\"x@y {{seq}} {{uuid}} {{random 1 6}}\"");
	refused("{\"body\": \"@x\"}",
	        "body: @FILE is for plans that squall run reads; a body that begins with @ is written @@\n");
	refused("{\"body\": \"@\"}",
	        "body: @FILE is for plans that squall run reads; a body that begins with @ is written @@\n");
	snprintf(want, sizeof want, "name: %sheaders: %sbody: %s", env, env, env);
	refused("{\"name\": \"{{env X}}\", \"headers\": {\"A\": \"b{{  env\\tX}}\"}, "
	        "\"body\": \"{{env}\", \"labels\": {\"a\": \"{{env\"}}",
	        want);
}

static void test_names(void)
{
	refused("{\"hits_per_second\": 1}",
	        "hits_per_second: is not a field of a plan; did you mean hits_per_sec?\n");
	refused("{\"worker\": 1}", "worker: is not a field of a plan; did you mean workers?\n");
	refused("{\"\": 1}", ": is not a field of a plan\n");
	refused("{\"zebra crossing\": 1}", "zebra crossing: is not a field of a plan\n");
	refused("{\"\\u001b[31m\": 1}", "?[31m: is not a field of a plan\n");
}

/* What only shows when fields are seen together. */
static void test_together(void)
{
	refused("{\"hits_per_sec\": 10000000, \"duration_sec\": 2592000}",
	        "hits_per_sec: 25,920,000,000,000 requests in duration_sec are more than a test may have "
	        "(1,000,000,000,000)\n");
	refused("{\"hits_per_sec\": 0.5, \"duration_sec\": 10, \"workers\": 6}",
	        "workers: 6 workers are too many for 5 requests in all\n");
	plan_free(accepted("{\"hits_per_sec\": 0.5, \"duration_sec\": 10, \"workers\": 5}", TARGET));
	refused("{\"hits_per_sec\": 0, \"workers\": \"2\", \"url\": \"ftp://x\", "
	        "\"pace\": 1, "
	        "\"method\": \"a b\"}",
	        "pace: is not a field of a plan\n"
	        "url: \"ftp\" is not a scheme that can be loaded: use http:// or https://\n"
	        "method: is not a method: use letters, like GET\n"
	        "hits_per_sec: 0 is outside 0.000001 .. 10000000\n"
	        "workers: must be a whole number (number of workers)\n");
}

static void test_json(void)
{
	struct plan_problems problems = {0};
	struct json_object *doc = NULL;
	char *big = calloc(1, PLAN_TEXT_MAX + 2);
	struct plan *p = NULL;

	refused("[]", "plan: must be a JSON object, like {\"hits_per_sec\": 10}\n");
	refused("null", "plan: must be a JSON object, like {\"hits_per_sec\": 10}\n");
	refused("5", "plan: must be a JSON object, like {\"hits_per_sec\": 10}\n");
	refused("", "plan: is not JSON: it ends too early at byte 0\n");
	refused("{\"workers\": 1", "plan: is not JSON: it ends too early at byte 13\n");
	refused("{} {}", "plan: is not JSON: unexpected character at byte 3\n");
	refused_with("{}\0", 3, TARGET, "plan: is not JSON: something follows it at byte 2\n");
	plan_free(accepted("{} \r\n", TARGET));
	ok(plan_read_text("{\"name\": \"\xff\"}", 13, TARGET, &p, NULL, &problems) == -EINVAL, "not UTF-8");
	plan_problems_free(&problems);
	ok(plan_read_text("{\"hits_per_sec\": NaN}", 21, TARGET, &p, NULL, &problems) == -EINVAL, "NaN");
	plan_problems_free(&problems);
	memset(big, '[', 1000);
	ok(plan_read_text(big, 1000, TARGET, &p, NULL, &problems) == -EINVAL, "a thousand brackets");
	ok(strstr(problems.text.data, "plan: is not JSON: nesting too deep"), "say so");
	plan_problems_free(&problems);
	memset(big, ' ', PLAN_TEXT_MAX + 1);
	refused_with(big, PLAN_TEXT_MAX + 1, TARGET, "plan: is 2097153 bytes long; the most is 2097152\n");
	is_int(plan_read_text("{\"workers\": 2}", 14, TARGET, &p, &doc, &problems), 0,
	       "read with its document");
	is_str(json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN), "{\"workers\":2}",
	       "as it was given");
	plan_free(p);
	json_object_put(doc);

	strcpy(big, "{");
	for (int i = 0; i < 1000; i++)
		sprintf(big + strlen(big), "%s\"unknown field %d\": 1", i ? "," : "", i);
	strcat(big, "}");
	is_int(plan_read_text(big, strlen(big), TARGET, &p, NULL, &problems), -EINVAL,
	       "a thousand unknown fields");
	ok(problems.count == 1000 && json_object_array_length(problems.list) == 100, "a hundred are listed");
	ok(strstr(problems.text.data, "plan: there are more problems, which are not listed\n"),
	   "and it is said");
	plan_problems_free(&problems);
	free(big);
}

static void test_unknown(void)
{
	static const char text[] = "{\"a\":1,\"hits_per_sec\":5,\"b\":{},\"workers\":null,\"c\":null}";
	struct json_object *doc = NULL;
	struct buf names = {0};
	size_t len;

	doc_parse((struct sq_slice){text, sizeof text - 1}, 4, &doc, NULL);
	plan_drop_unknown(doc, &names);
	is_str(names.data, "a, b, c", "what no plan has is named");
	is_str(doc_text(doc, &len), "{\"hits_per_sec\":5,\"workers\":null}", "and gone, and nothing else");
	json_object_put(doc);
	buf_free(&names);
}

static void test_round_trip(void)
{
	static const char full[] =
	    "{\"name\":\"n\",\"url\":\"http://[::1]:81/p?q\",\"headers\":{\"A\":\"b\"},\"body\":\"x\\u0000\","
	    "\"method\":\"PUT\",\"mode\":\"open\",\"connections\":0,\"think_ms\":0,\"stages\":[],"
	    "\"max_requests\":7,\"hits_per_sec\":33.333333,\"duration_sec\":0.001000001,"
	    "\"warmup_sec\":0.5,\"arrival\":\"poisson\",\"seed\":9,\"workers\":1,"
	    "\"max_connections\":3,\"max_in_flight\":4,\"timeout_ms\":1.5,\"timeouts_ms\":{\"dns\":2,"
	    "\"connect\":3,\"tls\":4,\"first_byte\":5,\"total\":1.5},\"patience_ms\":1.000001,"
	    "\"drain_sec\":0,\"expect_status\":204,\"checks\":[{\"status\":204},{\"status\":\"200-299\"},"
	    "{\"header\":\"A\",\"contains\":\"b\"},{\"header\":\"B\"},{\"body\":\"ok\"},"
	    "{\"min_bytes\":1,\"max_bytes\":9},{\"max_ms\":0.25}],"
	    "\"requests\":[{\"name\":\"r\",\"weight\":3,\"method\":\"GET\",\"path\":\"/{{row.id}}\","
	    "\"headers\":{\"C\":\"{{seq}}\"},\"body\":null,\"expect_status\":0,\"checks\":[{\"body\":\"x\"}]}"
	    ","
	    "{\"name\":\"s\",\"weight\":1,\"method\":\"POST\",\"path\":\"/s\",\"headers\":{},"
	    "\"body\":\"{{uuid}}\",\"expect_status\":204,\"checks\":[]}],"
	    "\"data\":[{\"id\":\"1\"},{\"id\":\"2\"}],\"timer\":\"economy\",\"labels\":{\"a\":\"b\"},"
	    "\"thresholds\":{\"http_reqs\":[\"count>1\"]},\"auto_stop\":false,\"on_worker_loss\":"
	    "\"redistribute\","
	    "\"secret_headers\":[\"A\"],"
	    "\"requests_per_connection\":6,"
	    "\"dns_ttl_sec\":7,\"tls\":{\"insecure\":true,\"ca\":null,\"cert\":null,\"key\":null,"
	    "\"resume\":true},\"resolve\":[\"a:80:1.2.3.4\"],\"connect_to\":[\"::b:\"],"
	    "\"unix_socket\":\"/x\"}";
	struct plan *p = accepted(full, NULL);
	struct json_object *doc = plan_write(p);

	is_str(json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
	       full, "what was read is what is written");
	json_object_put(doc);
	plan_free(p);
}

int main(void)
{
	test_unknown();
	test_defaults();
	test_methods();
	test_urls();
	test_numbers();
	test_exactness();
	test_programs();
	test_derived();
	test_texts();
	test_headers();
	test_local();
	test_labels();
	test_thresholds();
	test_stops();
	test_secrets();
	test_names();
	test_together();
	test_json();
	test_round_trip();
	return tap_done();
}
