/* dry_run.c - squall run --dry-run: the plan, and when its first requests are due. */
#include <json-c/json.h>

#include "command.h"
#include "core/base/text.h"
#include "json.h"
#include "output.h"
#include "plan.h"
#include "rate.h"
#include "say.h"

#define FIRST 10 /* due times that are shown */

struct load {
	int64_t rate, duration;
	uint64_t total;
};

static int print_text(struct json_object *plan, const struct load *load)
{
	char total[TEXT_MAX], due[TEXT_MAX];
	uint64_t shown = load->total < FIRST ? load->total : FIRST;
	int code = output_json(plan);

	if (code)
		return code;
	printf("\n%s request%s in all; the first are due, after the start, at\n",
	       text_count(total, load->total), load->total == 1 ? "" : "s");
	for (uint64_t k = 0; k < shown; k++)
		printf("  %2llu  %s\n", (unsigned long long)k, text_duration(due, rate_due(load->rate, k)));
	return 0;
}

/* load: NULL when due times are not those of a constant rate. */
static int print_document(struct json_object *plan, const struct load *load)
{
	struct json_object *o = json_object_new_object(), *due = load ? json_object_new_array() : NULL;
	uint64_t shown = load && load->total < FIRST ? load->total : FIRST;
	int code = RESULT_EXIT_STOPPED;

	for (uint64_t k = 0; load && k < shown; k++)
		json_object_array_add(due, json_object_new_int64(rate_due(load->rate, k)));
	if (json_put(o, "plan", json_object_get(plan)) == 0 &&
	    (!load || (json_put(o, "requests", json_object_new_int64((int64_t)load->total)) == 0 &&
	               json_put(o, "due_ns", json_object_get(due)) == 0)))
		code = output_json(o);
	json_object_put(due);
	json_object_put(o);
	return code;
}

int dry_run(struct json_object *plan, bool json)
{
	struct sq_err err;
	struct load load;

	int r = plan_load(plan, &load.rate, &load.duration, &err);

	if (r < 0) {
		say("%s", err.text);
		return RESULT_EXIT_USAGE;
	}
	if (plan_hide(plan) < 0)
		return RESULT_EXIT_STOPPED;
	if (r > 0 && json)
		return print_document(plan, NULL);
	if (r > 0) {
		printf("The load is not one constant rate alone: due times are not shown.\n\n");
		return output_json(plan);
	}
	load.total = rate_total(load.rate, load.duration);
	return json ? print_document(plan, &load) : print_text(plan, &load);
}
