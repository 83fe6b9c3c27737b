/* plan_judge.c - what a test is judged by, and what ends it early: thresholds and auto_stop. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "decimal.h"
#include "doc.h"
#include "plan_field.h"
#include "threshold.h"

#define THRESHOLDS_MAX 64
#define SPAN_MAX (3600 * SQ_S)

/* --- one threshold --------------------------------------------------------------------------- */

/* A time with its unit, as a number alone would be ms to some and seconds to others. */
static bool read_span(struct json_object *v, const struct plan_field *f, const char *name, int64_t least,
                      int64_t *ret, struct plan_problems *problems)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
	int64_t ns;

	if (!v)
		return true;
	if (!s || strspn(s, "0123456789.") == strlen(s) || text_parse_duration(s, &ns) < 0 || ns < least ||
	    ns > SPAN_MAX) {
		plan_problem(problems, f->name, "%s must be a time of %s .. 1h with its unit, like \"10s\"",
		             name, least ? "1s" : "0s");
		return false;
	}
	*ret = ns;
	return true;
}

static bool read_abort(struct json_object *v, const struct plan_field *f, bool *ret,
                       struct plan_problems *problems)
{
	if (v && !json_object_is_type(v, json_type_boolean)) {
		plan_problem(problems, f->name, "abortOnFail must be true or false");
		return false;
	}
	*ret = v && json_object_get_boolean(v);
	return true;
}

static bool check_members(struct json_object *o, const struct plan_field *f, struct plan_problems *problems)
{
	static const char *const known[] = {"threshold", "abortOnFail", "delayAbortEval", "window", NULL};
	struct json_object_iter it;
	bool good = true;

	json_object_object_foreachC(o, it)
	{
		const char *const *k = known;
		const char *near;
		char shown[64];

		while (*k && strcmp(*k, it.key) != 0)
			k++;
		if (*k)
			continue;
		near = text_nearest(it.key, known);
		plan_problem(problems, f->name, "\"%s\" is not a member of a threshold%s%s%s",
		             text_safe(shown, sizeof shown, it.key, strlen(it.key)),
		             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
		good = false;
	}
	return good;
}

/* metric: NULL when the expression names it. */
static bool read_expression(struct json_object *v, const char *metric, const struct plan_field *f,
                            struct threshold *out, struct plan_problems *problems)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
	struct sq_err err;
	int r;

	if (!s || strlen(s) != (size_t)json_object_get_string_len(v)) {
		plan_problem(problems, f->name, "a threshold must be a text like \"p(99)<250\"");
		return false;
	}
	r = metric ? threshold_parse(out, metric, strlen(metric), s, &err)
	           : threshold_parse_line(out, s, &err);
	if (r < 0)
		plan_problem(problems, f->name, "%s", err.text);
	return r == 0;
}

static bool read_threshold(struct json_object *v, const char *metric, const struct plan_field *f,
                           struct threshold *out, struct plan_problems *problems)
{
	bool good;

	if (!json_object_is_type(v, json_type_object))
		return read_expression(v, metric, f, out, problems);
	good = check_members(v, f, problems);
	good = read_expression(json_object_object_get(v, "threshold"), metric, f, out, problems) && good;
	good = read_abort(json_object_object_get(v, "abortOnFail"), f, &out->abort, problems) && good;
	good = read_span(json_object_object_get(v, "delayAbortEval"), f, "delayAbortEval", 0, &out->delay,
	                 problems) &&
	       good;
	return read_span(json_object_object_get(v, "window"), f, "window", SQ_S, &out->window, problems) &&
	       good;
}

/* --- all of them ----------------------------------------------------------------------------- */

/* Behind the last one of its metric. */
static void insert(struct plan *p, const struct threshold *t)
{
	uint32_t at = p->threshold_count;

	for (uint32_t i = 0; i < p->threshold_count; i++)
		if (p->thresholds[i].metric == t->metric)
			at = i + 1;
	memmove(&p->thresholds[at + 1], &p->thresholds[at], (p->threshold_count - at) * sizeof *t);
	p->thresholds[at] = *t;
	p->threshold_count++;
}

/* False: there are too many, which was said. */
static bool take(struct json_object *v, const char *metric, const struct plan_field *f, struct plan *p,
                 struct plan_problems *problems)
{
	struct threshold t = {.metric = NULL};

	if (p->threshold_count == THRESHOLDS_MAX) {
		plan_problem(problems, f->name, "are more than %d", THRESHOLDS_MAX);
		return false;
	}
	if (read_threshold(v, metric, f, &t, problems))
		insert(p, &t);
	return true;
}

/* One, or a list of them. */
static bool take_list(struct json_object *v, const char *metric, const struct plan_field *f, struct plan *p,
                      struct plan_problems *problems)
{
	bool good = true;

	if (!json_object_is_type(v, json_type_array))
		return take(v, metric, f, p, problems);
	for (size_t i = 0; good && i < json_object_array_length(v); i++)
		good = take(json_object_array_get_idx(v, i), metric, f, p, problems);
	return good;
}

