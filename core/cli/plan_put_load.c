/* plan_put_load.c - options that say how the load goes up and down, what answers are checked for, and which
 * data requests are filled with. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "json.h"
#include "options.h"
#include "plan_put.h"
#include "rate.h"

#define DATA_MAX (2 << 20) /* bytes of a file, as the gateway takes a plan */

static int list_of(struct json_object *plan, const char *name, struct json_object **ret, struct sq_err *err)
{
	if (!member_get(plan, name) && json_put(plan, name, json_object_new_array()) < 0)
		return -ENOMEM;
	*ret = member_get(plan, name);
	if (json_object_is_type(*ret, json_type_array))
		return 0;
	return sq_fail(err, -EINVAL, "%s of the plan must be a list", name);
}

/* Takes o over. */
static int append(struct json_object *list, struct json_object *o, int r)
{
	if (r == 0 && o && json_object_array_add(list, o) == 0)
		return 0;
	json_object_put(o);
	return r < 0 ? r : -ENOMEM;
}

/* --- stages ---------------------------------------------------------------------------------- */

static int put_seconds(struct json_object *o, int64_t ns)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof text, "%lld.%09lld", (long long)(ns / SQ_S), (long long)(ns % SQ_S));
	return plan_put_number(o, "duration_sec", text);
}

/* 10s:1000, or 0s:0 for a step to nothing. */
int plan_put_stage(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err)
{
	const char *colon = strrchr(value, ':');
	struct json_object *list, *stage;
	char duration[TEXT_MAX], rate[TEXT_MAX], shown[64];
	int64_t ns, millionths = 0;
	int r;

	(void)row;
	if (colon && (size_t)(colon - value) < sizeof duration) {
		memcpy(duration, value, (size_t)(colon - value));
		duration[colon - value] = '\0';
	}
	if (!colon || (size_t)(colon - value) >= sizeof duration || text_parse_duration(duration, &ns) < 0 ||
	    (rate_parse(colon + 1, &millionths) < 0 && strspn(colon + 1, "0") != strlen(colon + 1)))
		return sq_fail(err, -EINVAL,
		               "--stage %s: write it like 10s:1000, a time and the rate at its end",
		               text_safe(shown, sizeof shown, value, strlen(value)));
	r = list_of(plan, "stages", &list, err);
	if (r < 0)
		return r;
	stage = json_object_new_object();
	r = put_seconds(stage, ns);
	r = r < 0 ? r : plan_put_number(stage, "hits_per_sec", rate_decimal(rate, millionths));
	return append(list, stage, r);
}

/* --- checks ---------------------------------------------------------------------------------- */

static int put_whole(struct json_object *o, const char *name, const char *text)
{
	int64_t n;

	return text_parse_int(text, &n) < 0 ? -EINVAL : json_put(o, name, json_object_new_int64(n));
}

static int put_status(struct json_object *o, const char *text)
{
	return strchr(text, '-') ? json_put_text(o, "status", text) : put_whole(o, "status", text);
}

static int put_time(struct json_object *o, const char *text)
{
	char ms[TEXT_MAX];
	int64_t ns;

	if (text_parse_duration(text, &ns) < 0)
		return -EINVAL;
	/* A plain number is ms, as in a threshold. */
	if (strspn(text, "0123456789.") == strlen(text))
		ns /= 1000;
	snprintf(ms, sizeof ms, "%lld.%06lld", (long long)(ns / SQ_MS), (long long)(ns % SQ_MS));
	return plan_put_number(o, "max_ms", ms);
}

/* 'Content-Type~json' or 'ETag': behind "header ". */
static int put_header_check(struct json_object *o, const char *text)
{
	const char *tilde = strchr(text, '~');
	char name[128];
	size_t len = tilde ? (size_t)(tilde - text) : strlen(text);

	if (len == 0 || len >= sizeof name)
		return -EINVAL;
	memcpy(name, text, len);
	name[len] = '\0';
	if (json_put_text(o, "header", name) < 0)
		return -ENOMEM;
	return tilde ? json_put_text(o, "contains", tilde + 1) : 0;
}

static int put_check(struct json_object *o, const char *s)
{
	static const struct {
		const char *begin;
		const char *member;
		int (*put)(struct json_object *o, const char *text);
	} forms[] = {
	    {"status=", NULL, put_status}, {"header ", NULL, put_header_check}, {"body~", "body", NULL},
	    {"size<=", "max_bytes", NULL}, {"size>=", "min_bytes", NULL},       {"time<=", NULL, put_time},
	    {"time<", NULL, put_time},
	};

	for (size_t i = 0; i < SQ_LEN(forms); i++) {
		size_t len = strlen(forms[i].begin);

		if (strncmp(s, forms[i].begin, len) != 0)
			continue;
		if (forms[i].put)
			return forms[i].put(o, s + len);
		return strcmp(forms[i].member, "body") == 0 ? json_put_text(o, "body", s + len)
		                                            : put_whole(o, forms[i].member, s + len);
	}
	return -EINVAL;
}

