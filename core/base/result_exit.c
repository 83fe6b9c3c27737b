/* result_exit.c - the exit code that a result document asks for. */
#include "result_exit.h"

#include <json-c/json.h>

#include "result_page.h"

static bool is_trusted(struct json_object *doc, bool strict)
{
	struct json_object *validity = member_get(doc, "validity");
	struct json_object *balanced = member_get(member_get(doc, "ledger"), "balanced");

	if (!json_object_is_type(balanced, json_type_boolean) || !json_object_get_boolean(balanced))
		return false;
	return member_is(validity, "status", "valid") ||
	       (!strict && member_is(validity, "status", "suspect"));
}

/* One that surely does not hold, or cannot be decided. */
static bool has_failed_threshold(struct json_object *doc)
{
	struct json_object *rows = member_get(doc, "thresholds"), *good;

	for (size_t i = 0; json_object_is_type(rows, json_type_array) && i < json_object_array_length(rows);
	     i++) {
		good = member_get(json_object_array_get_idx(rows, i), "ok");
		if (json_object_is_type(good, json_type_boolean) && !json_object_get_boolean(good))
			return true;
	}
	return false;
}

int result_exit_code(struct json_object *doc, bool strict, bool allow_invalid)
{
	if (!member_is(doc, "state", "completed") && !member_is(doc, "reason", "threshold_aborted"))
		return RESULT_EXIT_STOPPED;
	if (!allow_invalid && !is_trusted(doc, strict))
		return RESULT_EXIT_INVALID;
	if (member_is(doc, "verdict", "pass"))
		return RESULT_EXIT_PASS;
	if (member_is(doc, "verdict", "none") && !has_failed_threshold(doc))
		return RESULT_EXIT_PASS;
	return RESULT_EXIT_FAIL;
}