int plan_read_thresholds(struct json_object *v, const struct plan_field *f, struct plan *p,
                         struct plan_problems *problems)
{
	struct json_object_iter it;

	p->thresholds = calloc(THRESHOLDS_MAX, sizeof *p->thresholds);
	if (!p->thresholds)
		return -ENOMEM;
	if (json_object_is_type(v, json_type_array)) {
		take_list(v, NULL, f, p, problems);
	} else if (json_object_is_type(v, json_type_object)) {
		json_object_object_foreachC(v, it)
		{
			if (!take_list(it.val, it.key, f, p, problems))
				break;
		}
	} else {
		plan_problem(problems, f->name, "must be %s", f->help);
	}
	return 0;
}

static bool put_span(struct json_object *o, const char *name, int64_t ns)
{
	char number[DECIMAL_MAX], text[DECIMAL_MAX + 2];

	if (ns == 0)
		return true;
	snprintf(text, sizeof text, "%ss", decimal_text(number, ns, 9));
	return doc_put_text(o, name, text);
}

static struct json_object *write_threshold(const struct threshold *t)
{
	struct json_object *o;
	bool good;

	if (!t->abort && !t->delay && !t->window)
		return json_object_new_string(t->expression);
	o = json_object_new_object();
	good = doc_put_text(o, "threshold", t->expression) &&
	       doc_put(o, "abortOnFail", json_object_new_boolean(t->abort)) &&
	       put_span(o, "delayAbortEval", t->delay) && put_span(o, "window", t->window);
	return doc_close(o, good);
}

struct json_object *plan_write_thresholds(const struct plan *p)
{
	struct json_object *o = json_object_new_object(), *list = NULL;
	bool good = o != NULL;

	for (uint32_t i = 0; good && i < p->threshold_count; i++) {
		const struct threshold *t = &p->thresholds[i];

		if (i == 0 || t->metric != p->thresholds[i - 1].metric) {
			list = json_object_new_array();
			good = doc_put(o, threshold_metric_name(t), list);
		}
		good = good && doc_append(list, write_threshold(t));
	}
	return doc_close(o, good);
}

/* --- auto_stop ------------------------------------------------------------------------------- */

#define STOP_SHARE 900000 /* of a million: 90 % */
#define STOP_SPAN (60 * SQ_S)

static const struct stop_member {
	const char *name, *range;
	unsigned digits;
	int64_t min, max;
} stop_members[] = {
    {"error_rate", "above 0 and at most 1", 6, 1, 1000000},
    {"window_sec", "1 .. 3600", 9, SQ_S, SPAN_MAX},
};

static bool read_stop_member(struct json_object *v, const struct stop_member *m, const struct plan_field *f,
                             int64_t *ret, struct plan_problems *problems)
{
	bool number = json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double);
	const char *text = number ? json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN) : "";
	int64_t n = 0;

	if (!v)
		return true;
	if (!text || decimal_parse(text, m->digits, &n) < 0 || n < m->min || n > m->max) {
		plan_problem(problems, f->name, "%s must be a number, %s", m->name, m->range);
		return false;
	}
	*ret = n;
	return true;
}

static void read_stop(struct json_object *o, const struct plan_field *f, struct plan_auto_stop *out,
                      struct plan_problems *problems)
{
	int64_t *values[] = {&out->share, &out->span};
	struct json_object_iter it;
	char shown[64];

	for (size_t i = 0; i < SQ_LEN(stop_members); i++)
		read_stop_member(json_object_object_get(o, stop_members[i].name), &stop_members[i], f,
		                 values[i], problems);
	json_object_object_foreachC(o, it)
	{
		if (strcmp(it.key, stop_members[0].name) != 0 && strcmp(it.key, stop_members[1].name) != 0)
			plan_problem(problems, f->name, "\"%s\" is not error_rate or window_sec",
			             text_safe(shown, sizeof shown, it.key, strlen(it.key)));
	}
}

void plan_read_auto_stop(struct json_object *v, const struct plan_field *f, struct plan *p,
                         struct plan_problems *problems)
{
	p->auto_stop = (struct plan_auto_stop){.share = STOP_SHARE, .span = STOP_SPAN};
	if (json_object_is_type(v, json_type_boolean))
		p->auto_stop.off = !json_object_get_boolean(v);
	else if (json_object_is_type(v, json_type_object))
		read_stop(v, f, &p->auto_stop, problems);
	else if (v)
		plan_problem(problems, f->name, "must be %s", f->help);
}

struct json_object *plan_write_auto_stop(const struct plan *p)
{
	struct json_object *o;

	if (p->auto_stop.off)
		return json_object_new_boolean(false);
	o = json_object_new_object();
	return doc_close(o, doc_put_decimal(o, stop_members[0].name, p->auto_stop.share, 6) &&
	                        doc_put_decimal(o, stop_members[1].name, p->auto_stop.span, 9));
}
