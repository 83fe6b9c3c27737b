/* plan_put_http.c - options that say what a request holds, and what is asked of the answers. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/text.h"
#include "json.h"
#include "options.h"
#include "plan_put.h"

#define BODY_MAX (1 << 20) /* as the gateway takes it */
#define DEFAULT_METRIC "http_req_response_time" /* what a bare expression is about */

int file_read(const char *path, size_t limit, struct buf *out, struct sq_err *err)
{
	bool standard_input = strcmp(path, "-") == 0;
	int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	size_t start = out->len;
	ssize_t n = -1;
	char *room;

	if (fd < 0)
		return sq_fail(err, -EINVAL, "cannot open %s: %s", path, strerror(errno));
	while ((room = buf_room(out, 1 << 16)) && (n = read(fd, room, 1 << 16)) > 0) {
		out->len += (size_t)n;
		if (out->len - start > limit)
			break;
	}
	buf_str(out, "");
	if (!standard_input)
		close(fd);
	if (buf_failed(out))
		return sq_fail(err, -ENOMEM, "no memory for %s", path);
	if (n < 0)
		return sq_fail(err, -EINVAL, "cannot read %s: %s", path, strerror(errno));
	if (out->len - start > limit)
		return sq_fail(err, -EINVAL, "%s is too long: the most is %zu bytes", path, limit);
	return 0;
}

/* The object of that name, a new one when there is none. 0, -ENOMEM, or -EINVAL for another type. */
static int object_of(struct json_object *plan, const char *name, struct json_object **ret)
{
	if (!member_get(plan, name) && json_put(plan, name, json_object_new_object()) < 0)
		return -ENOMEM;
	*ret = member_get(plan, name);
	return json_object_is_type(*ret, json_type_object) ? 0 : -EINVAL;
}

/* Names of headers do not heed case; the one that is there gives way. */
static int put_header(struct json_object *plan, const char *name, const char *value, struct sq_err *err)
{
	struct json_object *headers;
	struct json_object_iter it;
	const char *old = NULL;
	int r = object_of(plan, "headers", &headers);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return sq_fail(err, -EINVAL, "headers of the plan must be an object of names and values");
	json_object_object_foreachC(headers, it)
	{
		if (strcasecmp(it.key, name) == 0)
			old = it.key;
	}
	if (old)
		json_object_object_del(headers, old);
	return json_put_text(headers, name, value);
}

int plan_put_header(struct json_object *plan, const struct option_row *row, const char *value,
                    struct sq_err *err)
{
	size_t len = strcspn(value, ":");
	char name[256];

	(void)row;
	if (len == 0 || len >= sizeof name || value[len] != ':')
		return sq_fail(err, -EINVAL, "-H wants 'Name: value', not \"%s\"",
		               text_safe(name, 64, value, strlen(value)));
	memcpy(name, value, len);
	name[len] = '\0';
	value += len + 1;
	return put_header(plan, name, value + strspn(value, " \t"), err);
}

int plan_put_agent(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err)
{
	(void)row;
	return put_header(plan, "User-Agent", value, err);
}

/* RFC 4648, 4. */
static void add_base64(struct buf *out, const char *s, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		unsigned v = (unsigned char)s[i] << 16;

		v |= i + 1 < len ? (unsigned)(unsigned char)s[i + 1] << 8 : 0;
		v |= i + 2 < len ? (unsigned char)s[i + 2] : 0;
		buf_printf(out, "%c%c%c%c", letters[v >> 18], letters[v >> 12 & 63],
		           i + 1 < len ? letters[v >> 6 & 63] : '=', i + 2 < len ? letters[v & 63] : '=');
	}
}

/* Basic authentication, RFC 7617, 2. The refusal does not repeat what may be a password. */
int plan_put_user(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err)
{
	struct buf text = {0};
	int r;

	(void)row;
	if (!strchr(value, ':'))
		return sq_fail(err, -EINVAL, "-u wants NAME:PASSWORD");
	buf_str(&text, "Basic ");
	add_base64(&text, value, strlen(value));
	r = buf_failed(&text) ? -ENOMEM : put_header(plan, "Authorization", text.data, err);
	buf_free(&text);
	return r;
}

int plan_put_file(struct json_object *plan, const char *field, const char *path, struct sq_err *err)
{
	struct buf body = {0};
	int r = file_read(path, BODY_MAX, &body, err);

	if (r == 0 && *body.data == '@') {
		struct buf escaped = {0};

		buf_str(&escaped, "@");
		buf_add(&escaped, body.data, body.len);
		buf_free(&body);
		body = escaped;
		r = buf_failed(&body) ? -ENOMEM : 0;
	}
	if (r == 0)
		r = json_put(plan, field, json_object_new_string_len(body.data, (int)body.len));
	buf_free(&body);
	return r;
}

/* @@ begins a text that begins with @. */
int plan_put_body(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err)
{
	if (value[0] != '@' || value[1] == '@')
		return json_put_text(plan, row->field, value);
	return plan_put_file(plan, row->field, value + 1, err);
}

/* Whether the expression begins at once: with what is computed, not with a metric. */
static bool is_bare(const char *s)
{
	static const char *const words[] = {"avg", "min", "med", "max", "rate", "count"};
	size_t len = strcspn(s, " :<>=!");

	for (size_t i = 0; i < SQ_LEN(words); i++)
		if (strlen(words[i]) == len && strncmp(words[i], s, len) == 0)
			return true;
	return strncmp(s, "p(", 2) == 0;
}

static int add_threshold(struct json_object *plan, const char *metric, const char *expression)
{
	struct json_object *all, *list, *text;
	int r = object_of(plan, "thresholds", &all);

	if (r == 0 && !member_get(all, metric))
		r = json_put(all, metric, json_object_new_array());
	if (r < 0)
		return r;
	list = member_get(all, metric);
	if (!json_object_is_type(list, json_type_array))
		return -EINVAL;
	text = json_object_new_string(expression);
	if (text && json_object_array_add(list, text) == 0)
		return 0;
	json_object_put(text);
	return -ENOMEM;
}

/* k6's words: thresholds = {METRIC: [EXPRESSION, ...]}. Those of the plan's file stay. */
int plan_put_threshold(struct json_object *plan, const struct option_row *row, const char *value,
                       struct sq_err *err)
{
	char metric[128] = DEFAULT_METRIC, shown[64];
	size_t len = strcspn(value, " :");
	int r;

	(void)row;
	if (!is_bare(value)) {
		if (len == 0 || len >= sizeof metric || value[len] == '\0')
			return sq_fail(
			    err, -EINVAL,
			    "--threshold %s: write it like 'p(99)<250' or 'http_req_failed rate<0.01'",
			    text_safe(shown, sizeof shown, value, strlen(value)));
		memcpy(metric, value, len);
		metric[len] = '\0';
		value += len + strspn(value + len, " :");
	}
	r = add_threshold(plan, metric, value);
	if (r == -EINVAL)
		sq_fail(err, r, "thresholds of the plan must be lists of expressions by metric");
	return r;
}
