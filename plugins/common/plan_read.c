/* plan_read.c - a plan from JSON: each field by its row of the table, every problem at once. */
#include "plan.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "decimal.h"
#include "doc.h"
#include "plan_field.h"
#include "threshold.h"

static int64_t *number_of(struct plan *p, size_t off)
{
	return (int64_t *)((char *)p + off);
}

static void refuse_type(const struct plan_field *f, const char *type, struct plan_problems *problems)
{
	plan_problem(problems, f->name, "must be %s (%s)", type, f->help);
}

static int read_number(struct json_object *v, const struct plan_field *f, struct plan *p,
                       struct plan_problems *problems)
{
	bool whole = json_object_is_type(v, json_type_int);
	char low[DECIMAL_MAX], high[DECIMAL_MAX], shown[40];
	const char *text;
	int64_t n = 0, min = plan_load_least(p, f);
	int r;

	if (!whole && !(f->digits && json_object_is_type(v, json_type_double))) {
		refuse_type(f, f->digits ? "a number" : "a whole number", problems);
		return 0;
	}
	/* The number as it was written: a double would have lost its last digits already. */
	text = json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN);
	if (!text)
		return -ENOMEM;
	r = decimal_parse(text, f->digits, &n);
	if (r < 0 || n < min || n > f->max)
		plan_problem(problems, f->name, "%s is outside %s .. %s",
		             text_safe(shown, sizeof shown, text, strlen(text)),
		             decimal_text(low, min, f->digits), decimal_text(high, f->max, f->digits));
	else
		*number_of(p, f->off) = n;
	return 0;
}

static int64_t default_number(const struct plan_field *f, struct plan *p)
{
	int64_t least = f->at_least ? *number_of(p, f->at_least) : f->value, n;

	if (plan_load_default(p, f, &n))
		return n;
	return least > f->value ? least : f->value;
}

int plan_read_string(struct json_object *v, const struct plan_field *f, char **ret, size_t *ret_len,
                     struct plan_problems *problems)
{
	size_t len;
	char *copy;

	if (!json_object_is_type(v, json_type_string)) {
		refuse_type(f, "a string", problems);
		return 0;
	}
	len = (size_t)json_object_get_string_len(v);
	if (len > (size_t)f->max) {
		plan_problem(problems, f->name, "is %zu bytes long; the most is %lld", len,
		             (long long)f->max);
		return 0;
	}
	copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, json_object_get_string(v), len);
	copy[len] = '\0';
	*ret = copy;
	*ret_len = len;
	return 0;
}

static int read_name(struct json_object *v, const struct plan_field *f, struct plan *p,
                     struct plan_problems *problems)
{
	size_t len = 0;
	int r = 0;

	if (v)
		r = plan_read_string(v, f, &p->name, &len, problems);
	else if (!(p->name = strdup("")))
		r = -ENOMEM;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p->name[i] < ' ' || p->name[i] == 0x7f) {
			plan_problem(problems, f->name, "has a control character at byte %zu", i);
			break;
		}
	return r;
}

static int read_url(struct json_object *v, const struct plan_field *f, const char *default_url,
                    struct plan *p, struct plan_problems *problems)
{
	const char *s = default_url;
	struct sq_err err;

	if (v && !json_object_is_type(v, json_type_string)) {
		refuse_type(f, "a string", problems);
		return 0;
	}
	if (v)
		s = json_object_get_string(v);
	if (!s)
		plan_problem(problems, f->name,
		             "is missing, and no default target is configured (TARGET_URL)");
	else if (v && strlen(s) != (size_t)json_object_get_string_len(v))
		plan_problem(problems, f->name, "has a NUL character");
	else if (url_parse(s, &p->url, &err) < 0)
		plan_problem(problems, f->name, "%s%s", err.text, v ? "" : " (the configured TARGET_URL)");
	return 0;
}

static int read_word(struct json_object *v, const struct plan_field *f, struct plan *p,
                     struct plan_problems *problems)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
	int *word = (int *)((char *)p + f->off);

	*word = (int)f->value;
	if (!v)
		return 0;
	for (int i = 0; s && f->words[i]; i++)
		if (strcmp(s, f->words[i]) == 0) {
			*word = i;
			return 0;
		}
	plan_problem(problems, f->name, "must be one of %s", f->help);
	return 0;
}

static int read_field(struct json_object *doc, const struct plan_field *f, const char *default_url,
                      struct plan *p, struct plan_problems *problems)
{
	struct json_object *v = json_object_object_get(doc, f->name);

	switch (f->type) {
	case PLAN_T_NUMBER:
		if (v && f->off == offsetof(struct plan, timeout))
			p->timeout_given = true;
		if (v)
			return read_number(v, f, p, problems);
		*number_of(p, f->off) = default_number(f, p);
		return 0;
	case PLAN_T_NAME:
		return read_name(v, f, p, problems);
	case PLAN_T_URL:
		return read_url(v, f, default_url, p, problems);
	case PLAN_T_BODY:
		return v ? plan_read_body(v, f, p, problems) : 0;
	case PLAN_T_METHOD:
		return plan_read_method(v, f, p, !json_object_object_get(doc, "url"), problems);
	case PLAN_T_HEADERS:
		return v ? plan_read_headers(v, f, p, problems) : 0;
	case PLAN_T_WORD:
		return read_word(v, f, p, problems);
	case PLAN_T_LABELS:
		return v ? plan_read_labels(v, f, p, problems) : 0;
	case PLAN_T_THRESHOLDS:
		return v ? plan_read_thresholds(v, f, p, problems) : 0;
	case PLAN_T_AUTO_STOP:
		plan_read_auto_stop(v, f, p, problems);
		return 0;
	case PLAN_T_SECRET_HEADERS:
		return v ? plan_read_secret_headers(v, f, p, problems) : 0;
	case PLAN_T_WIRE:
		return plan_read_wire(v, f, p, problems);
	case PLAN_T_STAGES:
		return v ? plan_read_stages(v, f, p, problems) : 0;
	case PLAN_T_CHECKS:
		return v ? plan_read_checks(v, f, &p->checks, &p->check_count, problems) : 0;
	case PLAN_T_REQUESTS:
		return v ? plan_read_requests(v, f, p, problems) : 0;
	case PLAN_T_DATA:
		return v ? plan_read_data(v, f, p, problems) : 0;
	}
	return 0;
}

