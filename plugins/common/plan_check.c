/* plan_check.c - "checks": what an answer has to be like. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "decimal.h"
#include "doc.h"
#include "plan_field.h"

#define TEXT_MOST 4096 /* bytes of a text that is looked for */
#define BYTES_MOST (1LL << 40)

void plan_checks_free(struct plan_check *checks, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		free(checks[i].name);
		free(checks[i].text);
	}
	free(checks);
}

/* Where the conditions of one list go. */
struct reader {
	const struct plan_field *f;
	struct plan_check *checks;
	uint32_t count;
	struct plan_problems *problems;
};

static struct plan_check *add(struct reader *r, enum check_kind kind)
{
	if (r->count == PLAN_CHECKS_MAX) {
		plan_problem(r->problems, r->f->name, "hold more than %d conditions", PLAN_CHECKS_MAX);
		return NULL;
	}
	r->checks[r->count] = (struct plan_check){.kind = kind};
	return &r->checks[r->count++];
}

static void refuse(const struct reader *r, const char *member, const char *why)
{
	plan_problem(r->problems, r->f->name, "%s %s", member, why);
}

static int copy_text(const struct reader *r, const char *member, struct json_object *v, char **ret,
                     size_t *ret_len)
{
	struct plan_field like = {.name = r->f->name, .help = member, .max = TEXT_MOST};
	size_t len = 0;
	int status = plan_read_string(v, &like, ret, &len, r->problems);

	if (status == 0 && *ret && len == 0)
		refuse(r, member, "is empty");
	*ret_len = len;
	return status;
}

/* 200, or "200-299". */
static int read_status(struct reader *r, struct json_object *v)
{
	struct plan_check *c = add(r, CHECK_STATUS);
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
	int low, high, end = 0;

	if (!c)
		return 0;
	if (json_object_is_type(v, json_type_int))
		low = high = json_object_get_int(v);
	else if (sscanf(s, "%3d-%3d%n", &low, &high, &end) != 2 || s[end] != '\0')
		low = high = 0;
	if (low < 100 || high > 999 || low > high)
		refuse(r, "status", "must be a status, or a range like \"200-299\"");
	c->low = low;
	c->high = high;
	return 0;
}

static int read_header(struct reader *r, struct json_object *v, struct json_object *contains)
{
	struct plan_check *c = add(r, CHECK_HEADER);
	size_t len = 0;
	int status;

	if (!c)
		return 0;
	status = copy_text(r, "header", v, &c->name, &len);
	if (status == 0 && contains)
		status = copy_text(r, "contains", contains, &c->text, &c->text_len);
	return status;
}

static int read_body(struct reader *r, struct json_object *v)
{
	struct plan_check *c = add(r, CHECK_BODY);

	return c ? copy_text(r, "body", v, &c->text, &c->text_len) : 0;
}

/* A number of at least 0 in units of 10^-digits. */
static bool read_bound(const struct reader *r, const char *member, struct json_object *v, unsigned digits,
                       int64_t most, int64_t *ret)
{
	bool is_number = json_object_is_type(v, json_type_int) ||
	                 (digits && json_object_is_type(v, json_type_double));
	const char *text = is_number ? json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN) : NULL;
	char shown[DECIMAL_MAX];

	if (is_number && !text)
		r->problems->text.failed = true; /* no memory */
	if (text && decimal_parse(text, digits, ret) == 0 && *ret >= 0 && *ret <= most)
		return true;
	plan_problem(r->problems, r->f->name, "%s must be a %snumber of 0 .. %s", member,
	             digits ? "" : "whole ", decimal_text(shown, most, digits));
	return false;
}

static void read_size(struct reader *r, struct json_object *least, struct json_object *most)
{
	struct plan_check *c = add(r, CHECK_SIZE);

	if (!c)
		return;
	c->high = BYTES_MOST;
	if ((least && !read_bound(r, "min_bytes", least, 0, BYTES_MOST, &c->low)) ||
	    (most && !read_bound(r, "max_bytes", most, 0, BYTES_MOST, &c->high)))
		return;
	if (c->low > c->high)
		refuse(r, "min_bytes", "is more than max_bytes");
}

static void read_time(struct reader *r, struct json_object *v)
{
	struct plan_check *c = add(r, CHECK_TIME);

	if (c)
		read_bound(r, "max_ms", v, 6, 3600 * SQ_S, &c->high);
}

