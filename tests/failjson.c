/* failjson.c - counts calls into json-c through the linker's --wrap and fails the chosen one. */
#include <json-c/json.h>
#include <stddef.h>

#include "failjson.h"

static unsigned countdown;
static bool failed;

static bool fails(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	failed = true;
	return true;
}

void failjson_after(unsigned n)
{
	countdown = n;
	failed = false;
}

bool failjson_stop(void)
{
	countdown = 0;
	return failed;
}

/* WRAP(what it returns, its name, how it fails, parameters, arguments) */
#define WRAP(type, name, failure, params, args)                  \
	type __real_##name params;                               \
	type __wrap_##name params;                               \
	type __wrap_##name params                                \
	{                                                        \
		return fails() ? (failure) : __real_##name args; \
	}

WRAP(struct json_object *, json_object_new_object, NULL, (void), ())
WRAP(struct json_object *, json_object_new_array, NULL, (void), ())
WRAP(struct json_object *, json_object_new_string, NULL, (const char *s), (s))
WRAP(struct json_object *, json_object_new_string_len, NULL, (const char *s, const int len), (s, len))
WRAP(struct json_object *, json_object_new_int64, NULL, (int64_t n), (n))
WRAP(struct json_object *, json_object_new_uint64, NULL, (uint64_t n), (n))
WRAP(struct json_object *, json_object_new_double_s, NULL, (double d, const char *s), (d, s))
WRAP(struct json_object *, json_object_new_boolean, NULL, (json_bool b), (b))
WRAP(int, json_object_object_add, -1, (struct json_object * o, const char *key, struct json_object *v),
     (o, key, v))
WRAP(int, json_object_array_add, -1, (struct json_object * o, struct json_object *v), (o, v))
WRAP(const char *, json_object_to_json_string_ext, NULL, (struct json_object * o, int flags), (o, flags))
