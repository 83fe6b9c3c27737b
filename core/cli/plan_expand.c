/*
 * plan_expand.c - what stands in a plan for something of this machine: {{env NAME}} in any text, and a body
 * that is @FILE. The gateway refuses both, as it has other files and another environment.
 */
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "json.h"
#include "plan.h"
#include "plan_put.h"

#define NAME_MAX_BYTES 128

/* --- {{env NAME}} ---------------------------------------------------------------------------- */

static const char *skip(const char *s)
{
	return s + strspn(s, " \t");
}

/* Behind the closing braces, when s, behind the opening ones, is about the environment. NULL: it is not. */
static const char *read_env(const char *s, const char **ret_name, size_t *ret_len)
{
	const char *name;

	s = skip(s);
	if (strncmp(s, "env", 3) != 0 || (s[3] != ' ' && s[3] != '\t'))
		return NULL;
	name = skip(s + 3);
	*ret_name = name;
	*ret_len = strcspn(name, " \t{}");
	s = skip(name + *ret_len);
	return *ret_len > 0 && strncmp(s, "}}", 2) == 0 ? s + 2 : NULL;
}

static int add_value(struct buf *out, const char *name, size_t len, struct sq_err *err)
{
	char copy[NAME_MAX_BYTES], shown[NAME_MAX_BYTES];
	const char *value;

	text_safe(shown, sizeof shown, name, len);
	snprintf(copy, sizeof copy, "%.*s", (int)len, name);
	value = len < sizeof copy ? getenv(copy) : NULL;
	if (!value)
		return sq_fail(err, -EINVAL, "{{env %s}} of the plan: %s is not set in the environment",
		               shown, shown);
	buf_str(out, value);
	return 0;
}

/* A text, which may hold NULs; nothing of what is put in is looked at again. */
static int expand_text(const char *s, size_t len, struct buf *out, struct sq_err *err)
{
	const char *end = s + len, *open, *next, *name;
	size_t name_len;
	int r = 0;

	while (r == 0 && (open = memmem(s, (size_t)(end - s), "{{", 2))) {
		int past = strncmp(open, "{{{{", 4) == 0 ? 4 : 2; /* {{{{ is two braces, to the workers */

		next = past == 2 ? read_env(open + 2, &name, &name_len) : NULL;
		buf_add(out, s, (size_t)((next ? open : open + past) - s));
		if (next)
			r = add_value(out, name, name_len, err);
		s = next ? next : open + past;
	}
	buf_add(out, s, (size_t)(end - s));
	return r == 0 && buf_failed(out) ? -ENOMEM : r;
}

static int expand_string(struct json_object *v, struct sq_err *err)
{
	struct buf out = {0};
	int r;

	buf_str(&out, "");
	r = expand_text(json_object_get_string(v), (size_t)json_object_get_string_len(v), &out, err);
	if (r == 0 && !json_object_set_string_len(v, out.data, (int)out.len))
		r = -ENOMEM;
	buf_free(&out);
	return r;
}

int plan_expand_env(struct json_object *v, struct sq_err *err)
{
	struct json_object_iter it;
	int r = 0;

	if (json_object_is_type(v, json_type_string))
		return expand_string(v, err);
	if (json_object_is_type(v, json_type_array))
		for (size_t i = 0; r == 0 && i < json_object_array_length(v); i++)
			r = plan_expand_env(json_object_array_get_idx(v, i), err);
	if (!json_object_is_type(v, json_type_object))
		return r;
	json_object_object_foreachC(v, it)
	{
		if (r == 0)
			r = plan_expand_env(it.val, err);
	}
	return r;
}

/* --- @FILE ----------------------------------------------------------------------------------- */

/* Beside the plan's own file. */
static int find_file(const char *name, const char *plan_file, char out[PATH_MAX], struct sq_err *err)
{
	const char *slash = plan_file && *name != '/' ? strrchr(plan_file, '/') : NULL;
	int folder = slash ? (int)(slash - plan_file) + 1 : 0;

	if (snprintf(out, PATH_MAX, "%.*s%s", folder, slash ? plan_file : "", name) < PATH_MAX)
		return 0;
	return sq_fail(err, -EINVAL, "the path of the body's file is too long");
}

/* o: the plan, or one of its requests. */
static int expand_body(struct json_object *o, const char *plan_file, struct sq_err *err)
{
	const char *body = json_text(o, "body");
	char path[PATH_MAX];
	int r;

	if (body[0] != '@' || body[1] == '@')
		return 0;
	if (body[1] == '\0')
		return sq_fail(err, -EINVAL, "body of the plan: @ wants the name of a file behind it");
	r = find_file(body + 1, plan_file, path, err);
	return r == 0 ? plan_put_file(o, "body", path, err) : r;
}

int plan_expand_files(struct json_object *plan, const char *plan_file, struct sq_err *err)
{
	struct json_object *requests = member_get(plan, "requests");
	size_t count = json_object_is_type(requests, json_type_array) ? json_object_array_length(requests)
	                                                              : 0;
	int r = expand_body(plan, plan_file, err);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = expand_body(json_object_array_get_idx(requests, i), plan_file, err);
	return r;
}
