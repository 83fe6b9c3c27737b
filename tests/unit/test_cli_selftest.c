/* test_cli_selftest.c - what a stall must look like, and what is made of results that do or do not. */
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>

#include "core/cli/selftest.h"
#include "tests/tap.h"

static int compare(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* The theory against a simulation: 4000 requests of 1000/s, frozen for 500 ms from 1500 ms on. */
static void test_theory(void)
{
	static double times[4000];

	for (int i = 0; i < 4000; i++)
		times[i] = i >= 1500 && i < 2000 ? 2000 - i : 0;
	qsort(times, 4000, sizeof *times, compare);
	ok(fabs(times[3799] - selftest_theory(500, 4000, 95)) < 2, "p95 is 300 ms");
	ok(fabs(times[3959] - selftest_theory(500, 4000, 99)) < 2, "p99 is 460 ms");
	ok(times[3999] == 500 && selftest_theory(500, 4000, 100) == 500, "the largest is the stall");
	ok(selftest_theory(500, 4000, 50) == 0, "the median does not see it");
	ok(selftest_agrees(485, 460, 500) && !selftest_agrees(486, 460, 500),
	   "agreeing means within a twentieth of the stall");
}

static struct json_object *run(const char *response, const char *pickup, const char *validity)
{
	char text[1024];

	snprintf(text, sizeof text,
	         "{\"ledger\": {\"balanced\": true}, \"validity\": %s, \"latency_ms\": {\"response\": %s, "
	         "\"pickup\": %s}, "
	         "\"rate\": {\"ok\": 40000}, \"generator\": {\"requests_per_core_second\": 60000}}",
	         validity, response, pickup);
	return json_tokener_parse(text);
}

static void judged(const char *response, const char *pickup, const char *validity, const char *verdict,
                   const char *problem)
{
	struct json_object *a = run(response, pickup, validity), *doc = selftest_judge(a, a, 500, 2),
	                   *problems;

	is_str(json_object_get_string(json_object_object_get(doc, "verdict")), verdict, "the verdict");
	problems = json_object_object_get(doc, "problems");
	if (problem)
		is_str(json_object_get_string(json_object_array_get_idx(problems, 0)), problem, "the reason");
	else
		ok(json_object_array_length(problems) == 0, "without a reason");
	is_int(json_object_get_int64(
	           json_object_object_get(json_object_object_get(doc, "ceiling"), "advised_per_worker")),
	       30000, "half of what a core can do is advised");
	json_object_put(doc);
	json_object_put(a);
}

#define GOOD "{\"p95\": 300, \"p99\": 461.5, \"max\": 502}"
#define ON_TIME "{\"p50\": 0.01, \"p99\": 0.2, \"max\": 3}"
#define LATE "{\"p50\": 0.01, \"p99\": 1.5, \"max\": 3}"
#define THROTTLED(status)                                                                             \
	"{\"status\": \"" status "\", \"reasons\": [{\"what\": \"the container was throttled for\", " \
	"\"value\": \"31 %\", \"limit\": \"1 %\", \"cure\": \"Give the worker a whole CPU\"}]}"
#define VALID "{\"status\": \"valid\", \"reasons\": []}"

static void test_judge(void)
{
	judged(GOOD, ON_TIME, VALID, "pass", NULL);
	judged(
	    "{\"p95\": 0.2, \"p99\": 0.3, \"max\": 501}", ON_TIME, VALID, "fail",
	    "the stall shows as 0 ms at p95 instead of 300 ms: nothing here explains that, please report it "
	    "as a bug of squall");
	judged(GOOD, LATE, VALID, "fail",
	       "requests leave 1.5 ms late at p99 (limit 1 ms): give squall a whole CPU, or stop what else "
	       "runs here");
	judged(GOOD, ON_TIME, THROTTLED("invalid"), "fail",
	       "the container was throttled for 31 % (limit 1 %): Give the worker a whole CPU");
	judged(GOOD, ON_TIME, THROTTLED("suspect"), "pass", NULL);
	judged(GOOD, LATE, THROTTLED("suspect"), "fail",
	       "the container was throttled for 31 % (limit 1 %): Give the worker a whole CPU");
}

/* A stall that is seen too late by a generator that was late itself is the machine's fault. */
static void test_cause(void)
{
	struct json_object *a = run("{\"p95\": 300, \"p99\": 461.5, \"max\": 602}", LATE, VALID),
	                   *doc = selftest_judge(a, a, 500, 2), *problems;

	problems = json_object_object_get(doc, "problems");
	is_int(json_object_array_length(problems), 2, "late, and wrong about the stall");
	is_str(json_object_get_string(json_object_array_get_idx(problems, 1)),
	       "the stall shows as 602 ms at max instead of 500 ms: squall had no CPU when the answers came",
	       "because it was late");
	json_object_put(doc);
	json_object_put(a);
}

static void test_text(void)
{
	struct json_object *a = run("{\"p95\": 349.2, \"p99\": 466, \"max\": 507}",
	                            "{\"p50\": 0.07, \"p99\": 43.6, \"max\": 99.4}", VALID),
	                   *doc = selftest_judge(a, a, 502, 2);
	struct buf out = {0};

	selftest_text(doc, false, &out);
	is_str(out.data,
	       "    stall     the target was frozen for 502 ms; response time, and what it must be:\n"
	       "              p95 349 ms (302 ms)  p99 466 ms (462 ms)  max 507 ms (502 ms)\n"
	       "    timer     requests leave 0.07 ms late at p50, 43.6 ms at p99, 99.4 ms at most\n"
	       "    ceiling   40,000/s from one worker over 64 connections; 60,000 per core second\n\n"
	       "FAIL   requests leave 43.6 ms late at p99 (limit 1 ms): give squall a whole CPU,\n"
	       "       or stop what else runs here\n"
	       "FAIL   the stall shows as 349 ms at p95 instead of 302 ms: squall had no CPU\n"
	       "       when the answers came\n"
	       "       until that is cured, a difference below 43.6 ms means nothing here\n",
	       "what is printed, in 80 columns");
	buf_free(&out);
	json_object_put(doc);
	json_object_put(a);
}

int main(void)
{
	test_theory();
	test_judge();
	test_cause();
	test_text();
	return tap_done();
}
