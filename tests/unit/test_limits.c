/* test_limits.c - plans against the limits of an installation. */
#include "plugins/common/limits.h"
#include "plugins/common/plan.h"
#include "tests/tap.h"

static const char *problems_of(struct limits limits, int64_t rate, int64_t workers, int64_t duration)
{
	static char text[1024];
	const struct plan plan = {.rate = rate, .workers = workers, .duration = duration};
	struct plan_problems problems = {0};

	limits_check(&limits, &plan, &problems);
	snprintf(text, sizeof text, "%s", problems.count ? problems.text.data : "");
	plan_problems_free(&problems);
	return text;
}

/* Together: what is used up, and what is left. */
static void test_totals(void)
{
	const struct limits limits = {.total_rate = 100, .total_workers = 5};
	struct demand d = {.tests = 0};
	struct sq_err why;

	is_str(problems_of(limits, 101 * PLAN_RATE_ONE, 6, 1),
	       "hits_per_sec: is more than this installation allows (max_total_rate = 100)\n"
	       "workers: are more than this installation allows (max_total_workers = 5)\n",
	       "one test alone is more than all may be");
	ok(limits_fit(&limits, &d, 100 * PLAN_RATE_ONE, 5, &why), "all of it, when nobody is there");
	demand_add(&d, 60 * PLAN_RATE_ONE + 1, 2);
	ok(!limits_fit(&limits, &d, 40 * PLAN_RATE_ONE, 1, &why), "a rate: %s", why.text);
	ok(!limits_fit(&limits, &d, 1, 4, &why), "workers: %s", why.text);
	ok(limits_fit(&limits, &d, 40 * PLAN_RATE_ONE - 1, 3, &why), "exactly what is left");
	ok(limits_fit(&(struct limits){0}, &d, INT64_MAX / 2, INT64_MAX / 2, &why), "0 is no limit");
	demand_remove(&d, 60 * PLAN_RATE_ONE + 1, 2);
	ok(d.tests == 0 && d.rate == 0 && d.workers == 0, "and gone again");
}

/* What a plan with stages, of the closed model, or with several requests is measured by. */
static void test_other_loads(void)
{
	struct limits limits = {.total_rate = 100, .body = 2};
	struct stage stage = {.duration = SQ_S, .rate = 101 * PLAN_RATE_ONE};
	struct plan_request request = {.body_len = 3};
	struct plan plan = {.stages = &stage, .stage_count = 1, .requests = &request, .request_count = 1};
	struct plan_problems problems = {0};

	limits_check(&limits, &plan, &problems);
	is_str(problems.text.data,
	       "hits_per_sec: is more than this installation allows (max_total_rate = 100)\n"
	       "requests: is more than this installation allows (max_request_body = 2 bytes)\n",
	       "the highest stage, and the longest body");
	plan_problems_free(&problems);
	plan = (struct plan){.mode = PLAN_CLOSED, .connections = 1001};
	limits_check(&limits, &plan, &problems);
	is_str(problems.text.data,
	       "connections: are more than an installation with a limit of the rate (max_total_rate) allows "
	       "in the closed model (1000)\n",
	       "connections, where there is no rate");
	plan_problems_free(&problems);
}

int main(void)
{
	const struct limits limits = {.rate = 100, .workers = 5, .duration = 60 * SQ_S};

	is_str(problems_of(limits, 100 * PLAN_RATE_ONE, 5, 60 * SQ_S), "", "the most is allowed");
	is_str(problems_of(limits, 100 * PLAN_RATE_ONE + 1, 5, 60 * SQ_S),
	       "hits_per_sec: is more than this installation allows (max_rate = 100)\n",
	       "a rate above it is not");
	is_str(problems_of(limits, 1, 6, 60 * SQ_S),
	       "workers: are more than this installation allows (max_workers = 5)\n", "nor more workers");
	is_str(problems_of(limits, 1, 5, 60 * SQ_S + 1),
	       "duration_sec: is more than this installation allows (max_duration = 1 min)\n",
	       "nor a longer test");
	is_str(problems_of((struct limits){0}, INT64_MAX, INT64_MAX, INT64_MAX), "", "0 is no limit");
	ok(strchr(strchr(problems_of(limits, INT64_MAX, 6, 1), '\n') + 1, '\n') != NULL,
	   "all problems come at once");
	test_totals();
	test_other_loads();
	return tap_done();
}
