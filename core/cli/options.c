/* options.c - parsing of the command line by the table of its options. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "later.h"

#define ROWS_MAX 64

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

const char *option_spelling(const struct option_row *row, char out[32])
{
	if (row->letter)
		snprintf(out, 32, "-%c", row->letter);
	else
		snprintf(out, 32, "--%s", row->name);
	return out;
}

static bool is_end(const struct option_row *row)
{
	return !row->letter && !row->name;
}

const struct option_row *option_of_field(const char *field)
{
	for (const struct option_row *row = option_rows; !is_end(row); row++)
		if (row->field && strcmp(row->field, field) == 0)
			return row;
	return NULL;
}

static const struct option_row *find_letter(const struct command *c, char letter)
{
	for (const struct option_row *row = option_rows; !is_end(row); row++)
		if (row->letter == letter && row->commands & c->bit)
			return row;
	return NULL;
}

static const struct option_row *find_name(const struct command *c, const char *name, size_t len)
{
	for (const struct option_row *row = option_rows; !is_end(row); row++)
		if (row->name && row->commands & c->bit && strncmp(row->name, name, len) == 0 &&
		    row->name[len] == '\0')
			return row;
	return NULL;
}

/* "-t" also matches -t4, "--vus" and "-rate" also --vus=10. */
static bool is_spelled(const char *arg, const char *spelling)
{
	size_t len = strlen(spelling);

	if (strncmp(arg, spelling, len) != 0)
		return false;
	return len == 2 || arg[len] == '\0' || arg[len] == '=';
}

/* Longer spellings stand before the letters that they begin with. */
static int check_refusals(const struct options *o, const char *arg, struct sq_err *err)
{
	for (const struct option_refusal *f = option_refusals; o->command->bit == C_RUN && f->spelling; f++)
		if (is_spelled(arg, f->spelling))
			return sq_fail(err, -EINVAL, "%s %s", f->spelling, f->text);
	for (const struct later_row *row = later_rows; row->name; row++)
		if (row->kind == LATER_OPTION && is_spelled(arg, row->name))
			return sq_fail(err, -EINVAL, "%s " LATER_WORDS, row->name);
	return 0;
}

static int refuse_unknown(const struct options *o, const char *arg, struct sq_err *err)
{
	const char *names[ROWS_MAX], *near = NULL;
	char word[64];
	size_t n = 0, len = strcspn(arg, "=");

	for (const struct option_row *row = option_rows; !is_end(row); row++)
		if (row->name && row->help && row->commands & o->command->bit)
			names[n++] = row->name;
	names[n] = NULL;
	text_safe(word, sizeof word, arg, len);
	if (strncmp(word, "--", 2) == 0)
		near = text_nearest(word + 2, names);
	if (near)
		return sq_fail(err, -EINVAL, "%s is not an option of squall %s; did you mean --%s?", word,
		               o->command->name, near);
	return sq_fail(err, -EINVAL, "%s is not an option of squall %s: see squall %s --help", word,
	               o->command->name, o->command->name);
}

/* value: NULL for a row that takes none. */
static void keep(struct options *o, const struct option_row *row, const char *value, enum parsed *ret)
{
	char *at = (char *)o + row->off;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)at = true;
		break;
	case OPTION_TEXT:
		*(const char **)(void *)at = value;
		break;
	case OPTION_FIELD:
		o->fields[o->field_count++] = (struct option_given){row, value};
		break;
	case OPTION_OUTPUT:
		o->outputs[o->output_count++] = value;
		break;
	case OPTION_HELP:
		*ret = PARSED_HELP;
		break;
	case OPTION_VERSION:
		*ret = PARSED_VERSION;
		break;
	}
}

struct words {
	int count, at;
	char *const *word;
};

/* attached: what follows the option in the same word, or NULL. */
static int take(struct options *o, struct words *w, const struct option_row *row, const char *attached,
                enum parsed *ret, struct sq_err *err)
{
	char spelling[32];

