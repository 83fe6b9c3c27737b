/* plan_schedule.c - when the requests of a plan are due, as its workers will reckon it. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "json.h"
#include "plan.h"
#include "rate.h"

#define RATE_MOST 1e7
#define SPAN_MOST (30.0 * 86400)

/* A number of the plan or of a stage, where a member that is missing leaves *ret as it is; in whole units of
 * 1 / scale, and within what keeps the sums below in range. */
static int read_scaled(struct json_object *o, const char *field, double scale, double most, int64_t *ret,
                       struct sq_err *err)
{
	double v;

	if (!member_get(o, field))
		return 0;
	if (!member_number(o, field, &v))
		return sq_fail(err, -EINVAL, "%s of the plan must be a number", field);
	if (!(v >= 0 && v <= most))
		return sq_fail(err, -EINVAL, "%s of the plan is outside 0 .. %.0f", field, most);
	*ret = llround(v * scale);
	return 0;
}

static int read_stages(struct json_object *plan, struct stage stages[SCHEDULE_STAGES_MAX],
                       struct schedule_setup *setup, struct sq_err *err)
{
	struct json_object *list = member_get(plan, "stages");
	size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	int r = 0;

	if (!list || (count == 0 && json_object_is_type(list, json_type_array) && setup->rate > 0))
		return 0;
	if (count == 0 || count > SCHEDULE_STAGES_MAX)
		return sq_fail(err, -EINVAL, "stages of the plan must be a list of 1 to %d",
		               SCHEDULE_STAGES_MAX);
	setup->duration = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct json_object *stage = json_object_array_get_idx(list, i);

		stages[i] = (struct stage){.duration = -1, .rate = -1};
		r = read_scaled(stage, "duration_sec", SQ_S, SPAN_MOST, &stages[i].duration, err);
		if (r == 0)
			r = read_scaled(stage, "hits_per_sec", RATE_ONE, RATE_MOST, &stages[i].rate, err);
		if (r == 0 && (stages[i].duration < 0 || stages[i].rate < 0))
			r = sq_fail(err, -EINVAL,
			            "stage %zu of the plan must have duration_sec and hits_per_sec", i + 1);
		setup->duration += stages[i].duration;
	}
	setup->stages = stages;
	setup->stage_count = (uint32_t)count;
	return r;
}

/* Without a duration max_requests say how long it takes. */
static int settle(struct schedule_setup *setup, struct sq_err *err)
{
	bool any = setup->rate > 0;

	for (uint32_t i = 0; i < setup->stage_count; i++)
		any = any || setup->stages[i].rate > 0;
	if (!any)
		return sq_fail(err, -EINVAL,
		               "hits_per_sec of the plan must be above 0, or no request is ever due");
	if (setup->duration < 0 && setup->max > 0)
		setup->duration = (int64_t)fmin(
		    (double)setup->max * RATE_ONE / (double)setup->rate * SQ_S + 1, SPAN_MOST * SQ_S);
	if (setup->duration <= 0)
		return sq_fail(err, -EINVAL, "duration_sec of the plan must be above 0");
	return 0;
}

static int read_numbers(struct json_object *plan, struct schedule_setup *setup, struct sq_err *err)
{
	struct json_object *seed = member_get(plan, "seed");
	int64_t most = 0;
	const struct {
		const char *field;
		double scale, most;
		int64_t *ret;
	} numbers[] = {{"hits_per_sec", RATE_ONE, RATE_MOST, &setup->rate},
	               {"duration_sec", SQ_S, SPAN_MOST, &setup->duration},
	               {"warmup_sec", SQ_S, SPAN_MOST, &setup->warmup},
	               {"max_requests", 1, (double)SCHEDULE_TICKS_MAX, &most}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < SQ_LEN(numbers); i++)
		r = read_scaled(plan, numbers[i].field, numbers[i].scale, numbers[i].most, numbers[i].ret,
		                err);
	setup->max = (uint64_t)most;
	if (json_object_is_type(seed, json_type_int))
		setup->seed = json_object_get_uint64(seed);
	return r;
}

int plan_to_schedule(struct json_object *plan, struct schedule *ret, struct sq_err *err)
{
	struct schedule_setup setup = {
	    .duration = -1, .seed = 1, .poisson = strcmp(json_text(plan, "arrival"), "poisson") == 0};
	struct stage stages[SCHEDULE_STAGES_MAX];
	int r;

	if (strcmp(json_text(plan, "mode"), "closed") == 0)
		return 1;
	r = read_numbers(plan, &setup, err);
	if (r == 0)
		r = read_stages(plan, stages, &setup, err);
	if (r == 0)
		r = settle(&setup, err);
	if (r == 0)
		schedule_init(ret, &setup);
	return r;
}
