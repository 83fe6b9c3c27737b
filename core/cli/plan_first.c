/*
 * plan_first.c - of a plan the request that --debug sends: the first of its requests, with the values of
 * request 0 in the places of {{...}}, as a worker fills them. Only {{uuid}} is another one in every test.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/template.h"
#include "core/base/url.h"
#include "json.h"
#include "plan.h"

/* --- the first of several -------------------------------------------------------------------- */

static int put_path(struct json_object *plan, const char *path)
{
	struct buf text = {0};
	struct url url;
	int r;

	if (url_parse(json_text(plan, "url"), &url, NULL) < 0)
		return 0; /* libcurl says what is wrong with it */
	buf_printf(&text, "%s://%s%s", url.tls ? "https" : "http", url.authority, path);
	r = buf_failed(&text) ? -ENOMEM : json_put_text(plan, "url", text.data);
	buf_free(&text);
	return r;
}

static void drop_header(struct json_object *headers, const char *name)
{
	struct json_object_iter it;

	json_object_object_foreachC(headers, it)
	{
		if (strcasecmp(it.key, name) == 0) {
			json_object_object_del(headers, it.key);
			return;
		}
	}
}

static int put_headers(struct json_object *plan, struct json_object *more)
{
	struct json_object *headers = member_get(plan, "headers");
	struct json_object_iter it;
	int r = 0;

	if (!json_object_is_type(more, json_type_object))
		return 0;
	if (!json_object_is_type(headers, json_type_object)) {
		r = json_put(plan, "headers", json_object_new_object());
		if (r < 0)
			return r;
		headers = member_get(plan, "headers");
	}
	json_object_object_foreachC(more, it)
	{
		drop_header(headers, it.key);
		r = r < 0 ? r : json_put(headers, it.key, json_object_get(it.val));
	}
	return r;
}

/* What it does not say is the plan's; one with a body of its own is posted. */
static int take_request(struct json_object *plan)
{
	static const char *const members[] = {"url", "method", "body", "expect_status"};
	struct json_object *list = member_get(plan, "requests"), *first;
	int r;

	if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) == 0)
		return 0;
	first = json_object_array_get_idx(list, 0);
	if (member_get(first, "body"))
		json_object_object_del(plan, "method");
	r = put_headers(plan, member_get(first, "headers"));
	for (size_t i = 0; r == 0 && i < SQ_LEN(members); i++)
		if (member_get(first, members[i]))
			r = json_put(plan, members[i], json_object_get(member_get(first, members[i])));
	if (r == 0 && *json_text(first, "path"))
		r = put_path(plan, json_text(first, "path"));
	return r;
}

/* --- its values ------------------------------------------------------------------------------ */

struct filler {
	struct template_data data; /* the first row */
	struct template_values values;
	uint32_t place;
	struct sq_err *err;
};

/* Names and texts stay the document's; the lists are ours. */
static int take_row(struct filler *f, struct json_object *row)
{
	struct json_object_iter it;
	size_t count = json_object_is_type(row, json_type_object) ? (size_t)json_object_object_length(row)
	                                                          : 0;

	if (count == 0)
		return 0;
	f->data.names = calloc(count, sizeof *f->data.names);
	f->data.cells = calloc(count, sizeof *f->data.cells);
	if (!f->data.names || !f->data.cells)
		return -ENOMEM;
	json_object_object_foreachC(row, it)
	{
		const char *text = json_object_get_string(it.val);

		f->data.names[f->data.columns] = it.key;
		f->data.cells[f->data.columns++] = (struct sq_slice){text ? text : "",
		                                                     text ? strlen(text) : 0};
	}
	f->data.rows = 1;
	return 0;
}

/* *ret: the text with its values, the caller's to put. */
static int fill(struct filler *f, struct json_object *text, struct json_object **ret)
{
	struct sq_slice source = {json_object_get_string(text), (size_t)json_object_get_string_len(text)};
	struct template t;
	struct buf out = {0};
	char *room;
	int r = template_compile(&t, source, &f->data, &f->place, f->err);

	if (r < 0)
		return r;
	room = buf_room(&out, template_length(&t, &f->values));
	if (room) {
		char *end = template_render(&t, &f->values, room);

		*ret = json_object_new_string_len(room, (int)(end - room));
	}
	template_free(&t);
	buf_free(&out);
	return room && *ret ? 0 : -ENOMEM;
}

/* In the order in which a worker draws them: the path, headers, the body. */
static int fill_member(struct filler *f, struct json_object *o, const char *name)
{
	struct json_object *text = member_get(o, name), *filled = NULL;
	int r;

	if (!json_object_is_type(text, json_type_string))
		return 0;
	r = fill(f, text, &filled);
	return r < 0 ? r : json_put(o, name, filled);
}

static int fill_headers(struct filler *f, struct json_object *headers)
{
	struct json_object *filled = json_object_new_object();
	struct json_object_iter it;
	int r = 0;

	if (!json_object_is_type(headers, json_type_object)) {
		json_object_put(filled);
		return 0;
	}
	json_object_object_foreachC(headers, it)
	{
		struct json_object *value = NULL;

		if (r == 0 && json_object_is_type(it.val, json_type_string))
			r = fill(f, it.val, &value);
		if (r == 0 && value)
			r = json_put(filled, it.key, value);
	}
	json_object_object_foreachC(filled, it)
	{
		r = r < 0 ? r : json_put(headers, it.key, json_object_get(it.val));
	}
	json_object_put(filled);
	return r;
}

int plan_take_first(struct json_object *plan, struct sq_err *err)
{
	struct json_object *rows = member_get(plan, "data"), *seed = member_get(plan, "seed");
	struct filler f = {.err = err};
	int r = take_request(plan);

	f.values.seed = json_object_is_type(seed, json_type_int) ? json_object_get_uint64(seed) : 1;
	f.values.data = &f.data;
	if (r == 0 && json_object_is_type(rows, json_type_array) && json_object_array_length(rows) > 0)
		r = take_row(&f, json_object_array_get_idx(rows, 0));
	if (r == 0)
		r = fill_member(&f, plan, "url");
	if (r == 0)
		r = fill_headers(&f, member_get(plan, "headers"));
	if (r == 0)
		r = fill_member(&f, plan, "body");
	free(f.data.names);
	free(f.data.cells);
	return r == -ENOMEM ? sq_fail(err, r, "no memory") : r;
}
