/* doc.c - building and parsing JSON documents; json-c behind functions that own what they are given. */
#include "doc.h"

#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#include "core/base/buf.h"
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

/* The length of the well-formed character that s begins with, 0 for none (RFC 3629, 4). */
static size_t utf8_length(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80   ? 1
	           : s[0] < 0xc2 ? 0
	           : s[0] < 0xe0 ? 2
	           : s[0] < 0xf0 ? 3
	           : s[0] < 0xf5 ? 4
	                         : 0;

	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, a surrogate, or beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

bool doc_put_foreign(struct json_object *o, const char *name, const char *bytes, size_t len)
{
	const unsigned char *s = (const unsigned char *)bytes;
	struct buf text = {0};
	bool good;

	buf_str(&text, "");
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length(s + i, len - i);
		buf_add(&text, n ? bytes + i : "?", n ? n : 1);
		n = n ? n : 1;
	}
	good = !buf_failed(&text) && doc_put(o, name, json_object_new_string_len(text.data, (int)text.len));
	buf_free(&text);
	return good;
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

struct json_object *doc_copy(struct json_object *o)
{
	struct json_object *copy = NULL;

	if (!o)
		return NULL;
	return json_object_deep_copy(o, &copy, NULL) == 0 ? copy : doc_close(copy, false);
}

const char *doc_text(struct json_object *o, size_t *ret_len)
{
	/* json_object_to_json_string_length() would do both, but cannot tell that memory ran out. */
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	                                                         JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text)
		*ret_len = strlen(text);
	return text;
}

void doc_write(struct json_object *o, struct buf *out)
{
	size_t len = 0;
	const char *text = o ? doc_text(o, &len) : NULL;

	if (text)
		buf_add(out, text, len);
	else
		out->failed = true;
	json_object_put(o);
}

/* Why the text is no JSON, and where; or NULL. */
static const char *parse(struct json_tokener *tok, struct sq_slice text, struct json_object **ret,
                         size_t *ret_at)
{
	enum json_tokener_error e;

	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	*ret = json_tokener_parse_ex(tok, text.len ? text.data : "", (int)text.len);
	*ret_at = json_tokener_get_parse_end(tok);
	/* A number or a word ends where another character follows. */
	if (json_tokener_get_error(tok) == json_tokener_continue)
		*ret = json_tokener_parse_ex(tok, " ", 1);
	e = json_tokener_get_error(tok);
	if (e == json_tokener_continue)
		return "it ends too early";
	if (e != json_tokener_success)
		return json_tokener_error_desc(e);
	for (; *ret_at < text.len; ++*ret_at)
		if (!isspace((unsigned char)text.data[*ret_at]))
			return "something follows it";
	return NULL;
}

int doc_parse(struct sq_slice text, int depth, struct json_object **ret, struct sq_err *err)
{
	struct json_tokener *tok;
	struct json_object *o = NULL;
	const char *why;
	size_t at;

	if (text.len > INT_MAX)
		return sq_fail(err, -EBADMSG, "it is %zu bytes long", text.len);
	tok = json_tokener_new_ex(depth);
	if (!tok)
		return sq_fail(err, -ENOMEM, "not enough memory");
	why = parse(tok, text, &o, &at);
	json_tokener_free(tok);
	if (!why) {
		*ret = o;
		return 0;
	}
	json_object_put(o);
	return sq_fail(err, -EBADMSG, "%s at byte %zu", why, at);
}
