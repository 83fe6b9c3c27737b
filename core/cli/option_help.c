/* option_help.c - usage, help and the man page's lists, made of the table of options. */
#include <string.h>

#include "core/base/result_page.h"
#include "options.h"

#define HELP_COLUMN 26

static void print_page(struct page *p, FILE *out)
{
	if (p->out->len > 0)
		fwrite(p->out->data, 1, p->out->len, out);
	buf_free(p->out);
}

/* Help begins at its column, on a line of its own if the option is too long. */
static void print_row(FILE *out, const struct option_row *row)
{
	struct buf text = {0};
	struct page p = {.out = &text};
	char letter[8] = "    ", head[64];

	if (row->letter)
		snprintf(letter, sizeof letter, "-%c%s", row->letter, row->name ? ", " : "");
	snprintf(head, sizeof head, "  %s%s%s%s%s", letter, row->name ? "--" : "", row->name ? row->name : "",
	         row->arg ? " " : "", row->arg ? row->arg : "");
	page_begin(&p, head, HELP_COLUMN, NULL);
	if (strlen(head) > HELP_COLUMN - 2) {
		page_end(&p);
		page_begin(&p, "", HELP_COLUMN, NULL);
	}
	page_say(&p, "%s", row->help);
	print_page(&p, out);
}

static void print_paragraph(FILE *out, const char *words)
{
	struct buf text = {0};
	struct page p = {.out = &text};

	page_begin(&p, "", 0, NULL);
	page_say(&p, "%s", words);
	print_page(&p, out);
}

static bool is_end(const struct option_row *row)
{
	return !row->letter && !row->name;
}

void options_help(const struct command *c, FILE *out)
{
	fprintf(out, "usage: squall %s ", c->name);
	if (c->operand)
		fprintf(out, c->needs_operand ? "%s " : "[%s] ", c->operand);
	fputs("[options]\n\n", out);
	print_paragraph(out, c->details);
	fputc('\n', out);
	for (const struct option_row *row = option_rows; !is_end(row); row++)
		if (row->help && row->commands & c->bit)
			print_row(out, row);
}

void options_usage(FILE *out)
{
	fputs("usage: squall COMMAND [options]\n\n", out);
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  %-8s %-4s  %s\n", c->name, c->operand ? c->operand : "", c->summary);
	fputs("\n  squall run http://127.0.0.1:8080/hit -r 500 -d 30s -w 2\n"
	      "  squall COMMAND --help     its options; squall(1) says more\n\n"
	      "Exit status: 0 pass, 99 a threshold failed or no answer was ok, 98 the\n"
	      "generator's numbers cannot be trusted, 97 cancelled or failed, 2 usage or\n"
	      "configuration.\n",
	      out);
}

/* Text for troff: a backslash, a minus and a leading dot or quote mean themselves. */
static void roff_text(FILE *out, const char *s)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", out);
	for (; *s; s++) {
		if (*s == '\\')
			fputs("\\e", out);
		else if (*s == '-')
			fputs("\\-", out);
		else
			fputc(*s, out);
	}
}

static void roff_row(FILE *out, const struct option_row *row)
{
	fputs(".TP\n\\fB", out);
	if (row->letter)
		fprintf(out, "\\-%c", row->letter);
	if (row->letter && row->name)
		fputs("\\fR, \\fB", out);
	if (row->name) {
		fputs("\\-\\-", out);
		roff_text(out, row->name);
	}
	fputs("\\fR", out);
	if (row->arg) {
		fputs(" \\fI", out);
		roff_text(out, row->arg);
		fputs("\\fR", out);
	}
	fputc('\n', out);
	roff_text(out, row->help);
	fputc('\n', out);
}

static void roff_commands_of(FILE *out, const struct option_row *row)
{
	const char *before = "Of ";

	if (row->commands == C_ANY || row->commands == C_RUN)
		return;
	for (const struct command *c = commands; c->name; c++)
		if (row->commands & c->bit) {
			fprintf(out, "%s\\fB%s\\fR", before, c->name);
			before = ", ";
		}
	fputs(".\n", out);
}

void options_roff(FILE *out)
{
	fputs(".SH COMMANDS\n", out);
	for (const struct command *c = commands; c->name; c++) {
		fprintf(out, ".TP\n\\fB%s\\fR", c->name);
		if (c->operand)
			fprintf(out, c->needs_operand ? " \\fI%s\\fR" : " [\\fI%s\\fR]", c->operand);
		fputc('\n', out);
		roff_text(out, c->summary);
		fputs(".\n", out);
		roff_text(out, c->details);
		fputc('\n', out);
	}
	fputs(".SH OPTIONS\n", out);
	for (const struct option_row *row = option_rows; !is_end(row); row++)
		if (row->help) {
			roff_row(out, row);
			roff_commands_of(out, row);
		}
}
