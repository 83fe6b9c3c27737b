/* test_result.c - the result document member by member, its verdicts and its exit codes. */
#include <json-c/json.h>
#include <stdlib.h>

#include "core/base/result_exit.h"
#include "plugins/common/result.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

static const struct health healthy = {.elapsed = 12 * SQ_S,
                                      .cpu = 90 * SQ_MS,
                                      .throttled = -1,
                                      .run_queue = 120 * SQ_MS,
                                      .steal = 0,
                                      .loop_lag_p99 = 20 * SQ_US,
                                      .retransmits = 1,
                                      .segments = 10000};

static struct plan *some_plan(void)
{
	static const char text[] =
	    "{\"name\": \"n\", \"hits_per_sec\": 500, \"duration_sec\": 10, \"headers\": "
	    "{\"authorization\": \"Bearer abc\", \"Accept\": \"*/*\"}}";
	struct plan_problems problems = {0};
	struct plan *p = NULL;

	if (plan_read_text(text, sizeof text - 1, "http://t/hit", &p, NULL, &problems) < 0)
		exit(1);
	return p;
}

/* Request k of a run that takes 1 ms each: picked up at once, sent 10 us later. */
static struct request_times sent(struct books *b)
{
	struct request_times r = {0};
	int64_t due = SQ_S + (int64_t)b->picked * 2 * SQ_MS;

	books_due(b, &r, b->picked, due, due);
	books_sent(b, &r, due + 10 * SQ_US, b->picked > 1);
	b->bytes_sent += 100;
	b->bytes_received += 200;
	return r;
}

static void answer(struct books *b, unsigned n, int status, bool ok)
{
	static const struct sample seen = {
	    .status = 503, .address = "127.0.0.1:80", .what = "", .body = "no \xc3\xa9 \xff!", .body_len = 8};

	for (unsigned i = 0; i < n; i++) {
		struct request_times r = sent(b);

		books_first_byte(b, &r, r.sent + SQ_MS);
		books_answered(b, &r, r.sent + SQ_MS + 500, status, ok, true, ok ? NULL : &seen);
	}
}

static struct books *clean_books(void)
{
	struct books *b = books_new(SQ_S);

	books_connected(b, -1, 90 * SQ_US, -1);
	answer(b, 5000, 200, true);
	return b;
}

static struct result_input input(const struct plan *p, const struct books *b)
{
	return (struct result_input){
	    .test_id = "7f3k",
	    .state = "completed",
	    .plan = p,
	    .books = b,
	    .health = &healthy,
	    .submitted = 1795426200123,
	    .started = 1795426201000,
	    .elapsed = 10 * SQ_S,
	    .planned = 1,
	    .armed = 1,
	    .reported = 1,
	    .clock_error = -1,
	    .start_skew = -1,
	    .audit = "n/a",
	};
}

/* A member by its path, "latency_ms/service/p99" or "samples/errors/http/0". */
static struct json_object *at(struct json_object *doc, const char *path)
{
	char copy[128];

	snprintf(copy, sizeof copy, "%s", path);
	for (char *name = strtok(copy, "/"); name; name = strtok(NULL, "/"))
		doc = json_object_is_type(doc, json_type_array)
		          ? json_object_array_get_idx(doc, strtoul(name, NULL, 10))
		          : json_object_object_get(doc, name);
	return doc;
}