static void refuse_unknown(const char *name, struct plan_problems *problems)
{
	const char *names[PLAN_FIELDS_MAX], *near;
	size_t n = 0;

	for (const struct plan_field *f = plan_fields; f->name; f++)
		names[n++] = f->name;
	names[n] = NULL;
	near = text_nearest(name, names);
	if (near)
		plan_problem(problems, name, "is not a field of a plan; did you mean %s?", near);
	else
		plan_problem(problems, name, "is not a field of a plan");
}

static void check_names(struct json_object *doc, struct plan_problems *problems)
{
	struct json_object_iter it;

	json_object_object_foreachC(doc, it)
	{
		if (!plan_field(it.key))
			refuse_unknown(it.key, problems);
	}
}

void plan_drop_unknown(struct json_object *doc, struct buf *ret_names)
{
	struct json_object_iterator at = json_object_iter_begin(doc), end = json_object_iter_end(doc);

	while (!json_object_iter_equal(&at, &end)) {
		const char *name = json_object_iter_peek_name(&at);

		json_object_iter_next(&at); /* before its entry goes */
		if (plan_field(name))
			continue;
		buf_printf(ret_names, "%s%s", ret_names->len > 0 ? ", " : "", name);
		json_object_object_del(doc, name);
	}
}

static bool has_checks(const struct plan *p)
{
	for (uint32_t i = 0; i < p->request_count; i++)
		if (p->requests[i].check_count > 0)
			return true;
	return p->check_count > 0;
}

static void check_thresholds(const struct plan *p, struct plan_problems *problems)
{
	for (uint32_t i = 0; i < p->threshold_count && !has_checks(p); i++)
		if (strcmp(threshold_metric_name(&p->thresholds[i]), "checks") == 0)
			plan_problem(problems, "thresholds", "checks: the plan has no checks");
}

/* What no field can see alone. */
static void check_together(const struct plan *p, struct plan_problems *problems)
{
	if (p->expect_status > 0 && p->expect_status < 100)
		plan_problem(problems, "expect_status",
		             "%lld is not a status: use 100 .. 999, or 0 for any of 200-399",
		             (long long)p->expect_status);
	if (p->mode == PLAN_CLOSED && p->on_worker_loss == PLAN_LOSS_REDISTRIBUTE)
		plan_problem(
		    problems, "on_worker_loss",
		    "redistribute moves what is due by a schedule, which the closed model has not: use "
		    "degrade or abort");
	check_thresholds(p, problems);
	if (problems->count == 0)
		plan_check_load(p, problems);
}

int plan_read(struct json_object *doc, const char *default_url, struct plan **out,
              struct plan_problems *problems)
{
	struct plan *p;
	int r = 0;

	if (!json_object_is_type(doc, json_type_object)) {
		plan_problem(problems, "plan", "must be a JSON object, like {\"hits_per_sec\": 10}");
		return plan_problems_failed(problems) ? -ENOMEM : -EINVAL;
	}
	p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	check_names(doc, problems);
	plan_refuse_local(doc, problems);
	for (const struct plan_field *f = plan_fields; r == 0 && f->name; f++)
		r = read_field(doc, f, default_url, p, problems);
	if (r == 0)
		check_together(p, problems);
	if (r == 0 && problems->count == 0)
		r = plan_check_templates(p, problems);
	if (r == 0 && problems->count == 0)
		r = plan_check_size(p, problems);
	if (plan_problems_failed(problems))
		r = -ENOMEM;
	if (r == 0 && problems->count > 0)
		r = -EINVAL;
	if (r < 0)
		plan_free(p);
	else
		*out = p;
	return r;
}

int plan_read_text(const char *text, size_t len, const char *default_url, struct plan **out,
                   struct json_object **ret_doc, struct plan_problems *problems)
{
	struct json_object *doc = NULL;
	struct sq_err err;
	int r;

	if (len > PLAN_TEXT_MAX) {
		plan_problem(problems, "plan", "is %zu bytes long; the most is %d", len, PLAN_TEXT_MAX);
		return plan_problems_failed(problems) ? -ENOMEM : -EINVAL;
	}
	r = doc_parse((struct sq_slice){text, len}, PLAN_DEPTH_MAX, &doc, &err);
	if (r == -EBADMSG) {
		plan_problem(problems, "plan", "is not JSON: %s", err.text);
		r = plan_problems_failed(problems) ? -ENOMEM : -EINVAL;
	} else if (r == 0) {
		r = plan_read(doc, default_url, out, problems);
	}
	if (r == 0 && ret_doc)
		*ret_doc = doc;
	else
		json_object_put(doc);
	return r;
}
