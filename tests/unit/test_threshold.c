/* test_threshold.c - the words of thresholds, and what measurements make of them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "plugins/common/threshold.h"
#include "tests/tap.h"

static struct threshold parsed(const char *line)
{
	struct threshold t = {.metric = NULL};
	struct sq_err err = {0};

	if (threshold_parse_line(&t, line, &err) < 0) {
		ok(false, "%s is read: %s", line, err.text);
		exit(tap_done());
	}
	return t;
}

static void test_words(void)
{
	static const struct {
		const char *line, *metric;
		enum threshold_aggregate aggregate;
		enum threshold_op op;
		double percent, limit;
		const char *unit;
	} rows[] = {
	    {"p(99)<250", "http_req_response_time", AGG_P, OP_LT, 99, 250, "ms"},
	    {"p(99.9)<=1.5s", "http_req_response_time", AGG_P, OP_LE, 99.9, 1500, "ms"},
	    {" p(0) < 250ms ", "http_req_response_time", AGG_P, OP_LT, 0, 250, "ms"},
	    {"avg<300us", "http_req_response_time", AGG_AVG, OP_LT, 0, 0.3, "ms"},
	    {"max<5ns", "http_req_response_time", AGG_MAX, OP_LT, 0, 0.000005, "ms"},
	    {"med>0.5", "http_req_response_time", AGG_MED, OP_GT, 50, 0.5, "ms"},
	    {"min>=0", "http_req_response_time", AGG_MIN, OP_GE, 0, 0, "ms"},
	    {"http_req_duration p(95)<500", "http_req_duration", AGG_P, OP_LT, 95, 500, "ms"},
	    {"http_req_waiting:p(95)<500", "http_req_waiting", AGG_P, OP_LT, 95, 500, "ms"},
	    {"http_req_blocked max<3600s", "http_req_blocked", AGG_MAX, OP_LT, 0, 3600000, "ms"},
	    {"http_req_connecting avg<1", "http_req_connecting", AGG_AVG, OP_LT, 0, 1, "ms"},
	    {"http_req_tls_handshaking avg<1", "http_req_tls_handshaking", AGG_AVG, OP_LT, 0, 1, "ms"},
	    {"http_req_failed rate<0.01", "http_req_failed", AGG_RATE, OP_LT, 0, 0.01, "share"},
	    {"http_req_failed rate<1%", "http_req_failed", AGG_RATE, OP_LT, 0, 0.01, "share"},
	    {"http_req_failed rate===0", "http_req_failed", AGG_RATE, OP_EQ, 0, 0, "share"},
	    {"checks rate!==1", "checks", AGG_RATE, OP_NE, 0, 1, "share"},
	    {"dropped_iterations count==0", "dropped_iterations", AGG_COUNT, OP_EQ, 0, 0, "count"},
	    {"http_reqs rate>=495", "http_reqs", AGG_RATE, OP_GE, 0, 495, "per_second"},
	    {"http_reqs rate>=495/s", "http_reqs", AGG_RATE, OP_GE, 0, 495, "per_second"},
	    {"http_reqs count!=1", "http_reqs", AGG_COUNT, OP_NE, 0, 1, "count"},
	};

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		struct threshold t = parsed(rows[i].line);

		is_str(threshold_metric_name(&t), rows[i].metric, rows[i].line);
		is_str(threshold_unit(&t), rows[i].unit, rows[i].line);
		ok(t.aggregate == rows[i].aggregate && t.op == rows[i].op && t.percent == rows[i].percent &&
		       t.limit == rows[i].limit,
		   "%s: p(%g) %d %d %g", rows[i].line, t.percent, (int)t.aggregate, (int)t.op, t.limit);
	}
}

static void test_refusals(void)
{
	static const struct {
		const char *line, *want;
	} rows[] = {
	    {"",
	     "\"\" is not a metric; there are http_req_response_time, http_req_duration, http_req_failed, "
	     "http_reqs, dropped_iterations and more"},
	    {"http_req_duraton p(9)<1",
	     "\"http_req_duraton\" is not a metric; did you mean http_req_duration?"},
	    {"http_req_duration{status:200} p(9)<1",
	     "\"http_req_duration{status\" : tags of a metric are not supported"},
	    {"vus count<1", "vus is k6's; squall has no virtual users"},
	    {"iterations count<1", "iterations is k6's; here it is http_reqs"},
	    {"p99<1", "\"p99<1\" percentiles are written p(N), like p(99)"},
	    {"p(100.1)<1", "\"p(100.1)<1\" p(N) wants a number of 0 .. 100, like p(99.9)"},
	    {"p(-1)<1", "\"p(-1)<1\" p(N) wants a number of 0 .. 100, like p(99.9)"},
	    {"p()<1", "\"p()<1\" p(N) wants a number of 0 .. 100, like p(99.9)"},
	    {"p(1.2.3)<1", "\"p(1.2.3)<1\" p(N) wants a number of 0 .. 100, like p(99.9)"},
	    {"avg=1", "\"avg=1\" wants one of < <= > >= == != behind what is computed"},
	    {"avg", "\"avg\" wants one of < <= > >= == != behind what is computed"},
	    {"avg<", "\"avg<\" wants a number of 0 or more behind the operator"},
	    {"avg<-1", "\"avg<-1\" wants a number of 0 or more behind the operator"},
	    {"avg<x", "\"avg<x\" wants a number of 0 or more behind the operator"},
	    {"avg<1m", "\"avg<1m\" the limit has a unit that does not fit: use 250, 250ms or 1.5s"},
	    {"avg<1%", "\"avg<1%\" the limit has a unit that does not fit: use 250, 250ms or 1.5s"},
	    {"avg<1.2.3", "\"avg<1.2.3\" the limit is not a number that can be compared with"},
	    {"avg<99999999999999999999", "\"avg<99999999999999999999\" the limit is not a number that can be "
	                                 "compared with"},
	    {"avg<3601s", "\"avg<3601s\" the limit is outside 0 .. 3600s"},
	    {"avg<1 ms", "\"avg<1 ms\" has something behind the limit: one threshold is one comparison"},
	    {"avg<1 && max<2",
	     "\"avg<1 && max<2\" has something behind the limit: one threshold is one comparison"},
	    {"rate<1", "\"rate<1\" http_req_response_time has avg, min, med, max and p(N)"},
	    {"http_req_failed avg<1", "\"avg<1\" http_req_failed has rate"},
	    {"http_req_failed rate<5", "\"rate<5\" the limit is a share of 1, like 0.01 or 1%"},
	    {"http_req_failed rate<1ms",
	     "\"rate<1ms\" the limit has a unit that does not fit: use 0.01 or 1%"},
	    {"http_reqs p(99)<1", "\"p(99)<1\" http_reqs has count and rate"},
	    {"http_reqs mean<1", "\"mean<1\" begins with none of avg, min, med, max, p(N), rate and count"},
	};
	struct threshold t = {.percent = 7};
	char longest[80];
	struct sq_err err;

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		int r = threshold_parse_line(&t, rows[i].line, &err);

		if (i == 2) /* the line is cut at the colon, so the name ends there */
			ok(r == -EINVAL && strstr(err.text, "tags of a metric"), "%s: %s", rows[i].line,
			   err.text);
		else
			is_str(r == -EINVAL ? err.text : "read", rows[i].want, rows[i].line);
	}
	ok(t.percent == 7, "nothing was written");
	snprintf(longest, sizeof longest, "avg<%070d", 1);
	ok(threshold_parse_line(&t, longest, &err) == -EINVAL, "too long: %s", err.text);
}