static bool is_member(const char *name)
{
	static const char *const known[] = {"status",    "header",    "contains", "body",
	                                    "min_bytes", "max_bytes", "max_ms"};

	for (size_t i = 0; i < SQ_LEN(known); i++)
		if (strcmp(known[i], name) == 0)
			return true;
	return false;
}

static bool check_members(struct reader *r, struct json_object *o)
{
	uint32_t before = r->problems->count;
	struct json_object_iter it;
	char shown[64];

	if (!json_object_is_type(o, json_type_object) || json_object_object_length(o) == 0) {
		plan_problem(r->problems, r->f->name, "must be %s", r->f->help);
		return false;
	}
	json_object_object_foreachC(o, it)
	{
		if (!is_member(it.key))
			plan_problem(r->problems, r->f->name,
			             "\"%s\" is no condition: there are status, header with contains, body, "
			             "min_bytes, max_bytes, max_ms",
			             text_safe(shown, sizeof shown, it.key, strlen(it.key)));
	}
	if (json_object_object_get(o, "contains") && !json_object_object_get(o, "header"))
		refuse(r, "contains", "needs the header that it is about");
	return r->problems->count == before;
}

static int read_check(struct reader *r, struct json_object *o)
{
	struct json_object *least, *most, *v;
	int status = 0;

	if (!check_members(r, o))
		return 0;
	least = json_object_object_get(o, "min_bytes");
	most = json_object_object_get(o, "max_bytes");
	if ((v = json_object_object_get(o, "status")))
		status = read_status(r, v);
	if (status == 0 && (v = json_object_object_get(o, "header")))
		status = read_header(r, v, json_object_object_get(o, "contains"));
	if (status == 0 && (v = json_object_object_get(o, "body")))
		status = read_body(r, v);
	if (least || most)
		read_size(r, least, most);
	if ((v = json_object_object_get(o, "max_ms")))
		read_time(r, v);
	return status;
}

int plan_read_checks(struct json_object *v, const struct plan_field *f, struct plan_check **ret,
                     uint32_t *ret_count, struct plan_problems *problems)
{
	struct reader r = {.f = f, .problems = problems};
	int status = 0;

	if (!json_object_is_type(v, json_type_array)) {
		plan_problem(problems, f->name, "must be %s", f->help);
		return 0;
	}
	if (json_object_array_length(v) == 0)
		return 0;
	r.checks = calloc(PLAN_CHECKS_MAX, sizeof *r.checks);
	if (!r.checks)
		return -ENOMEM;
	for (size_t i = 0; status == 0 && i < json_object_array_length(v) && r.count < PLAN_CHECKS_MAX + 1;
	     i++)
		status = read_check(&r, json_object_array_get_idx(v, i));
	*ret = r.checks;
	*ret_count = r.count;
	return status;
}

static struct json_object *write_status(const struct plan_check *c)
{
	char range[16];

	if (c->low == c->high)
		return json_object_new_int64(c->low);
	snprintf(range, sizeof range, "%d-%d", (int)c->low, (int)c->high);
	return json_object_new_string(range);
}

static struct json_object *write_check(const struct plan_check *c)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	switch (c->kind) {
	case CHECK_STATUS:
		good = doc_put(o, "status", write_status(c));
		break;
	case CHECK_HEADER:
		good = doc_put_text(o, "header", c->name) &&
		       (!c->text ||
		        doc_put(o, "contains", json_object_new_string_len(c->text, (int)c->text_len)));
		break;
	case CHECK_BODY:
		good = doc_put(o, "body", json_object_new_string_len(c->text, (int)c->text_len));
		break;
	case CHECK_SIZE:
		good = doc_put_count(o, "min_bytes", (uint64_t)c->low) &&
		       doc_put_count(o, "max_bytes", (uint64_t)c->high);
		break;
	case CHECK_TIME:
		good = doc_put_decimal(o, "max_ms", c->high, 6);
		break;
	}
	return doc_close(o, good);
}

struct json_object *plan_write_checks(const struct plan_check *checks, uint32_t count)
{
	struct json_object *array = json_object_new_array();
	bool good = true;

	for (uint32_t i = 0; good && i < count; i++)
		good = doc_append(array, write_check(&checks[i]));
	return doc_close(array, good);
}