int plan_put_check(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err)
{
	struct json_object *list, *check;
	char shown[64];
	int r = list_of(plan, "checks", &list, err);

	(void)row;
	if (r < 0)
		return r;
	check = json_object_new_object();
	r = check ? put_check(check, value) : -ENOMEM;
	if (r == -EINVAL)
		sq_fail(
		    err, r,
		    "--check %s: write it like status=200, 'header Content-Type~json', body~ok, size<=1000, "
		    "time<=250ms",
		    text_safe(shown, sizeof shown, value, strlen(value)));
	return append(list, check, r);
}

/* --- data ------------------------------------------------------------------------------------ */

/* One field of CSV (RFC 4180) from *s on into out; what ended it: ',', '\n' or 0. Negative errno: a quote is
 * not closed, or stands in the middle. */
static int take_field(const char **s, struct buf *out)
{
	buf_reset(out);
	if (**s == '"') {
		for (++*s; **s; ++*s) {
			if (**s == '"' && (*s)[1] != '"')
				break;
			*s += **s == '"';
			buf_add(out, *s, 1);
		}
		if (**s != '"')
			return -EINVAL;
		++*s;
	} else {
		size_t len = strcspn(*s, ",\r\n");

		buf_add(out, *s, len);
		*s += len;
	}
	*s += **s == '\r' && (*s)[1] == '\n';
	if (**s && **s != ',' && **s != '\n')
		return -EINVAL;
	return **s ? *(*s)++ : 0;
}

/* A line of fields as a list. 0, or a negative errno. */
static int take_record(const char **s, struct json_object **ret)
{
	struct json_object *record = json_object_new_array();
	struct buf field = {0};
	int end, r = 0;

	do {
		end = take_field(s, &field);
		if (end < 0)
			r = end;
		else
			r = append(record,
			           json_object_new_string_len(field.data ? field.data : "", (int)field.len),
			           record && !buf_failed(&field) ? 0 : -ENOMEM);
	} while (r == 0 && end == ',');
	buf_free(&field);
	if (r < 0)
		json_object_put(record);
	else
		*ret = record;
	return r;
}

static int put_record(struct json_object *rows, struct json_object *names, struct json_object *record)
{
	struct json_object *o = json_object_new_object();
	size_t count = json_object_array_length(names);
	int r = json_object_array_length(record) == count ? 0 : -EINVAL;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = json_put(o, json_object_get_string(json_object_array_get_idx(names, i)),
		             json_object_get(json_object_array_get_idx(record, i)));
	return append(rows, o, r);
}

/* Excel and others put one before UTF-8. */
static const char *skip_byte_order_mark(const char *s)
{
	return strncmp(s, "\xef\xbb\xbf", 3) == 0 ? s + 3 : s;
}

static int read_csv(const char *s, struct json_object *rows, int *line)
{
	struct json_object *names = NULL, *record = NULL;
	int r = take_record(&s, &names);

	for (*line = 2; r == 0 && *s; ++*line) {
		r = take_record(&s, &record);
		if (r == 0) {
			r = put_record(rows, names, record);
			json_object_put(record);
		}
		if (r < 0)
			break;
	}
	json_object_put(names);
	return r;
}

/* An object a line. */
static int read_lines(const char *s, struct json_object *rows, int *line)
{
	int r = 0;

	for (*line = 1; r == 0 && *s; ++*line) {
		size_t len = strcspn(s, "\n");

		if (strspn(s, " \t\r") < len)
			r = append(rows, json_read(s, len, NULL), 0);
		if (r < 0)
			return -EINVAL;
		s += len + (s[len] == '\n');
	}
	return r;
}

static bool is_csv(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".CSV") == 0);
}

int plan_put_data(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err)
{
	const char *path = *value == '@' ? value + 1 : value;
	struct json_object *rows = json_object_new_array();
	struct buf text = {0};
	int line = 0, r = file_read(path, DATA_MAX, &text, err);

	if (r == 0) {
		const char *s = skip_byte_order_mark(text.data);

		r = is_csv(path) ? read_csv(s, rows, &line) : read_lines(s, rows, &line);
		if (r == -EINVAL)
			sq_fail(err, r,
			        is_csv(path) ? "%s:%d: the fields of this row are not those of the first line"
			                     : "%s:%d: is not a JSON object",
			        path, line);
	}
	buf_free(&text);
	if (r == 0)
		return json_put(plan, row->field, rows);
	json_object_put(rows);
	return r;
}
