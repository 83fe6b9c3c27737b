/* result_page.c - lines of at most 80 columns, and members of a document that nobody vouches for. */
#include "result_page.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "text.h"

#define LINE_MAX_BYTES (4 * WORDS_MAX) /* of one call's text; more is cut */

void page_pad(struct page *p, unsigned column)
{
	for (; p->column < column; p->column++)
		buf_str(p->out, " ");
}

void page_end(struct page *p)
{
	buf_str(p->out, "\n");
	p->column = 0;
}

void page_begin(struct page *p, const char *name, unsigned indent, const char *color)
{
	if (p->new_block && p->out->len > p->start)
		page_end(p);
	p->new_block = false;
	if (p->color && color)
		buf_printf(p->out, "\033[1;%sm%s\033[0m", color, name);
	else
		buf_str(p->out, name);
	p->column = (unsigned)strlen(name);
	p->indent = indent;
	page_pad(p, indent);
}

void page_begin_fail(struct page *p)
{
	page_begin(p, "FAIL", PAGE_MARGIN, PAGE_RED);
	p->failed = true;
}

static void put_unit(struct page *p, unsigned gap, const char *text)
{
	size_t len = strlen(text), room;

	if (p->column + gap + len > PAGE_WIDTH && p->column > p->indent) {
		page_end(p);
		page_pad(p, p->indent);
	} else {
		page_pad(p, p->column + gap);
	}
	while (len > (room = PAGE_WIDTH - p->column)) {
		buf_add(p->out, text, room);
		text += room;
		len -= room;
		page_end(p);
		page_pad(p, p->indent);
	}
	buf_add(p->out, text, len);
	p->column += (unsigned)len;
}

void page_put(struct page *p, unsigned gap, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	put_unit(p, gap, text);
}

void page_say(struct page *p, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], *rest = NULL;
	unsigned gap = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		put_unit(p, gap, word);
		gap = 1;
	}
	page_end(p);
}

struct json_object *member_get(struct json_object *o, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(o, json_type_object))
		json_object_object_get_ex(o, name, &value);
	return value;
}

bool member_text(struct json_object *o, const char *name, char out[WORDS_MAX])
{
	struct json_object *v = member_get(o, name);

	*out = '\0';
	if (json_object_is_type(v, json_type_string))
		text_safe(out, WORDS_MAX, json_object_get_string(v), (size_t)json_object_get_string_len(v));
	return *out != '\0';
}

bool member_is(struct json_object *o, const char *name, const char *text)
{
	char value[WORDS_MAX];

	return member_text(o, name, value) && strcmp(value, text) == 0;
}

bool member_count(struct json_object *o, const char *name, uint64_t *ret)
{
	struct json_object *v = member_get(o, name);

	if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0)
		return false;
	*ret = json_object_get_uint64(v);
	return true;
}

bool member_number(struct json_object *o, const char *name, double *ret)
{
	struct json_object *v = member_get(o, name);

	if (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))
		return false;
	*ret = json_object_get_double(v);
	return isfinite(*ret);
}

uint64_t member_total(struct json_object *o, const char *name)
{
	struct json_object *group = member_get(o, name);
	struct json_object_iter it;
	uint64_t sum = 0, n = 0;

	if (!json_object_is_type(group, json_type_object))
		return member_count(o, name, &n) ? n : 0;
	json_object_object_foreachC(group, it)
	{
		if (member_count(group, it.key, &n))
			sum += n;
	}
	return sum;
}