static void is(struct json_object *doc, const char *path, const char *want)
{
	is_str(json_object_to_json_string_ext(at(doc, path),
	                                      JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
	       want, path);
}

static void check_head(struct json_object *doc)
{
	is(doc, "schema", "\"squall.result/1\"");
	is(doc, "test_id", "\"7f3k\"");
	is(doc, "name", "\"n\"");
	is(doc, "state", "\"completed\"");
	is(doc, "reason", "null");
	is(doc, "history", "[]");
	is(doc, "verdict", "\"pass\"");
	is(doc, "validity", "{\"reasons\":[],\"status\":\"valid\"}");
	is(doc, "submitted_at", "\"2026-11-23T09:30:00.123Z\"");
	is(doc, "ended_at", "null");
	is(doc, "elapsed_ms", "10000");
	is(doc, "workers", "{\"planned\":1,\"armed\":1,\"reported\":1,\"lost\":[]}");
	is(doc, "ledger/scheduled", "5000");
	is(doc, "ledger/balanced", "true");
	is(doc, "audit", "{\"status\":\"n/a\",\"sent\":5000,\"counted\":null}");
	is(doc, "rate", "{\"offered\":500,\"sent\":500,\"ok\":500}");
	is(doc, "saturation", "{\"who\":\"none\"}");
	is(doc, "status", "{\"200\":5000}");
	is(doc, "connections", "{\"opened\":1,\"reused\":4999,\"tls_full\":0,\"tls_resumed\":0}");
	is(doc, "bytes", "{\"sent\":500000,\"received\":1000000}");
	is(doc, "requests", "{}");
	is(doc, "thresholds", "[]");
}

static void check_measurements(struct json_object *doc)
{
	is(doc, "latency_ms/lag/max", "0.01");
	is(doc, "latency_ms/service/min", "1.0005");
	is(doc, "latency_ms/response",
	   "{\"count\":5000,\"censored\":0,\"min\":1.0105,\"mean\":1.0105,\"p50\":1.0105,\"p90\":1.0105,"
	   "\"p95\":1.0105,"
	   "\"p99\":1.0105,\"p99_9\":1.0105,\"p99_99\":null,\"max\":1.0105}");
	is(doc, "phases_ms/receive/max", "0.0005");
	is(doc, "phases_ms/connect/count", "1");
	is(doc, "phases_ms/tls",
	   "{\"count\":0,\"censored\":0,\"min\":null,\"mean\":null,\"p50\":null,\"p90\":null,\"p95\":null,"
	   "\"p99\":null,"
	   "\"p99_9\":null,\"p99_99\":null,\"max\":null}");
	is(doc, "generator",
	   "{\"cpu_us_per_request\":18,\"requests_per_core_second\":55555.556,\"cpu_percent\":0.75,"
	   "\"throttled_percent\":null,\"run_queue_percent\":1,\"steal_percent\":0,\"retransmit_percent\":0."
	   "01,"
	   "\"loop_lag_p99_ms\":0.02,\"start_skew_ms\":null,\"clock_error_ms\":null}");
	is(doc, "samples/slowest/0",
	   "{\"offset_ms\":0,\"response_ms\":1.0105,\"service_ms\":1.0005,\"phases_ms\":{\"pickup\":0,"
	   "\"wait\":0.01,"
	   "\"dns\":null,\"connect\":null,\"tls\":null,\"first_byte\":1,\"receive\":0.0005},\"status\":null,"
	   "\"request\":null,\"worker\":null,\"address\":\"\",\"what\":\"\",\"body\":"
	   "\"\"}");
	is(doc, "samples/errors",
	   "{\"reset\":[],\"timeout\":[],\"protocol\":[],\"http\":[],\"check\":[],\"unsent\":[]}");
	is_int(json_object_array_length(at(doc, "samples/slowest")), 10, "the slowest ten");
}

static void test_members(void)
{
	static const char *const order[] = {
	    "schema",   "test_id",    "name",       "state",          "reason",       "history",
	    "verdict",  "validity",   "plan",       "effective_plan", "submitted_at", "started_at",
	    "ended_at", "elapsed_ms", "workers",    "ledger",         "audit",        "rate",
	    "warmup",   "saturation", "latency_ms", "phases_ms",      "status",       "connections",
	    "bytes",    "requests",   "samples",    "thresholds",     "generator",
	};
	struct plan *p = some_plan();
	struct books *b = clean_books();
	struct result_input in = input(p, b);
	struct json_object *doc = result_write(&in);
	struct json_object_iter it;
	size_t n = 0;

	json_object_object_foreachC(doc, it)
	{
		is_str(it.key, n < SQ_LEN(order) ? order[n] : "nothing more", "a member in its place");
		n++;
	}
	is_int(n, SQ_LEN(order), "all members are there");
	check_head(doc);
	check_measurements(doc);
	json_object_put(doc);
	books_free(b);
	plan_free(p);
}

static void test_failing(void)
{
	struct plan *p = some_plan();
	struct books *b = books_new(SQ_S);
	struct result_input in = input(p, b);
	struct json_object *doc;
	struct request_times r;

	answer(b, 4999, 503, false);
	r = sent(b);
	books_broken(b, &r, r.sent + 30 * SQ_S, ERROR_TIMEOUT, NULL);
	in.audit = "within";
	in.audit_counted = 4998;
	doc = result_write(&in);
	is(doc, "verdict", "\"fail\"");
	is(doc, "ledger/http_error", "{\"503\":4999}");
	is(doc, "ledger/error/timeout", "1");
	is(doc, "rate/ok", "0");
	is(doc, "audit", "{\"status\":\"within\",\"sent\":5000,\"counted\":4998}");
	is(doc, "latency_ms/service/censored", "1");
	is(doc, "samples/errors/http/0/status", "503");
	is(doc, "samples/errors/http/0/address", "\"127.0.0.1:80\"");
	is(doc, "samples/errors/http/0/body", "\"no \xc3\xa9 ?!\"");
	is(doc, "samples/errors/timeout/0/phases_ms/first_byte", "null");
	is(doc, "samples/errors/timeout/0/status", "null");
	is_int(result_exit_code(doc, false, false), 99, "no ok response: 99");
	json_object_put(doc);
	books_free(b);
	plan_free(p);
}

static void test_secrets(void)
{
	struct plan *p = some_plan();
	struct books *b = clean_books();
	struct result_input in = input(p, b);
	struct json_object *given = json_tokener_parse(
	    "{\"headers\": {\"COOKIE\": \"abc\"}, \"workers\": 1}");
	struct json_object *doc;

	in.plan_as_given = given;
	doc = result_write(&in);
	is(doc, "plan", "{\"headers\":{\"COOKIE\":\"(hidden)\"},\"workers\":1}");
	is(doc, "effective_plan/headers", "{\"authorization\":\"(hidden)\",\"Accept\":\"*/*\"}");
	is(given, "headers/COOKIE", "\"abc\"");
	ok(!strstr(json_object_to_json_string(doc), "abc"), "no secret is anywhere in the document");
	json_object_put(doc);
	json_object_put(given);
	books_free(b);
	plan_free(p);
}

/* A run that ended before it began, as when the target cannot be reached. */
static void test_empty(void)
{
	static const struct health unknown = {0, -1, -1, -1, -1, -1, -1, -1, 0, 0};
	struct plan *p = some_plan();
	struct books *b = books_new(0);
	struct result_input in = input(p, b);
	struct json_object *doc;

	in.state = "failed";
	in.reason = "target_unreachable";
	in.health = &unknown;
	in.elapsed = 0;
	doc = result_write(&in);
	is(doc, "verdict", "\"none\"");
	is(doc, "reason", "\"target_unreachable\"");
	is(doc, "rate", "{\"offered\":null,\"sent\":null,\"ok\":null}");
	is(doc, "generator/cpu_us_per_request", "null");
	is(doc, "validity/status", "\"valid\"");
	is(doc, "ledger/balanced", "true");
	is_int(result_exit_code(doc, false, false), 97, "failed: 97");
	json_object_put(doc);
	books_free(b);
	plan_free(p);
}

/* Stopped after 4 s of 10: what was asked until then is what is offered. */
static void test_cancelled(void)
{
	struct plan *p = some_plan();
	struct books *b = books_new(SQ_S);
	struct result_input in = input(p, b);
	struct json_object *doc;

	answer(b, 2000, 200, true);
	books_dropped_many(b, 3000, DROPPED_ABORTED);
	in.state = "cancelled";
	in.elapsed = 4 * SQ_S;
	doc = result_write(&in);
	is(doc, "rate", "{\"offered\":500,\"sent\":500,\"ok\":500}");
	is(doc, "ledger/dropped/aborted", "3000");
	is(doc, "validity/status", "\"valid\"");
	is(doc, "verdict", "\"none\"");
	is_int(result_exit_code(doc, false, true), 97, "cancelled: 97");
	json_object_put(doc);
	books_free(b);
	plan_free(p);
}

/* Stopped 1.5 requests after the start: the rate asked for is still that of the plan. */
static void test_cancelled_soon(void)
{
	struct plan *p = some_plan();
	struct books *b = books_new(SQ_S);
	struct result_input in = input(p, b);
	struct json_object *doc;

	answer(b, 1, 200, true);
	books_dropped_many(b, 4999, DROPPED_ABORTED);
	in.state = "cancelled";
	in.elapsed = 3 * SQ_MS;
	doc = result_write(&in);
	is(doc, "rate", "{\"offered\":500,\"sent\":250,\"ok\":250}");
	json_object_put(doc);
	books_free(b);
	plan_free(p);
}

/* The last ones were sent when twice the time was over: half the rate, of all that was asked. */
static void test_overrun(void)
{
	struct plan *p = some_plan();
	struct books *b = books_new(SQ_S);
	struct result_input in = input(p, b);
	struct json_object *doc;

	answer(b, 5000, 200, true);
	in.elapsed = 20 * SQ_S;
	doc = result_write(&in);
	is(doc, "rate", "{\"offered\":500,\"sent\":250,\"ok\":250}");
	json_object_put(doc);
	books_free(b);
	plan_free(p);
}

static void verdict_is(const struct health *h, bool close, const char *verdict, const char *balanced)
{
	struct plan *p = some_plan();
	struct books *b = clean_books();
	struct result_input in = input(p, b);
	struct json_object *doc;

	in.health = h;
	b->hist[H_WAIT]->count += !close;
	doc = result_write(&in);
	is(doc, "verdict", verdict);
	is(doc, "ledger/balanced", balanced);
	json_object_put(doc);
	books_free(b);
	plan_free(p);
}

static void test_verdicts(void)
{
	struct health h = healthy;

	verdict_is(&h, true, "\"pass\"", "true");
	verdict_is(&h, false, "\"none\"", "false"); /* the ledger alone would balance */
	h.run_queue = h.elapsed / 5;
	verdict_is(&h, true, "\"pass\"", "true"); /* suspect */
	h.throttled = h.elapsed;
	verdict_is(&h, true, "\"none\"", "true");
}

static void test_exit_codes(void)
{
	static const struct {
		const char *state, *validity, *balanced, *verdict;
		int code, strict, allowed;
	} rows[] = {
	    {"completed", "valid", "true", "pass", 0, 0, 0},
	    {"completed", "valid", "true", "fail", 99, 99, 99},
	    {"completed", "suspect", "true", "pass", 0, 98, 0},
	    {"completed", "suspect", "true", "fail", 99, 98, 99},
	    {"completed", "invalid", "true", "none", 98, 98, 0},
	    {"completed", "invalid", "true", "fail", 98, 98, 99},
	    {"completed", "valid", "false", "none", 98, 98, 0},
	    {"completed", "valid", "false", "fail", 98, 98, 99},
	    {"cancelled", "valid", "true", "none", 97, 97, 97},
	    {"failed", "invalid", "false", "none", 97, 97, 97},
	    {"timed_out", "valid", "true", "none", 97, 97, 97},
	    {"completed", "great", "true", "pass", 98, 98, 0},
	    {"completed", "valid", "\"yes\"", "pass", 98, 98, 0},
	    {"completed", "valid", "true", "perhaps", 99, 99, 99},
	};

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		struct json_object *doc;
		char text[256];

		snprintf(text, sizeof text,
		         "{\"state\":\"%s\",\"validity\":{\"status\":\"%s\"},\"ledger\":{\"balanced\":%s},"
		         "\"verdict\":\"%s\"}",
		         rows[i].state, rows[i].validity, rows[i].balanced, rows[i].verdict);
		doc = json_tokener_parse(text);
		is_int(result_exit_code(doc, false, false), rows[i].code, text);
		is_int(result_exit_code(doc, true, false), rows[i].strict, "strict");
		is_int(result_exit_code(doc, false, true), rows[i].allowed, "invalid allowed");
		json_object_put(doc);
	}
	is_int(result_exit_code(NULL, false, false), 97, "no document");
}