/* --- judging --------------------------------------------------------------------------------- */

#define BOUND (2000 * SQ_MS) /* what a time-out took at least */

static struct threshold_finding judged(const char *line, const struct hist *h, struct threshold_counts counts,
                                       int64_t elapsed)
{
	struct threshold t = parsed(line);
	struct threshold_data d = {counts, h, elapsed, BOUND};
	struct threshold_finding f;

	threshold_judge(&t, &d, &f);
	return f;
}

static void check(const char *line, const struct hist *h, struct threshold_counts counts,
                  enum threshold_state want, double value)
{
	struct threshold_finding f = judged(line, h, counts, 2 * SQ_S);

	ok(f.state == want && (want == THRESHOLD_UNDECIDED) == (*f.why != '\0') &&
	       fabs(f.value - value) <= value * 0.001,
	   "%s: %d, was %g%s%s", line, (int)f.state, f.value, *f.why ? ", " : "", f.why);
}

static void test_times(void)
{
	const struct threshold_counts none = {.ok = 0};
	struct hist *h = hist_new();

	check("avg<1", h, none, THRESHOLD_UNDECIDED, 0);
	check("avg<1", NULL, none, THRESHOLD_UNDECIDED, 0);
	for (int i = 1; i <= 1000; i++)
		hist_add(h, i * SQ_MS);
	check("p(50)<=501", h, none, THRESHOLD_HOLDS, 500);
	check("p(50)<500", h, none, THRESHOLD_FAILS, 500);
	check("med<501", h, none, THRESHOLD_HOLDS, 500);
	check("p(99)<995", h, none, THRESHOLD_HOLDS, 990);
	check("p(99)<980", h, none, THRESHOLD_FAILS, 990);
	check("p(100)<=1000", h, none, THRESHOLD_HOLDS, 1000);
	check("p(0)<2", h, none, THRESHOLD_HOLDS, 1);
	check("avg==500.5", h, none, THRESHOLD_HOLDS, 500.5);
	check("avg!=500.5", h, none, THRESHOLD_FAILS, 500.5);
	check("min>=1", h, none, THRESHOLD_HOLDS, 1);
	check("min>1", h, none, THRESHOLD_FAILS, 1);
	check("max<=1s", h, none, THRESHOLD_HOLDS, 1000);
	check("max<1s", h, none, THRESHOLD_FAILS, 1000);
	hist_free(h);
}

