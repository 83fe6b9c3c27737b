/* conf_value.c - one value: its text, its number, its place in a structure. */
#include "conf_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"

static const struct {
	const char *word, *takes;
	size_t size;
} types[] = {
    [SQ_T_BOOL] = {"boolean", "true or false", sizeof(bool)},
    [SQ_T_INT] = {"integer", "a whole number", sizeof(int64_t)},
    [SQ_T_DURATION] = {"duration", "a duration such as \"30s\"", sizeof(int64_t)},
    [SQ_T_SIZE] = {"size", "a size such as 65536 or \"64k\"", sizeof(int64_t)},
    [SQ_T_STRING] = {"string", "a text in quotes", sizeof(char *)},
    [SQ_T_SECRET] = {"secret", "\"env:NAME\" or \"file:/path\"", sizeof(char *)},
    [SQ_T_ENUM] = {"choice", "one of", sizeof(int)},
    [SQ_T_LIST] = {"list", "a list such as ( \"a\", \"b\" )", sizeof(char **)},
    [SQ_T_PATH] = {"path", "a path in quotes", sizeof(char *)},
};

const char *conf_type_word(uint32_t type)
{
	return types[type].word;
}

size_t conf_type_size(uint32_t type)
{
	return type > SQ_T_END && type < SQ_LEN(types) ? types[type].size : 0;
}

bool conf_type_number(uint32_t type)
{
	return type == SQ_T_INT || type == SQ_T_DURATION || type == SQ_T_SIZE;
}

void conf_type_takes(const struct sq_opt *o, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "%s", types[o->type].takes);

	for (int i = 0; o->type == SQ_T_ENUM && o->choices[i] && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s \"%s\"", i ? "," : "", o->choices[i]);
}

static const struct unit {
	const char *name;
	int64_t by;
} duration_units[] = {{"h", 3600 * SQ_S}, {"m", 60 * SQ_S}, {"s", SQ_S}, {"ms", SQ_MS}},
  size_units[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"k", 1 << 10}, {"", 1}};

/* Durations below a millisecond have no unit of their own. */
static void format_fraction(char out[CONF_VALUE_MAX], int64_t ns)
{
	int n = snprintf(out, CONF_VALUE_MAX, "%lld.%06lld", ns / SQ_MS, ns % SQ_MS);

	while (out[n - 1] == '0')
		n--;
	snprintf(out + n, (size_t)(CONF_VALUE_MAX - n), "ms");
}

char *conf_value_format(char out[CONF_VALUE_MAX], uint32_t type, int64_t n)
{
	const struct unit *u = type == SQ_T_DURATION ? duration_units : size_units;

	if (type == SQ_T_DURATION && n % SQ_MS != 0) {
		format_fraction(out, n);
	} else if (type == SQ_T_INT || n == 0) {
		snprintf(out, CONF_VALUE_MAX, "%" PRId64 "%s", n, type == SQ_T_DURATION ? "s" : "");
	} else {
		while (n % u->by != 0)
			u++;
		snprintf(out, CONF_VALUE_MAX, "%" PRId64 "%s", n / u->by, u->name);
	}
	return out;
}

