/* test_ledger.c - both lines of the ledger, each class in turn, and its JSON form. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "plugins/common/ledger.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

/* Every class has a different count, and both lines hold. */
static struct ledger sample_ledger(void)
{
	struct ledger l = {
	    .on_time = 900,
	    .late = 50,
	    .unsent = {1, 2, 3},
	    .dropped = {4, 5, 6, 7, 8},
	    .unconfirmed = 9,
	    .ok = 800,
	    .check_failed = 11,
	    .error = {12, 13, 14},
	    .in_flight_at_end = 15,
	};

	l.http_error[0] = 20; /* 100 */
	l.http_error[503 - LEDGER_STATUS_MIN] = 30;
	l.http_error[LEDGER_STATUSES - 1] = 35; /* 999 */
	l.scheduled = 995;
	return l;
}

static void test_sums(void)
{
	struct ledger l = sample_ledger(), twice = l;

	is_int(ledger_sent(&l), 950, "sent");
	is_int(ledger_unsent(&l), 6, "unsent");
	is_int(ledger_dropped(&l), 30, "dropped");
	is_int(ledger_http_errors(&l), 85, "http errors");
	is_int(ledger_errors(&l), 39, "errors");
	ok(ledger_balances(&l, 0, 0), "it balances");
	ledger_add(&twice, &l);
	is_int(twice.scheduled, 1990, "added");
	is_int(twice.http_error[503 - LEDGER_STATUS_MIN], 60, "status by status");
	ok(ledger_balances(&twice, 0, 0), "and it still balances");
}

/* One too many in any single cell is noticed. */
static void test_every_cell(void)
{
	struct ledger good = sample_ledger();
	bool noticed = true;

	for (size_t i = 0; i < sizeof good / sizeof(uint64_t); i++) {
		struct ledger l = good;

		((uint64_t *)&l)[i]++;
		noticed &= !ledger_balances(&l, 0, 0);
	}
	ok(noticed, "one more in any one cell unbalances it");
}

static void test_running(void)
{
	struct ledger l = {.scheduled = 10, .on_time = 7, .ok = 4};

	ok(ledger_balances(&l, 3, 3), "a running ledger: 3 pending, 3 in flight");
	ok(!ledger_balances(&l, 0, 0), "which a final one must not have");
	ok(!ledger_balances(&l, 3, 2), "nor a wrong number in flight");
	ok(!ledger_balances(&l, 2, 3), "nor a wrong number pending");
}

static void test_json(void)
{
	static const char want[] =
	    "{\"scheduled\":995,\"sent\":{\"on_time\":900,\"late\":50},\"unsent\":{\"dns\":1,\"connect\":2,"
	    "\"tls\":3},"
	    "\"dropped\":{\"max_in_flight\":4,\"patience\":5,\"aborted\":6,\"fenced\":7,\"worker_lost\":8},"
	    "\"unconfirmed\":9,\"ok\":800,\"check_failed\":11,\"error\":{\"reset\":12,\"timeout\":13,"
	    "\"protocol\":14},"
	    "\"in_flight_at_end\":15,\"http_error\":{\"100\":20,\"503\":30,\"999\":35},\"balanced\":true}";
	struct ledger l = sample_ledger(), back;
	struct json_object *doc = ledger_write(&l);

	is_str(json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN), want, "written");
	is_int(ledger_read(doc, &back, NULL), 0, "read");
	ok(memcmp(&l, &back, sizeof l) == 0, "the same");
	json_object_put(doc);
	l.scheduled++;
	doc = ledger_write(&l);
	ok(!json_object_get_boolean(json_object_object_get(doc, "balanced")),
	   "balanced: false is written too");
	json_object_put(doc);
}

/* Replaces (or with "" removes) one member of a good document. */
static void refused(const char *group, const char *name, const char *value, const char *want)
{
	struct ledger l = sample_ledger(), out = {.scheduled = 4711};
	struct json_object *doc = ledger_write(&l);
	struct json_object *o = group ? json_object_object_get(doc, group) : doc;
	struct sq_err err = {0};

	if (*value)
		json_object_object_add(o, name, json_tokener_parse(value));
	else
		json_object_object_del(o, name);
	is_int(ledger_read(doc, &out, &err), -EINVAL, want);
	is_str(err.text, want, "says so");
	is_int(out.scheduled, 4711, "and writes nothing");
	json_object_put(doc);
}

static void test_refusals(void)
{
	struct ledger out;
	struct sq_err err;

	refused(NULL, "scheduled", "", "ledger.scheduled is missing");
	refused(NULL, "scheduled", "\"5\"", "ledger.scheduled is not a whole number");
	refused(NULL, "scheduled", "5.5", "ledger.scheduled is not a whole number");
	refused(NULL, "scheduled", "null", "ledger.scheduled is missing");
	refused(NULL, "ok", "-1", "ledger.ok is outside 0 .. 2^53");
	refused(NULL, "ok", "9007199254740993", "ledger.ok is outside 0 .. 2^53");
	refused(NULL, "ok", "18446744073709551615", "ledger.ok is outside 0 .. 2^53");
	refused(NULL, "sent", "950", "ledger.sent is not an object");
	refused(NULL, "dropped", "", "ledger.dropped is missing");
	refused("dropped", "fenced", "", "ledger.dropped.fenced is missing");
	refused("error", "gremlin", "1", "ledger.error has a member of an unknown kind");
	refused(NULL, "gremlin", "1", "ledger.gremlin is unknown here");
	refused(NULL, "http_error", "[]", "ledger.http_error is not an object");
	refused(NULL, "http_error", "", "ledger.http_error is missing");
	refused("http_error", "0503", "1", "ledger.http_error.0503 is not a status");
	refused("http_error", "099", "1", "ledger.http_error.099 is not a status");
	refused("http_error", "50x", "1", "ledger.http_error.50x is not a status");
	refused("http_error", "503", "true", "ledger.http_error.503 is not a whole number of 0 .. 2^53");
	is_int(ledger_read(NULL, &out, &err), -EINVAL, "no document");
}

static void test_memory(void)
{
	struct ledger l = sample_ledger();
	bool good = true;
	unsigned n;

	for (n = 1;; n++) {
		struct json_object *doc;

		failmalloc_after(n);
		doc = ledger_write(&l);
		if (!failmalloc_stop()) {
			json_object_put(doc);
			break;
		}
		good &= doc == NULL;
	}
	ok(good && n > 40, "writing survives the failure of any of %u steps", n - 1);
}

int main(void)
{
	test_sums();
	test_every_cell();
	test_running();
	test_json();
	test_refusals();
	test_memory();
	return tap_done();
}