/* Ten samples beyond a percentile, or it does not count that it holds. */
static void test_few(void)
{
	const struct threshold_counts none = {.ok = 0};
	struct hist *h = hist_new();
	struct threshold_finding f;

	for (int i = 1; i < 1000; i++)
		hist_add(h, SQ_MS);
	f = judged("p(99)<250", h, none, SQ_S);
	ok(f.state == THRESHOLD_UNDECIDED && f.measured && !f.enough, "999 samples do not decide a p(99)");
	is_str(f.why, "p(99) wants 1,000 samples, and there are 999", "how many it wants");
	f = judged("p(99)<0.5", h, none, SQ_S);
	ok(f.state == THRESHOLD_FAILS && !f.enough, "but they fail it");
	hist_add(h, SQ_MS);
	ok(judged("p(99)<250", h, none, SQ_S).state == THRESHOLD_HOLDS, "1,000 decide it");
	f = judged("p(99.9)<250", h, none, SQ_S);
	is_str(f.why, "p(99.9) wants 10,000 samples, and there are 1,000", "p(99.9)");
	f = judged("p(99.999999)<250", h, none, SQ_S);
	is_str(f.why, "p(100) wants 1,000,000,000 samples, and there are 1,000", "p(99.999999)");
	hist_reset(h);
	hist_add(h, SQ_MS);
	f = judged("med<250", h, none, SQ_S);
	is_str(f.why, "p(50) wants 20 samples, and there is 1", "the median wants 20");
	ok(judged("max<250", h, none, SQ_S).state == THRESHOLD_HOLDS, "the maximum of one is one");
	hist_free(h);
}

