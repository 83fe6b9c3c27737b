/* members.c - strict reading of JSON objects; every refusal names the member. */
#include "members.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

struct members members_of(struct json_object *o, const char *what, struct sq_err *err)
{
	struct members m = {.what = what, .err = err};

	if (json_object_is_type(o, json_type_object))
		m.o = o;
	else
		m.status = sq_fail(err, -EINVAL, "%s is not an object", what);
	return m;
}

void members_refuse(struct members *m, const char *name, const char *why)
{
	if (m->status == 0)
		m->status = sq_fail(m->err, -EINVAL, "%s.%s %s", m->what, name, why);
}

/* Whether there is such a value; refused when it is missing or of another type. */
static bool take(struct members *m, const char *name, enum json_type type, bool nullable,
                 struct json_object **ret)
{
	static const char *const refusals[] = {
	    [json_type_boolean] = "is not true or false", [json_type_int] = "is not a whole number",
	    [json_type_object] = "is not an object",      [json_type_array] = "is not a list",
	    [json_type_string] = "is not a text",
	};

	*ret = NULL;
	if (m->status < 0)
		return false;
	if (!json_object_object_get_ex(m->o, name, ret)) {
		members_refuse(m, name, "is missing");
		return false;
	}
	m->taken++;
	if (!*ret && nullable)
		return false;
	if (!json_object_is_type(*ret, type)) {
		*ret = NULL;
		members_refuse(m, name, refusals[type]);
		return false;
	}
	return true;
}

int64_t members_int(struct members *m, const char *name, int64_t min, int64_t max)
{
	struct json_object *v;
	char why[80];
	int64_t n;

	if (!take(m, name, json_type_int, false, &v))
		return 0;
	n = json_object_get_int64(v); /* the nearest one when it does not fit */
	if (n >= min && n <= max)
		return n;
	snprintf(why, sizeof why, "is outside %lld .. %lld", (long long)min, (long long)max);
	members_refuse(m, name, why);
	return 0;
}

uint64_t members_count(struct members *m, const char *name, uint64_t max)
{
	return (uint64_t)members_int(m, name, 0, (int64_t)max);
}

bool members_bool(struct members *m, const char *name)
{
	struct json_object *v;

	return take(m, name, json_type_boolean, false, &v) && json_object_get_boolean(v);
}

size_t members_bytes(struct members *m, const char *name, char *out, size_t size)
{
	struct json_object *v;
	size_t len;

	if (!take(m, name, json_type_string, false, &v))
		return 0;
	len = (size_t)json_object_get_string_len(v);
	if (len > size) {
		members_refuse(m, name, "is too long");
		return 0;
	}
	memcpy(out, json_object_get_string(v), len);
	return len;
}

void members_text(struct members *m, const char *name, char *out, size_t size)
{
	size_t len = members_bytes(m, name, out, size - 1);

	out[len] = '\0';
	if (strlen(out) != len)
		members_refuse(m, name, "has a zero byte in it");
}

void members_name(struct members *m, const char *name, char *out, size_t size, bool optional)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	members_text(m, name, out, size);
	if (strspn(out, letters) != strlen(out))
		members_refuse(m, name, "has characters other than letters, digits and . _ -");
	if (!optional && !*out)
		members_refuse(m, name, "is empty");
}

struct sq_slice members_slice(struct members *m, const char *name)
{
	struct json_object *v;

	if (!take(m, name, json_type_string, false, &v))
		return (struct sq_slice){"", 0};
	return (struct sq_slice){json_object_get_string(v), (size_t)json_object_get_string_len(v)};
}

int members_word(struct members *m, const char *name, const char *const *words, int count)
{
	struct json_object *v;

	if (!take(m, name, json_type_string, false, &v))
		return 0;
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], json_object_get_string(v)) == 0)
			return i;
	members_refuse(m, name, "is not a word known here");
	return 0;
}

struct json_object *members_object(struct members *m, const char *name, bool nullable)
{
	struct json_object *v;

	return take(m, name, json_type_object, nullable, &v) ? v : NULL;
}

struct members members_within(struct members *m, const char *name, const char *what)
{
	struct json_object *o = members_object(m, name, false);

	return (struct members){.o = o, .what = what, .status = m->status, .err = m->err};
}

struct json_object *members_array(struct members *m, const char *name, size_t max, bool nullable)
{
	struct json_object *v;

	if (!take(m, name, json_type_array, nullable, &v))
		return NULL;
	if (json_object_array_length(v) <= max)
		return v;
	members_refuse(m, name, "is too long a list");
	return NULL;
}

int members_end(struct members *m)
{
	if (m->status == 0 && json_object_object_length(m->o) != m->taken)
		m->status = sq_fail(m->err, -EINVAL, "%s has a member that is unknown here", m->what);
	return m->status;
}