	if (row->arg && !attached) {
		if (w->at == w->count)
			return sq_fail(err, -EINVAL, "%s wants a value: %s", option_spelling(row, spelling),
			               row->arg);
		attached = w->word[w->at++];
	}
	keep(o, row, row->arg ? attached : NULL, ret);
	return 0;
}

static int take_long(struct options *o, struct words *w, const char *arg, enum parsed *ret,
                     struct sq_err *err)
{
	size_t len = strcspn(arg + 2, "=");
	const struct option_row *row = find_name(o->command, arg + 2, len);
	const char *attached = arg[2 + len] == '=' ? arg + 3 + len : NULL;

	if (!row)
		return refuse_unknown(o, arg, err);
	if (attached && !row->arg)
		return sq_fail(err, -EINVAL, "--%s takes no value", row->name);
	return take(o, w, row, attached, ret, err);
}

/* One word may hold several letters without a value, and a last one with its value. */
static int take_letters(struct options *o, struct words *w, const char *arg, enum parsed *ret,
                        struct sq_err *err)
{
	for (const char *c = arg + 1; *c; c++) {
		const struct option_row *row = find_letter(o->command, *c);

		if (!row)
			return refuse_unknown(o, arg, err);
		if (row->arg)
			return take(o, w, row, c[1] ? c + 1 : NULL, ret, err);
		keep(o, row, NULL, ret);
	}
	return 0;
}

static int take_operand(struct options *o, const char *arg, struct sq_err *err)
{
	char shown[64];

	text_safe(shown, sizeof shown, arg, strlen(arg));
	if (!o->command->operand)
		return sq_fail(err, -EINVAL, "squall %s takes options only, not \"%s\"", o->command->name,
		               shown);
	if (o->operand)
		return sq_fail(err, -EINVAL, "squall %s takes one %s; \"%s\" is one too many",
		               o->command->name, o->command->operand, shown);
	o->operand = arg;
	return 0;
}

static int parse_word(struct options *o, struct words *w, const char *arg, enum parsed *ret,
                      struct sq_err *err)
{
	int r;

	if (arg[0] != '-' || arg[1] == '\0')
		return take_operand(o, arg, err);
	r = check_refusals(o, arg, err);
	if (r < 0)
		return r;
	return arg[1] == '-' ? take_long(o, w, arg, ret, err) : take_letters(o, w, arg, ret, err);
}

static int parse_all(struct options *o, struct words *w, enum parsed *ret, struct sq_err *err)
{
	bool plain = false; /* behind "--": operands only */
	int r = 0;

	*ret = PARSED_RUN;
	while (r == 0 && w->at < w->count && *ret == PARSED_RUN) {
		const char *arg = w->word[w->at++];

		if (!plain && strcmp(arg, "--") == 0)
			plain = true;
		else
			r = plain ? take_operand(o, arg, err) : parse_word(o, w, arg, ret, err);
	}
	if (r == 0 && *ret == PARSED_RUN && o->command->needs_operand && !o->operand)
		r = sq_fail(err, -EINVAL, "squall %s wants %s: see squall %s --help", o->command->name,
		            o->command->operand, o->command->name);
	return r;
}

int options_parse(struct options *out, int argc, char *const argv[], enum parsed *ret, struct sq_err *err)
{
	struct words w = {.count = argc, .word = argv};
	struct options o = {.command = out->command};
	int r;

	/* Each word gives at most one of either. */
	o.fields = calloc((size_t)argc + 1, sizeof *o.fields);
	o.outputs = calloc((size_t)argc + 1, sizeof *o.outputs);
	r = o.fields && o.outputs ? parse_all(&o, &w, ret, err) : sq_fail(err, -ENOMEM, "no memory");
	if (r < 0)
		options_free(&o);
	else
		*out = o;
	return r;
}

void options_free(struct options *o)
{
	free(o->fields);
	free(o->outputs);
	o->fields = NULL;
	o->outputs = NULL;
}