/* 1,000 answers within 1 .. 1000 ms, and some that never came: bounds of 1 ms. */
static void test_unanswered(void)
{
	struct threshold_counts counts = {.cut = 10, .ended = 1010};
	struct hist *h = hist_new();

	for (int i = 1; i <= 1000; i++)
		hist_add(h, i * SQ_MS);
	for (int i = 0; i < 10; i++)
		hist_add_censored(h, SQ_MS);
	check("p(50)<450", h, counts, THRESHOLD_FAILS, 495); /* more only makes it worse */
	check("p(50)<496", h, counts, THRESHOLD_UNDECIDED, 495);
	check("p(50)<506", h, counts, THRESHOLD_HOLDS, 495);
	check("p(50)>496", h, counts, THRESHOLD_UNDECIDED, 495);
	check("p(50)>494", h, counts, THRESHOLD_HOLDS, 495);
	check("p(50)==500", h, counts, THRESHOLD_UNDECIDED, 495);
	check("p(50)==100", h, counts, THRESHOLD_FAILS, 495);
	check("p(50)!=100", h, counts, THRESHOLD_HOLDS, 495);
	check("max<3600s", h, counts, THRESHOLD_UNDECIDED, 1000);
	check("max>=1s", h, counts, THRESHOLD_HOLDS, 1000);
	check("avg<3600s", h, counts, THRESHOLD_UNDECIDED, 495.55);
	check("min<20", h, counts, THRESHOLD_HOLDS, 1);
	hist_free(h);
}

/* 990 answers within 10 ms, and ten that timed out after 2 s: it took them no less. */
static void test_timed_out(void)
{
	struct threshold_counts counts = {.timeouts = 10, .ended = 1000};
	struct hist *h = hist_new();
	struct threshold_finding f;

	for (int i = 0; i < 990; i++)
		hist_add(h, 10 * SQ_MS);
	for (int i = 0; i < 10; i++)
		hist_add_censored(h, 2000 * SQ_MS);
	check("p(99)<250", h, counts, THRESHOLD_HOLDS, 10);
	check("avg<250", h, counts, THRESHOLD_HOLDS, 29.9);
	check("max<2s", h, counts, THRESHOLD_FAILS, 2000);
	check("max>=2s", h, counts, THRESHOLD_HOLDS, 2000);
	/* Longer than the time-out: nobody knows whether they were. */
	check("max<=2s", h, counts, THRESHOLD_UNDECIDED, 2000);
	check("max<3s", h, counts, THRESHOLD_UNDECIDED, 2000);
	check("avg<3s", h, counts, THRESHOLD_UNDECIDED, 29.9);
	check("max>2s", h, counts, THRESHOLD_UNDECIDED, 2000);
	check("p(99)<3s", h, counts, THRESHOLD_HOLDS, 10); /* however long they would have taken */
	check("p(99.5)<3s", h, counts, THRESHOLD_UNDECIDED, 2000);
	f = judged("max<3s", h, counts, SQ_S);
	is_str(f.why, "it hangs on requests that timed out after 2 s, below its limit", "and why");
	counts.cut = 5;
	counts.timeouts = 5;
	check("max>=2s", h, counts, THRESHOLD_HOLDS, 2000);
	check("p(99)<250", h, counts, THRESHOLD_UNDECIDED, 10);
	f = judged("p(99)<250", h, counts, SQ_S);
	is_str(f.why, "it hangs on requests that were never answered", "time-outs do not hide the others");
	hist_free(h);
}

