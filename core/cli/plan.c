/* plan.c - the plan of squall run, put together. */
#include "plan.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <strings.h>

#include "core/base/url.h"
#include "json.h"
#include "plan_put.h"
#include "rate.h"

#define PLAN_MAX (2 << 20) /* bytes of a plan's file, as the gateway takes it */

static int read_file(const char *path, struct json_object **ret, struct sq_err *err)
{
	struct sq_err why;
	struct buf text = {0};
	int r = file_read(path, PLAN_MAX, &text, err);

	if (r < 0) {
		buf_free(&text);
		return r;
	}
	*ret = json_read(text.data, text.len, &why);
	buf_free(&text);
	if (!*ret)
		return sq_fail(err, -EINVAL, "%s %s", path, why.text);
	if (json_object_is_type(*ret, json_type_object))
		return 0;
	json_object_put(*ret);
	return sq_fail(err, -EINVAL, "%s must hold a JSON object, like {\"hits_per_sec\": 10}", path);
}

static int put_url(struct json_object *plan, const char *operand, struct sq_err *err)
{
	const char *authority = strstr(operand, "://"), *at;
	struct sq_err why;
	struct url url;
	char shown[200];

	authority = authority ? authority + 3 : operand;
	at = memchr(authority, '@', strcspn(authority, "/?#"));
	if (at) /* whose password is shown to nobody */
		return sq_fail(
		    err, -EINVAL, "%.*s...%s: a user name in the URL is not supported: use -u NAME:PASSWORD",
		    (int)(authority - operand), operand, text_safe(shown, sizeof shown, at, strlen(at)));
	if (url_parse(operand, &url, &why) < 0)
		return sq_fail(err, -EINVAL, "%s: %s",
		               text_safe(shown, sizeof shown, operand, strlen(operand)), why.text);
	return json_put_text(plan, "url", url.text);
}

/* Two -H of one name cannot stand side by side in a plan, and neither may get lost. */
static int check_headers(const struct options *o, struct sq_err *err)
{
	for (size_t i = 0; i < o->field_count; i++)
		for (size_t j = 0; j < i; j++) {
			const char *a = o->fields[i].value, *b = o->fields[j].value;
			size_t len;

			if (o->fields[i].row->put != plan_put_header ||
			    o->fields[j].row->put != plan_put_header)
				continue;
			len = strcspn(a, ":");
			if (strcspn(b, ":") == len && strncasecmp(a, b, len) == 0)
				return sq_fail(err, -EINVAL, "-H \"%.*s\" is there twice", (int)len, a);
		}
	return 0;
}

static int put_fields(struct json_object *plan, const struct options *o, struct sq_err *err)
{
	int r = check_headers(o, err);

	for (size_t i = 0; r == 0 && i < o->field_count; i++) {
		r = o->fields[i].row->put(plan, o->fields[i].row, o->fields[i].value, err);
		if (r == -ENOMEM)
			sq_fail(err, r, "no memory");
	}
	return r;
}

static bool is_given(const struct options *o, const char *field)
{
	for (size_t i = 0; i < o->field_count; i++)
		if (o->fields[i].row->field && strcmp(o->fields[i].row->field, field) == 0)
			return true;
	return false;
}

static int put_default(struct json_object *plan, const char *field, int64_t value)
{
	return member_get(plan, field) ? 0 : json_put(plan, field, json_object_new_int64(value));
}

/* -c alone: the closed model. Its connections are those of the whole test. */
static int put_closed(struct json_object *plan, const struct options *o)
{
	struct json_object *connections = member_get(plan, "max_connections");

	if (!is_given(o, "max_connections") || member_get(plan, "hits_per_sec") ||
	    member_get(plan, "stages") || member_get(plan, "mode"))
		return 0;
	if (json_put(plan, "connections", json_object_get(connections)) < 0 ||
	    json_put_text(plan, "mode", "closed") < 0)
		return -ENOMEM;
	json_object_object_del(plan, "max_connections");
	return 0;
}

/* No load given: 10/s for 10 s with 1 worker. Stages and a number of requests say how long it takes. */
static int put_defaults(struct json_object *plan, const struct options *o, struct sq_err *err)
{
	bool stages = member_get(plan, "stages");
	int r = put_closed(plan, o);

	if (r == 0 && !stages && strcmp(json_text(plan, "mode"), "closed") != 0)
		r = put_default(plan, "hits_per_sec", 10);
	if (r == 0 && !stages && !member_get(plan, "max_requests"))
		r = put_default(plan, "duration_sec", 10);
	if (r == 0)
		r = put_default(plan, "workers", 1);
	return r < 0 ? sq_fail(err, r, "no memory") : 0;
}

int plan_build(const struct options *o, struct json_object **ret, struct sq_err *err)
{
	struct json_object *plan = NULL;
	int r = 0;

	if (o->plan_file)
		r = read_file(o->plan_file, &plan, err);
	else if (!(plan = json_object_new_object()))
		r = sq_fail(err, -ENOMEM, "no memory");
	if (r < 0)
		return r;
	r = plan_expand_files(plan, o->plan_file, err);
	if (r == 0 && o->operand)
		r = put_url(plan, o->operand, err);
	if (r == 0)
		r = put_fields(plan, o, err);
	if (r == 0)
		r = put_defaults(plan, o, err);
	if (r == 0)
		r = plan_expand_env(plan, err);
	if (r == -ENOMEM)
		sq_fail(err, r, "no memory");
	if (r < 0)
		json_object_put(plan);
	else
		*ret = plan;
	return r;
}

static bool is_named(struct json_object *list, const char *name, size_t len)
{
	for (size_t i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
	     i++) {
		struct json_object *v = json_object_array_get_idx(list, i);

		if (json_object_is_type(v, json_type_string) &&
		    (size_t)json_object_get_string_len(v) == len &&
		    strncasecmp(json_object_get_string(v), name, len) == 0)
			return true;
	}
	return false;
}

bool plan_is_secret(struct json_object *plan, const char *name, size_t len)
{
	static const char *const always[] = {"Authorization", "Proxy-Authorization", "Cookie"};

	for (size_t i = 0; i < SQ_LEN(always); i++)
		if (strlen(always[i]) == len && strncasecmp(always[i], name, len) == 0)
			return true;
	return is_named(member_get(plan, "secret_headers"), name, len);
}

/* headers: of the plan or of one of its requests. */
static int hide_headers(struct json_object *plan, struct json_object *headers)
{
	struct json_object_iter it;

	if (!json_object_is_type(headers, json_type_object))
		return 0;
	json_object_object_foreachC(headers, it)
	{
		if (plan_is_secret(plan, it.key, strlen(it.key)) &&
		    json_object_is_type(it.val, json_type_string) &&
		    !json_object_set_string(it.val, "(hidden)"))
			return -ENOMEM;
	}
	return 0;
}

int plan_hide(struct json_object *plan)
{
	struct json_object *tls = member_get(plan, "tls"), *requests = member_get(plan, "requests"),
	                   *key = json_object_is_type(tls, json_type_object) ? member_get(tls, "key") : NULL;
	size_t count = json_object_is_type(requests, json_type_array) ? json_object_array_length(requests)
	                                                              : 0;
	int r = hide_headers(plan, member_get(plan, "headers"));

	if (json_object_is_type(key, json_type_string) && !json_object_set_string(key, "(hidden)"))
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = hide_headers(plan, member_get(json_object_array_get_idx(requests, i), "headers"));
	return r;
}
