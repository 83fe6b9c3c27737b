/* json.c - documents that are built and read. */
#include "json.h"

#include <errno.h>
#include <json-c/json.h>

#define DEPTH_MAX 16

int json_put(struct json_object *o, const char *name, struct json_object *value)
{
	if (value && json_object_object_add(o, name, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

int json_put_text(struct json_object *o, const char *name, const char *text)
{
	return json_put(o, name, json_object_new_string(text));
}

struct json_object *json_read(const char *text, size_t len, struct sq_err *err)
{
	struct json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *doc;
	enum json_tokener_error e;
	size_t at;

	if (!tok) {
		sq_fail(err, -ENOMEM, "no memory");
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	doc = json_tokener_parse_ex(tok, text, (int)len);
	at = json_tokener_get_parse_end(tok);
	if (json_tokener_get_error(tok) == json_tokener_continue)
		doc = json_tokener_parse_ex(tok, " ", 1); /* a number ends where something follows */
	e = json_tokener_get_error(tok);
	json_tokener_free(tok);
	while (e == json_tokener_success && at < len &&
	       (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r')))
		at++;
	if (e == json_tokener_success && at == len)
		return doc;
	json_object_put(doc);
	sq_fail(err, -EINVAL, "is not JSON: %s at byte %zu",
	        e == json_tokener_success    ? "something follows it"
	        : e == json_tokener_continue ? "it ends too early"
	                                     : json_tokener_error_desc(e),
	        at);
	return NULL;
}

const char *json_text(struct json_object *o, const char *name)
{
	struct json_object *v = member_get(o, name);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}
