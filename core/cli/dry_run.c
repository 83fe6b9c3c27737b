/* dry_run.c - squall run --dry-run: the plan, and when its first requests are due. */
#include <json-c/json.h>

#include "command.h"
#include "core/base/text.h"
#include "json.h"
#include "output.h"
#include "plan.h"
#include "say.h"

#define FIRST 10 /* due times that are shown */

static int print_text(struct json_object *plan, const struct schedule *s)
{
	char total[TEXT_MAX], warm[TEXT_MAX], due[TEXT_MAX];
	int code = output_json(plan);

	if (code)
		return code;
	printf("\n%s request%s in all", text_count(total, s->total), s->total == 1 ? "" : "s");
	if (s->warm > 0)
		printf(", the first %s to warm up", text_count(warm, s->warm));
	printf("; the first are due, after the start, at\n");
	for (uint64_t k = 0; k < s->total && k < FIRST; k++)
		printf("  %2llu  %s\n", (unsigned long long)k, text_duration(due, schedule_due(s, k)));
	return 0;
}

/* s: NULL when nothing is due at a time. */
static int print_document(struct json_object *plan, const struct schedule *s)
{
	struct json_object *o = json_object_new_object(), *due = s ? json_object_new_array() : NULL;
	int code = RESULT_EXIT_STOPPED;

	for (uint64_t k = 0; s && k < s->total && k < FIRST; k++)
		json_object_array_add(due, json_object_new_int64(schedule_due(s, k)));
	if (json_put(o, "plan", json_object_get(plan)) == 0 &&
	    (!s || (json_put(o, "requests", json_object_new_uint64(s->total)) == 0 &&
	            json_put(o, "due_ns", json_object_get(due)) == 0)))
		code = output_json(o);
	json_object_put(due);
	json_object_put(o);
	return code;
}

int dry_run(struct json_object *plan, bool json)
{
	struct schedule schedule;
	struct sq_err err;
	int r = plan_to_schedule(plan, &schedule, &err);

	if (r < 0) {
		say("%s", err.text);
		return RESULT_EXIT_USAGE;
	}
	if (plan_hide(plan) < 0)
		return RESULT_EXIT_STOPPED;
	if (json)
		return print_document(plan, r > 0 ? NULL : &schedule);
	if (r == 0)
		return print_text(plan, &schedule);
	printf("In the closed model no request is due at a time: each follows the answer\nbefore it.\n\n");
	return output_json(plan);
}
