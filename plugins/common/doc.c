/* doc.c - building JSON documents; json-c behind functions that own what they are given. */
#include "doc.h"

#include <json-c/json.h>
#include <stddef.h>

#include "decimal.h"

bool doc_put(struct json_object *o, const char *name, struct json_object *value)
{
	if (o && value && json_object_object_add(o, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

bool doc_put_null(struct json_object *o, const char *name)
{
	return o && json_object_object_add(o, name, NULL) == 0;
}

bool doc_put_text(struct json_object *o, const char *name, const char *text)
{
	return text ? doc_put(o, name, json_object_new_string(text)) : doc_put_null(o, name);
}

bool doc_put_count(struct json_object *o, const char *name, uint64_t n)
{
	return doc_put(o, name, json_object_new_uint64(n));
}

bool doc_put_decimal(struct json_object *o, const char *name, int64_t scaled, unsigned digits)
{
	char text[DECIMAL_MAX];
	int64_t power = 1;

	for (unsigned i = 0; i < digits; i++)
		power *= 10;
	if (scaled % power == 0)
		return doc_put(o, name, json_object_new_int64(scaled / power));
	/* json-c writes the text, so that no digit is invented or lost. */
	decimal_text(text, scaled, digits);
	return doc_put(o, name, json_object_new_double_s((double)scaled / (double)power, text));
}

bool doc_put_ms(struct json_object *o, const char *name, int64_t ns)
{
	return ns < 0 ? doc_put_null(o, name) : doc_put_decimal(o, name, ns, 6);
}

bool doc_append(struct json_object *array, struct json_object *value)
{
	if (array && value && json_object_array_add(array, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

struct json_object *doc_close(struct json_object *o, bool good)
{
	if (good)
		return o;
	json_object_put(o);
	return NULL;
}