/* Half of them got no first byte, so that there is nothing that was received. */
static void test_never_received(void)
{
	struct threshold_counts counts = {.timeouts = 1000, .ended = 2000};
	struct hist *h = hist_new();

	for (int i = 1; i <= 1000; i++)
		hist_add(h, i * SQ_MS);
	check("http_req_receiving p(99)<2s", h, counts, THRESHOLD_UNDECIDED, 990);
	check("http_req_receiving p(99)>900", h, counts, THRESHOLD_HOLDS, 990);
	check("http_req_receiving med>400", h, counts, THRESHOLD_UNDECIDED, 500);
	check("http_req_receiving avg<2s", h, counts, THRESHOLD_UNDECIDED, 500.5);
	check("http_req_receiving avg>400", h, counts, THRESHOLD_UNDECIDED, 500.5);
	check("http_req_receiving min>0.5", h, counts, THRESHOLD_UNDECIDED, 1);
	check("http_req_receiving max<2s", h, counts, THRESHOLD_UNDECIDED, 1000);
	check("http_req_receiving max>900", h, counts, THRESHOLD_HOLDS, 1000);
	check("http_req_connecting p(99)<2s", h, counts, THRESHOLD_HOLDS, 990);
	counts.ended = 1000;
	check("http_req_receiving p(99)<2s", h, counts, THRESHOLD_HOLDS, 990);
	hist_free(h);
}

static void test_counts(void)
{
	const struct threshold_counts c = {.ok = 297,
	                                   .failed = 3,
	                                   .sent = 1000,
	                                   .dropped = 4,
	                                   .checks_failed = 3,
	                                   .bytes_sent = 1 << 20,
	                                   .bytes_received = 7};
	struct threshold_counts doubt = c;

	check("http_req_failed rate<=0.01", NULL, c, THRESHOLD_HOLDS, 0.01);
	check("http_req_failed rate==1%", NULL, c, THRESHOLD_HOLDS, 0.01);
	check("http_req_failed rate<0.01", NULL, c, THRESHOLD_FAILS, 0.01);
	doubt.unknown = 3;
	check("http_req_failed rate<0.015", NULL, doubt, THRESHOLD_UNDECIDED, 3.0 / 303);
	check("http_req_failed rate<0.02", NULL, doubt, THRESHOLD_HOLDS, 3.0 / 303);
	check("checks rate>=0.99", NULL, c, THRESHOLD_HOLDS, 0.99);
	check("checks rate>0.99", NULL, c, THRESHOLD_FAILS, 0.99);
	check("http_reqs count==1000", NULL, c, THRESHOLD_HOLDS, 1000);
	check("http_reqs rate>=500", NULL, c, THRESHOLD_HOLDS, 500);
	check("http_reqs rate>500", NULL, c, THRESHOLD_FAILS, 500);
	check("dropped_iterations count<4", NULL, c, THRESHOLD_FAILS, 4);
	check("dropped_iterations rate<4", NULL, c, THRESHOLD_HOLDS, 2);
	check("data_sent count>=1048576", NULL, c, THRESHOLD_HOLDS, 1 << 20);
	check("data_received rate<=3.5", NULL, c, THRESHOLD_HOLDS, 3.5);
	check("http_req_failed rate<1", NULL, (struct threshold_counts){.ok = 0}, THRESHOLD_UNDECIDED, 0);
	ok(judged("http_reqs rate>0", NULL, c, 0).state == THRESHOLD_UNDECIDED, "no time, no rate");
}

static void test_final(void)
{
	static const struct {
		const char *line;
		double value;
		bool final;
	} rows[] = {
	    {"p(99)<1", 2, true},
	    {"http_reqs count>=10", 2, false},
	    {"http_reqs count>10", 2, false},
	    {"http_reqs count<10", 20, true},
	    {"http_reqs count<=10", 20, true},
	    {"http_reqs count==10", 2, false},
	    {"http_reqs count==10", 11, true},
	    {"http_reqs count!=10", 10, false},
	    {"http_reqs rate>10", 2, true},
	};

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		struct threshold t = parsed(rows[i].line);

		ok(threshold_is_final(&t, rows[i].value) == rows[i].final, "%s at %g is final: %d",
		   rows[i].line, rows[i].value, rows[i].final);
	}
}

int main(void)
{
	test_words();
	test_refusals();
	test_times();
	test_few();
	test_unanswered();
	test_timed_out();
	test_never_received();
	test_counts();
	test_final();
	return tap_done();
}
