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
	return member_is(validity, "status", "valid") || (!strict && member_is(validity, "status", "suspect"));
}

int result_exit_code(struct json_object *doc, bool strict, bool allow_invalid)
{
	if (!member_is(doc, "state", "completed"))
		return RESULT_EXIT_STOPPED;
	if (!allow_invalid && !is_trusted(doc, strict))
		return RESULT_EXIT_INVALID;
	if (member_is(doc, "verdict", "pass") || member_is(doc, "verdict", "none"))
		return RESULT_EXIT_PASS;
	return RESULT_EXIT_FAIL;
}
