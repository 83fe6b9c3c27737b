/* test_threshold_watch.c - thresholds of a running test, in virtual time: windows, what ends a test, and the
 * rows of the result. */
#include <json-c/json.h>
#include <stdlib.h>

#include "plugins/common/plan.h"
#include "plugins/common/threshold.h"
#include "plugins/common/threshold_watch.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

struct rig {
	struct plan *plan;
	struct threshold_watch *watch;
	struct books *books;
	int64_t second;
	char detail[200];
};

static void begin(struct rig *g, const char *plan)
{
	struct plan_problems problems = {0};

	*g = (struct rig){.books = books_new(0)};
	if (plan_read_text(plan, strlen(plan), "http://target/", &g->plan, NULL, &problems) < 0) {
		ok(false, "%s", problems.text.data);
		exit(tap_done());
	}
	g->watch = threshold_watch_new(g->plan);
}

static void end(struct rig *g)
{
	threshold_watch_free(g->watch);
	books_free(g->books);
	plan_free(g->plan);
}

static void answered(struct rig *g, unsigned n, int64_t time, int status)
{
	for (unsigned i = 0; i < n; i++) {
		struct request_times r = {0};

		books_due(g->books, &r, 0, g->second * SQ_S, g->second * SQ_S);
		books_sent(g->books, &r, g->second * SQ_S, false);
		books_answered(g->books, &r, g->second * SQ_S + time, status, status == 200, true, NULL);
	}
}

static enum watch_verdict look(struct rig *g)
{
	*g->detail = '\0';
	return threshold_watch_look(g->watch, g->books, ++g->second * SQ_S, g->detail, sizeof g->detail);
}

/* So many seconds of n answers each; when the test was to end, or 0. */
static int64_t pass(struct rig *g, int seconds, unsigned n, int64_t time, int status)
{
	for (int i = 0; i < seconds; i++) {
		answered(g, n, time, status);
		if (look(g) != WATCH_GOES_ON)
			return g->second;
	}
	return 0;
}

static void rows(struct rig *g, bool trusted, bool want_failed, const char *want)
{
	bool failed;
	struct json_object *o = thresholds_write(g->plan, g->watch, g->books, g->second * SQ_S, trusted,
	                                         &failed);

	is_str(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), want, "the rows");
	ok(failed == want_failed, "one of them %s", want_failed ? "does not hold" : "holds");
	json_object_put(o);
}

/* --- the whole test -------------------------------------------------------------------------- */

static void test_abort(void)
{
	struct rig g;

	begin(
	    &g,
	    "{\"thresholds\": {\"http_req_duration\": [{\"threshold\": \"p(95)<100\", \"abortOnFail\": true, "
	    "\"delayAbortEval\": \"5s\"}, \"max<50\"]}}");
	is_int(pass(&g, 60, 100, 200 * SQ_MS, 200), 5, "it ends when the delay is over");
	is_str(g.detail, "http_req_duration p(95)<100: was 200 ms", "for what it says");
	rows(&g, true, true,
	     "[{\"metric\":\"http_req_duration\",\"expression\":\"p(95)<100\",\"window_sec\":null,\"value\":"
	     "200,"
	     "\"unit\":\"ms\",\"ok\":false,\"decided\":true,\"why\":null},"
	     "{\"metric\":\"http_req_duration\",\"expression\":\"max<50\",\"window_sec\":null,\"value\":200,"
	     "\"unit\":\"ms\",\"ok\":false,\"decided\":true,\"why\":null}]");
	end(&g);

	begin(&g, "{\"thresholds\": [{\"threshold\": \"p(99)<100\", \"abortOnFail\": true}]}");
	is_int(pass(&g, 60, 100, 200 * SQ_MS, 200), 10, "not before there are samples enough");
	end(&g);

	begin(&g, "{\"thresholds\": [{\"threshold\": \"http_reqs count>=1000\", \"abortOnFail\": true}]}");
	is_int(pass(&g, 10, 100, SQ_MS, 200), 0, "a count that is to become high enough ends nothing");
	rows(&g, false, false,
	     "[{\"metric\":\"http_reqs\",\"expression\":\"count>=1000\",\"window_sec\":null,\"value\":1000,"
	     "\"unit\":\"count\",\"ok\":null,\"decided\":true,\"why\":null}]");
	end(&g);

	begin(&g, "{\"thresholds\": {\"http_req_duration\": \"p(95)<100\"}}");
	is_int(pass(&g, 30, 100, 200 * SQ_MS, 200), 0, "one without abortOnFail ends nothing");
	end(&g);
}