static int parse_bool(const char *s, int64_t *ret)
{
	static const struct {
		const char *word;
		int value;
	} words[] = {{"true", 1}, {"false", 0}, {"1", 1}, {"0", 0}, {"yes", 1}, {"no", 0}};

	for (unsigned i = 0; i < SQ_LEN(words); i++) {
		if (strcasecmp(s, words[i].word) == 0) {
			*ret = words[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_enum(const struct sq_opt *o, const char *s, int64_t *ret, struct sq_err *err)
{
	char takes[256], hint[96];

	for (int i = 0; o->choices[i]; i++) {
		if (strcmp(s, o->choices[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	conf_type_takes(o, takes, sizeof takes);
	return sq_fail(err, -EINVAL, "is not %s%s", takes, conf_hint(hint, sizeof hint, s, o->choices));
}

static int outside(const struct sq_opt *o, struct sq_err *err)
{
	char low[CONF_VALUE_MAX], high[CONF_VALUE_MAX];

	conf_value_format(low, o->type, o->min);
	conf_value_format(high, o->type, o->max);
	if (o->max == INT64_MAX)
		return sq_fail(err, -ERANGE, "is less than %s", low);
	return sq_fail(err, -ERANGE, "is outside %s .. %s", low, high);
}

static int parse_number(const struct sq_opt *o, const char *s, int64_t *ret, struct sq_err *err)
{
	int64_t n;
	int r;

	if (o->type == SQ_T_DURATION)
		r = text_parse_duration(s, &n);
	else if (o->type == SQ_T_SIZE)
		r = text_parse_size(s, &n);
	else
		r = text_parse_int(s, &n);
	if (r == -ERANGE || (r == 0 && (n < o->min || n > o->max)))
		return outside(o, err);
	if (r < 0)
		return sq_fail(err, r, "is not %s", types[o->type].takes);
	*ret = n;
	return 0;
}

static int parse_secret(const char *s, struct sq_err *err)
{
	bool env = strncmp(s, "env:", 4) == 0 && s[4], file = strncmp(s, "file:", 5) == 0 && s[5];

	if (*s == '\0' || env || file)
		return 0;
	return sq_fail(err, -EINVAL, "is a secret and does not belong into the file: write %s",
	               types[SQ_T_SECRET].takes);
}

int conf_value_parse(const struct sq_opt *o, const char *text, int64_t *number, struct sq_err *err)
{
	switch ((enum sq_type)o->type) {
	case SQ_T_BOOL:
		if (parse_bool(text, number) < 0)
			return sq_fail(err, -EINVAL, "is not %s", types[SQ_T_BOOL].takes);
		return 0;
	case SQ_T_INT:
	case SQ_T_DURATION:
	case SQ_T_SIZE:
		return parse_number(o, text, number, err);
	case SQ_T_ENUM:
		return parse_enum(o, text, number, err);
	case SQ_T_SECRET:
		return parse_secret(text, err);
	case SQ_T_STRING:
	case SQ_T_LIST:
	case SQ_T_PATH:
		return 0;
	case SQ_T_END:
		break;
	}
	return sq_fail(err, -EINVAL, "has a type that this host does not know");
}

void conf_value_put(const struct sq_opt *o, int64_t number, const struct conf_raw *raw, void *values)
{
	char *at = (char *)values + o->off;

	switch ((enum sq_type)o->type) {
	case SQ_T_BOOL:
		*(bool *)at = number != 0;
		break;
	case SQ_T_INT:
	case SQ_T_DURATION:
	case SQ_T_SIZE:
		*(int64_t *)(void *)at = number;
		break;
	case SQ_T_ENUM:
		*(int *)(void *)at = (int)number;
		break;
	case SQ_T_STRING:
	case SQ_T_SECRET:
	case SQ_T_PATH:
		*(const char **)(void *)at = raw->text;
		break;
	case SQ_T_LIST:
		*(const char *const **)(void *)at = raw->items;
		break;
	case SQ_T_END:
		break;
	}
}

int conf_value_split(struct conf_mem *m, const char *text, struct conf_raw *raw)
{
	char *copy = conf_strdup(m, text), *item, *rest;
	const char **items;
	size_t n = 1;

	for (const char *c = text; *c; c++)
		n += *c == ',';
	items = conf_alloc(m, (n + 1) * sizeof *items);
	if (!copy || !items)
		return -ENOMEM;
	n = 0;
	for (rest = copy; (item = strsep(&rest, ","));) {
		item += strspn(item, " \t");
		for (size_t len = strlen(item); len && strchr(" \t", item[len - 1]); len--)
			item[len - 1] = '\0';
		if (*item)
			items[n++] = item;
	}
	raw->text = text;
	raw->items = items;
	return 0;
}

static void print_quoted(const char *s, struct buf *out)
{
	buf_str(out, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_printf(out, "\\%c", *s);
		else if ((unsigned char)*s < ' ' || *s == 127)
			buf_printf(out, "\\x%02x", (unsigned char)*s);
		else
			buf_add(out, s, 1);
	}
	buf_str(out, "\"");
}

static void print_items(const char *const *items, struct buf *out)
{
	buf_str(out, "(");
	for (unsigned i = 0; items[i]; i++) {
		buf_str(out, i ? ", " : " ");
		print_quoted(items[i], out);
	}
	buf_str(out, " )");
}

void conf_value_print(const struct sq_opt *o, const void *values, struct buf *out)
{
	const void *at = (const char *)values + o->off;
	char text[CONF_VALUE_MAX];

	switch ((enum sq_type)o->type) {
	case SQ_T_BOOL:
		buf_str(out, *(const bool *)at ? "true" : "false");
		break;
	case SQ_T_INT:
		buf_str(out, conf_value_format(text, o->type, *(const int64_t *)at));
		break;
	case SQ_T_DURATION:
	case SQ_T_SIZE:
		print_quoted(conf_value_format(text, o->type, *(const int64_t *)at), out);
		break;
	case SQ_T_ENUM:
		print_quoted(o->choices[*(const int *)at], out);
		break;
	case SQ_T_STRING:
	case SQ_T_PATH:
		print_quoted(*(const char *const *)at, out);
		break;
	case SQ_T_LIST:
		print_items(*(const char *const *const *)at, out);
		break;
	case SQ_T_SECRET:
		buf_str(out, **(const char *const *)at ? "********" : "\"\"");
		break;
	case SQ_T_END:
		break;
	}
}

int conf_value_default(struct conf_mem *m, const struct sq_opt *o, void *values)
{
	struct conf_raw raw = {.text = o->def ? o->def : ""};
	int64_t number = 0;
	int r;

	if (o->type == SQ_T_LIST)
		r = conf_value_split(m, raw.text, &raw);
	else
		r = o->def ? conf_value_parse(o, o->def, &number, NULL) : 0;
	if (r == 0)
		conf_value_put(o, number, &raw, values);
	return r;
}
