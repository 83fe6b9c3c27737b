/*
 * plan_local.c - what only squall run can put in its place: {{env NAME}} and @FILE are about the machine of
 * who wrote the plan. In a plan that is posted they are a slip, and would be sent as they stand.
 */
#include <json-c/json.h>
#include <string.h>

#include "plan_field.h"

/* "{{env X}}" with blanks anywhere. */
static bool has_env(const char *s)
{
	while ((s = strstr(s, "{{"))) {
		if (strncmp(s, "{{{{", 4) == 0) { /* two braces, and no more (template.h) */
			s += 4;
			continue;
		}
		s += 2 + strspn(s + 2, " \t");
		if (strncmp(s, "env", 3) == 0 && s[3] && strchr(" \t}", s[3]))
			return true;
	}
	return false;
}

static bool is_local(struct json_object *v)
{
	struct json_object_iter it;

	if (json_object_is_type(v, json_type_string))
		return has_env(json_object_get_string(v));
	if (json_object_is_type(v, json_type_array))
		for (size_t i = 0; i < json_object_array_length(v); i++)
			if (is_local(json_object_array_get_idx(v, i)))
				return true;
	if (!json_object_is_type(v, json_type_object))
		return false;
	json_object_object_foreachC(v, it)
	{
		if (is_local(it.val))
			return true;
	}
	return false;
}

void plan_refuse_local(struct json_object *doc, struct plan_problems *problems)
{
	struct json_object_iter it;

	json_object_object_foreachC(doc, it)
	{
		if (plan_field(it.key) && is_local(it.val))
			plan_problem(
			    problems, it.key,
			    "{{env NAME}} is for plans that squall run reads: put the value in its place");
	}
}