/* Half of them time out, sooner than the limit. */
static void test_short_timeout(void)
{
	struct rig g;

	begin(&g, "{\"timeout_ms\": 200, \"thresholds\": [\"http_req_waiting p(90)<250\", "
	          "\"http_req_receiving p(90)<250\", \"p(90)<250\", \"p(90)<150\"]}");
	for (int i = 0; i < 200; i++) {
		struct request_times r = {0};

		books_due(g.books, &r, 0, 0, 0);
		books_sent(g.books, &r, 1, false);
		if (i % 2)
			books_broken(g.books, &r, 200 * SQ_MS + 1, ERROR_TIMEOUT, NULL);
		else
			books_answered(g.books, &r, 10 * SQ_MS, 200, true, true, NULL);
	}
	g.second = 1;
	rows(&g, true, true,
	     "[{\"metric\":\"http_req_waiting\",\"expression\":\"p(90)<250\",\"window_sec\":null,\"value\":"
	     "200,\"unit\":\"ms\","
	     "\"ok\":false,\"decided\":false,\"why\":\"it hangs on requests that timed out after 200 ms, "
	     "below its limit\"},"
	     "{\"metric\":\"http_req_receiving\",\"expression\":\"p(90)<250\",\"window_sec\":null,\"value\":"
	     "0,\"unit\":\"ms\","
	     "\"ok\":false,\"decided\":false,\"why\":\"it hangs on requests that were never answered\"},"
	     "{\"metric\":\"http_req_response_time\",\"expression\":\"p(90)<250\",\"window_sec\":null,"
	     "\"value\":200.000001,\"unit\":\"ms\","
	     "\"ok\":false,\"decided\":false,\"why\":\"it hangs on requests that timed out after 200 ms, "
	     "below its limit\"},"
	     "{\"metric\":\"http_req_response_time\",\"expression\":\"p(90)<150\",\"window_sec\":null,"
	     "\"value\":200.000001,\"unit\":\"ms\","
	     "\"ok\":false,\"decided\":true,\"why\":null}]");
	end(&g);
}

/* --- windows --------------------------------------------------------------------------------- */

static const char windowed[] = "{\"thresholds\": {\"http_req_duration\": [{\"threshold\": \"p(90)<100\", "
                               "\"window\": \"10s\"}]}}";

static void test_window(void)
{
	struct rig g;

	begin(&g, windowed);
	pass(&g, 30, 100, 10 * SQ_MS, 200);
	rows(&g, true, false,
	     "[{\"metric\":\"http_req_duration\",\"expression\":\"p(90)<100\",\"window_sec\":10,\"value\":10,"
	     "\"unit\":\"ms\",\"ok\":true,\"decided\":true,\"why\":\"in the worst window\"}]");
	pass(&g, 5, 100, 200 * SQ_MS, 200); /* half of a window, and an eighth of the whole */
	pass(&g, 30, 100, 10 * SQ_MS, 200);
	rows(
	    &g, true, true,
	    "[{\"metric\":\"http_req_duration\",\"expression\":\"p(90)<100\",\"window_sec\":10,\"value\":200,"
	    "\"unit\":\"ms\",\"ok\":false,\"decided\":true,\"why\":\"in the window that ended 32 s after the "
	    "start\"}]");
	end(&g);

	begin(&g, windowed);
	pass(&g, 9, 100, 10 * SQ_MS, 200);
	rows(&g, true, true,
	     "[{\"metric\":\"http_req_duration\",\"expression\":\"p(90)<100\",\"window_sec\":10,\"value\":"
	     "null,"
	     "\"unit\":\"ms\",\"ok\":false,\"decided\":false,\"why\":\"no window was over before the test "
	     "was\"}]");
	end(&g);

	begin(&g, windowed);
	pass(&g, 20, 9, 10 * SQ_MS, 200);
	rows(&g, true, true,
	     "[{\"metric\":\"http_req_duration\",\"expression\":\"p(90)<100\",\"window_sec\":10,\"value\":"
	     "null,"
	     "\"unit\":\"ms\",\"ok\":false,\"decided\":false,\"why\":\"p(90) wants 100 samples, and there "
	     "are 90 in "
	     "a window\"}]");
	end(&g);

	begin(&g, "{\"thresholds\": [{\"threshold\": \"http_req_failed rate<0.5\", \"abortOnFail\": true, "
	          "\"window\": "
	          "\"120s\"}], \"auto_stop\": false}");
	is_int(pass(&g, 200, 10, SQ_MS, 200), 0, "200 s without a failure");
	is_int(pass(&g, 200, 10, SQ_MS, 500), 260, "a window of 120 s, by marks of 2 s, is half bad");
	is_str(g.detail, "http_req_failed rate<0.5: was 0.500", "for what it says");
	end(&g);
}

