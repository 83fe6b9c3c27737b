/* plan_env.c - {{env NAME}} in the texts of a plan, which only this command fills in. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "plan_put.h"

#define OPEN "{{env "

/* What s holds, with variables in their places, appended to out. */
static int expand(const char *s, size_t len, struct buf *out, struct sq_err *err)
{
	const char *end = s + len, *open, *close, *value;
	char name[128];

	while ((open = memmem(s, (size_t)(end - s), OPEN, strlen(OPEN)))) {
		buf_add(out, s, (size_t)(open - s));
		s = open + strlen(OPEN);
		close = memmem(s, (size_t)(end - s), "}}", 2);
		if (!close || (size_t)(close - s) >= sizeof name)
			return sq_fail(err, -EINVAL, "\"{{env\" of the plan without its \"}}\"");
		snprintf(name, sizeof name, "%.*s", (int)(close - s), s);
		name[strcspn(name, " ")] = '\0';
		value = getenv(name);
		if (!value)
			return sq_fail(err, -EINVAL, "{{env %s}} of the plan: there is no such variable",
			               name);
		buf_str(out, value);
		s = close + 2;
	}
	buf_add(out, s, (size_t)(end - s));
	return buf_failed(out) ? -ENOMEM : 0;
}

static int expand_text(struct json_object *v, struct sq_err *err)
{
	const char *s = json_object_get_string(v);
	size_t len = (size_t)json_object_get_string_len(v);
	struct buf text = {0};
	int r;

	if (!memmem(s, len, OPEN, strlen(OPEN)))
		return 0;
	r = expand(s, len, &text, err);
	if (r == 0 && !json_object_set_string_len(v, text.data ? text.data : "", (int)text.len))
		r = -ENOMEM;
	buf_free(&text);
	return r;
}

int plan_expand(struct json_object *v, struct sq_err *err)
{
	int r = 0;

	if (json_object_is_type(v, json_type_string))
		return expand_text(v, err);
	if (json_object_is_type(v, json_type_array))
		for (size_t i = 0; r == 0 && i < json_object_array_length(v); i++)
			r = plan_expand(json_object_array_get_idx(v, i), err);
	if (json_object_is_type(v, json_type_object)) {
		struct json_object_iter it;

		json_object_object_foreachC(v, it)
		{
			r = r < 0 ? r : plan_expand(it.val, err);
		}
	}
	return r;
}
