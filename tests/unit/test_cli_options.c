/* test_cli_options.c - the table of options holds together, and parsing survives without memory. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "core/cli/options.h"
#include "core/cli/plan.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

static bool is_end(const struct option_row *row)
{
	return !row->letter && !row->name;
}

/* Two rows of one command may not answer to the same spelling. */
static void table(void)
{
	unsigned clashes = 0, refused = 0, wrong = 0;

	for (const struct option_row *a = option_rows; !is_end(a); a++) {
		for (const struct option_row *b = option_rows; b < a; b++)
			if (a->commands & b->commands)
				clashes += (a->letter && a->letter == b->letter) ||
				           (a->name && b->name && strcmp(a->name, b->name) == 0);
		wrong += (a->kind == OPTION_FIELD) != (a->put != NULL);
		if (a->kind != OPTION_FIELD) /* a member of the plan may be set by the option alone */
			wrong += (a->kind == OPTION_FLAG || a->kind >= OPTION_HELP) != (a->arg == NULL);
		for (const struct option_refusal *f = option_refusals; f->spelling; f++)
			if (a->commands & 1 && f->spelling[1] != '-' && !f->spelling[2])
				refused += a->letter == f->spelling[1];
			else if (a->commands & 1 && f->spelling[1] == '-')
				refused += a->name && strcmp(a->name, f->spelling + 2) == 0;
	}
	is_int(clashes, 0, "no two options of a command are spelled alike");
	is_int(wrong, 0, "rows have what their kind needs");
	is_int(refused, 0, "no option of ours is refused as another tool's");
	for (const struct option_refusal *a = option_refusals; a->spelling; a++)
		for (const struct option_refusal *b = option_refusals; b < a; b++)
			if (strlen(b->spelling) == 2 && strncmp(a->spelling, b->spelling, 2) == 0)
				ok(false, "%s is hidden behind %s", a->spelling, b->spelling);
}

static int parse(const char *command, const char *line, struct options *o, enum parsed *what,
                 struct sq_err *err)
{
	static char text[256];
	char *words[16], *rest = NULL;
	int n = 0;

	snprintf(text, sizeof text, "%s", line);
	for (char *w = strtok_r(text, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
		words[n++] = w;
	*o = (struct options){.command = command_find(command)};
	return options_parse(o, n, words, what, err);
}

static void parsing(void)
{
	enum parsed what;
	struct options o;
	struct sq_err err;

	is_int(parse("run", "-r 5 URL --json -wN --gateway=G -o a.csv --output b.txt -fP", &o, &what, &err),
	       0, "a whole line");
	ok(what == PARSED_RUN && o.json && !o.strict, "flags");
	is_str(o.operand, "URL", "the operand");
	is_str(o.gateway, "G", "a value behind =");
	is_str(o.plan_file, "P", "a value behind its letter");
	is_int(o.field_count, 2, "fields of the plan, in order");
	is_str(o.fields[0].row->field, "hits_per_sec", "the first");
	is_str(o.fields[1].value, "N", "the second");
	is_int(o.output_count, 2, "outputs");
	options_free(&o);
	is_int(parse("run", "--help -t", &o, &what, &err), 0, "--help ends the parsing");
	is_int(what, PARSED_HELP, "and is what is wanted");
	options_free(&o);
	is_int(parse("run", "-hV", &o, &what, &err), 0, "letters in one word");
	options_free(&o);
	is_int(parse("run", "-", &o, &what, &err), 0, "- is an operand");
	options_free(&o);
	is_int(parse("show", "", &o, &what, &err), -EINVAL, "a missing operand");
	is_str(err.text, "squall show wants ID: see squall show --help", "and what is said");
}

/* Every allocation of parsing and of the plan fails in turn. */
static void memory(void)
{
	int n;

	for (n = 1; n < 1000; n++) {
		struct json_object *plan = NULL;
		enum parsed what;
		struct options o;
		struct sq_err err;
		int r;

		failmalloc_after((unsigned)n);
		r = parse("run",
		          "http://a/ -r 0.5 -w 2 -H A:b -u a:b -b text --threshold p(99)<1 --timeout 5", &o,
		          &what, &err);
		if (r == 0)
			r = plan_build(&o, &plan, &err);
		if (!failmalloc_stop()) {
			is_int(r, 0, "with memory it works");
			json_object_put(plan);
			options_free(&o);
			break;
		}
		if (r == 0)
			json_object_put(plan);
		ok(r == -ENOMEM, "allocation %d fails: -ENOMEM", n);
		if (o.fields)
			options_free(&o);
	}
	ok(n > 10 && n < 1000, "every allocation was made to fail");
}

int main(void)
{
	table();
	parsing();
	memory();
	return tap_done();
}
