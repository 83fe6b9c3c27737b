/* plan_put.c - writes what an option says into a plan. */
#include "plan_put.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "json.h"
#include "options.h"
#include "rate.h"

/* "-r 10m: TEXT" */
static int refuse(struct sq_err *err, const struct option_row *row, const char *value, const char *text)
{
	char spelling[32], shown[64];

	text_safe(shown, sizeof shown, value, strlen(value));
	return sq_fail(err, -EINVAL, "%s %s: %s", option_spelling(row, spelling), shown, text);
}

int plan_put_text(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err)
{
	(void)err;
	return json_put_text(plan, row->field, value);
}

int plan_put_whole(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err)
{
	int64_t n;

	if (text_parse_int(value, &n) < 0)
		return refuse(err, row, value, "is not a whole number");
	return json_put(plan, row->field, json_object_new_int64(n));
}

/* At least one: a plan's 0 means that there is no limit, and whoever writes 0 here does not. */
int plan_put_count(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err)
{
	int64_t n;

	if (text_parse_int(value, &n) == 0 && n < 1)
		return refuse(err, row, value, "must be at least 1");
	return plan_put_whole(plan, row, value, err);
}

int plan_put_number(struct json_object *plan, const char *field, const char *text)
{
	struct json_object *number;

	if (strchr(text, '.'))
		number = json_object_new_double_s(strtod(text, NULL), text);
	else
		number = json_object_new_int64(strtoll(text, NULL, 10));
	return json_put(plan, field, number);
}

int plan_put_rate(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err)
{
	char text[TEXT_MAX];
	int64_t rate;
	int r = rate_parse(value, &rate);

	if (r == -ERANGE)
		return refuse(
		    err, row, value,
		    "is not a rate that can be kept: it must be above 0 and below a million million");
	if (r < 0)
		return refuse(err, row, value, "is not a rate; write it like 500, 500/s, 30/1m or 10k");
	return plan_put_number(plan, row->field, rate_decimal(text, rate));
}

/* ns as a decimal number of units. */
static int put_time(struct json_object *plan, const struct option_row *row, const char *value, int64_t unit,
                    struct sq_err *err)
{
	char text[TEXT_MAX];
	int64_t ns;
	int len;

	if (text_parse_duration(value, &ns) < 0)
		return refuse(err, row, value,
		              row->letter == 'd'
		                  ? "is not a duration; write it like 30, 30s, 5m or 1h (the body is -b)"
		                  : "is not a duration; write it like 250ms, 30s or 5m");
	len = snprintf(text, sizeof text, "%lld.%0*lld", (long long)(ns / unit), unit == SQ_S ? 9 : 6,
	               (long long)(ns % unit));
	while (text[len - 1] == '0')
		text[--len] = '\0';
	if (text[len - 1] == '.')
		text[len - 1] = '\0';
	return plan_put_number(plan, row->field, text);
}

int plan_put_seconds(struct json_object *plan, const struct option_row *row, const char *value,
                     struct sq_err *err)
{
	return put_time(plan, row, value, SQ_S, err);
}

/* Nothing is due in no time. */
int plan_put_duration(struct json_object *plan, const struct option_row *row, const char *value,
                      struct sq_err *err)
{
	int64_t ns;

	if (text_parse_duration(value, &ns) == 0 && ns == 0)
		return refuse(err, row, value, "must be above 0");
	return put_time(plan, row, value, SQ_S, err);
}

int plan_put_millis(struct json_object *plan, const struct option_row *row, const char *value,
                    struct sq_err *err)
{
	return put_time(plan, row, value, SQ_MS, err);
}