static void test_memory(void)
{
	struct plan *p = some_plan();
	struct books *b = books_new(SQ_S);
	struct health h = healthy;
	struct result_input in = input(p, b);
	bool good = true;
	unsigned n;

	answer(b, 1, 503, false);
	h.throttled = SQ_S;
	in.health = &h;
	in.plan_as_given = json_tokener_parse("{\"headers\": {\"Cookie\": \"a\"}}");
	for (n = 1;; n++) {
		struct json_object *doc;

		failmalloc_after(n);
		doc = result_write(&in);
		if (!failmalloc_stop()) {
			json_object_put(doc);
			break;
		}
		good &= doc == NULL;
	}
	ok(good && n > 300, "all of %u failures are reported", n - 1);
	json_object_put(in.plan_as_given);
	books_free(b);
	plan_free(p);
}

/* What thresholds make of the exit code, also of a run that they ended, and of one that is not trusted. */
static void test_threshold_codes(void)
{
	static const struct {
		const char *state, *reason, *validity, *verdict, *ok;
		int code, allowed;
	} rows[] = {
	    {"completed", "null", "valid", "fail", "false", 99, 99},
	    {"completed", "null", "valid", "pass", "true", 0, 0},
	    {"completed", "null", "invalid", "none", "false", 98, 99},
	    {"completed", "null", "invalid", "none", "null", 98, 0},
	    {"failed", "\"threshold_aborted\"", "valid", "fail", "false", 99, 99},
	    {"failed", "\"threshold_aborted\"", "invalid", "none", "false", 98, 99},
	    {"failed", "\"auto_stop\"", "valid", "none", "true", 97, 97},
	    {"cancelled", "\"cancelled\"", "valid", "none", "false", 97, 97},
	};
	char text[400];

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		struct json_object *doc;

		snprintf(
		    text, sizeof text,
		    "{\"state\":\"%s\",\"reason\":%s,\"validity\":{\"status\":\"%s\"},\"verdict\":\"%s\","
		    "\"ledger\":{\"balanced\":true},\"thresholds\":[{\"ok\":true},{\"ok\":%s}]}",
		    rows[i].state, rows[i].reason, rows[i].validity, rows[i].verdict, rows[i].ok);
		doc = json_tokener_parse(text);
		is_int(result_exit_code(doc, false, false), rows[i].code, text);
		is_int(result_exit_code(doc, false, true), rows[i].allowed, "  and with --allow-invalid");
		json_object_put(doc);
	}
}

int main(void)
{
	test_members();
	test_failing();
	test_secrets();
	test_empty();
	test_cancelled();
	test_cancelled_soon();
	test_overrun();
	test_verdicts();
	test_exit_codes();
	test_memory();
	test_threshold_codes();
	return tap_done();
}
