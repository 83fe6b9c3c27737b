/* failjson.c - counts calls into json-c that allocate as allocations: see failmalloc.h. */
#include <json-c/json.h>
#include <stddef.h>

#include "failmalloc.h"

/* WRAP(what it returns, its name, how it fails, parameters, arguments) */
#define WRAP(type, name, failure, params, args)                           \
	type __real_##name params;                                        \
	type __wrap_##name params;                                        \
	type __wrap_##name params                                         \
	{                                                                 \
		return failmalloc_now() ? (failure) : __real_##name args; \
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
WRAP(int, json_object_deep_copy, -1,
     (struct json_object * o, struct json_object **ret, json_c_shallow_copy_fn *f), (o, ret, f))
WRAP(int, json_object_set_string, 0, (struct json_object * o, const char *s), (o, s))