/* An adopter's windows begin when it comes. */
static void test_rebase(void)
{
	static const char undecided[] = "[{\"metric\":\"http_req_duration\",\"expression\":\"p(90)<100\","
	                                "\"window_sec\":10,\"value\":null,"
	                                "\"unit\":\"ms\",\"ok\":false,\"decided\":false,\"why\":\"nobody saw "
	                                "every window, as the orchestrator was "
	                                "lost\"}]";
	struct rig g;

	begin(&g, windowed);
	answered(&g, 1000, 200 * SQ_MS, 200);
	g.second = 50;
	threshold_watch_rebase(g.watch, g.books, g.second * SQ_S);
	pass(&g, 20, 100, 10 * SQ_MS, 200);
	rows(&g, true, true, undecided);
	pass(&g, 10, 100, 200 * SQ_MS, 200);
	rows(&g, true, true,
	     "[{\"metric\":\"http_req_duration\",\"expression\":\"p(90)<100\",\"window_sec\":10,\"value\":"
	     "200,"
	     "\"unit\":\"ms\",\"ok\":false,\"decided\":true,\"why\":\"in the window that ended 1 min 12 s "
	     "after the "
	     "start\"}]");
	end(&g);
}

/* --- auto_stop ------------------------------------------------------------------------------- */

static void test_auto_stop(void)
{
	struct rig g;

	begin(&g, "{}");
	is_int(pass(&g, 100, 10, SQ_MS, 500), 60, "a broken target is left alone after 60 s");
	is_str(g.detail, "100.0 % of the requests of 1 min failed: \"auto_stop\": false goes on", "and why");
	end(&g);

	begin(&g, "{}");
	is_int(pass(&g, 7, 10, SQ_MS, 200), 0, "7 s that are well");
	is_int(pass(&g, 100, 10, SQ_MS, 500), 61, "a window has 90 % errors when 6 s of them are left");
	end(&g);

	begin(&g, "{\"auto_stop\": false}");
	is_int(pass(&g, 200, 10, SQ_MS, 500), 0, "unless it is told not to");
	end(&g);

	begin(&g, "{\"auto_stop\": {\"error_rate\": 0.5, \"window_sec\": 5}}");
	for (int i = 0; i < 20; i++) {
		answered(&g, 6, SQ_MS, 200);
		is_int(pass(&g, 1, 5, SQ_MS, 500), 0, "fewer than half");
	}
	is_int(pass(&g, 1, 6, SQ_MS, 500), 21, "half of the last 5 s");
	end(&g);

	begin(&g, "{}");
	is_int(pass(&g, 100, 0, 0, 0), 0, "nothing ends: nothing is known");
	end(&g);
}

/* --- memory ---------------------------------------------------------------------------------- */

static void test_memory(void)
{
	bool good = true, failed;
	struct json_object *o;
	struct rig g;
	unsigned n;

	begin(&g, windowed);
	pass(&g, 20, 100, 10 * SQ_MS, 200);
	for (n = 1;; n++) {
		struct threshold_watch *w;

		failmalloc_after(n);
		w = threshold_watch_new(g.plan);
		threshold_watch_free(w);
		if (!failmalloc_stop())
			break;
		good &= w == NULL;
	}
	ok(good && n > 4, "a watch is made whole or not at all: %u failures", n - 1);
	for (n = 1;; n++) {
		failmalloc_after(n);
		o = thresholds_write(g.plan, g.watch, g.books, g.second * SQ_S, true, &failed);
		json_object_put(o);
		if (!failmalloc_stop())
			break;
		good &= o == NULL;
	}
	ok(good && n > 5, "so are the rows: %u failures", n - 1);
	for (n = 1; n < 100; n++) {
		failmalloc_after(n);
		answered(&g, 100, 10 * SQ_MS, 200);
		look(&g);
		if (!failmalloc_stop())
			break;
	}
	ok(n > 1 && n < 100, "a look without memory is left out: %u failures", n - 1);
	rows(&g, true, false,
	     "[{\"metric\":\"http_req_duration\",\"expression\":\"p(90)<100\",\"window_sec\":10,\"value\":10,"
	     "\"unit\":\"ms\",\"ok\":true,\"decided\":true,\"why\":\"in the worst window\"}]");
	end(&g);
}

int main(void)
{
	test_abort();
	test_short_timeout();
	test_window();
	test_rebase();
	test_auto_stop();
	test_memory();
	return tap_done();
}
