/* conf_man.c - squall.conf(5): how the manual page of the configuration looks (man macros). */
#include "conf_priv.h"

#include <ctype.h>
#include <string.h>

/* Text between macros. A line that starts with . or ' would be a request. */
static void roff(FILE *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '\\')
			fputs("\\e", out);
		else if (*c == '-')
			fputs("\\-", out);
		else if ((*c == '.' || *c == '\'') && (c == text || c[-1] == '\n'))
			fprintf(out, "\\&%c", *c);
		else
			putc(*c, out);
	}
}

/* A macro's argument: its quotes are doubled by name, so that the text stays one argument. */
static void roff_argument(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		char one[2] = {*text, '\0'};

		if (*text == '"')
			fputs("\\(dq", out);
		else
			roff(out, one);
	}
	putc('"', out);
}

static void man_begin(FILE *out)
{
	static const char head[] =
	    ".SH NAME\n"
	    "squall.conf \\- configuration of squalld\n"
	    ".SH DESCRIPTION\n"
	    "One file makes a process what it is:\n"
	    ".PP\n"
	    ".nf\n"
	    "state_dir = \"/var/lib/squall\";\n"
	    "store = { plugin = \"local\"; };\n"
	    "roles = ( { plugin = \"target\"; listen = \"127.0.0.1:8080\"; } );\n"
	    ".fi\n"
	    ".PP\n"
	    "The syntax is that of libconfig: key = value, groups in braces, lists in parentheses, comments\n"
	    "behind # or //, and @include \"file\" at the start of a line. The groups\n"
	    ".BR store ,\n"
	    ".B transport\n"
	    "and\n"
	    ".B scheduler\n"
	    "name one plugin each where a role needs it\n"
	    "(store and transport also \"auto\": redis when a REDIS_ variable is set, the transport "
	    "servicebus with\n"
	    "SERVICE_BUS_CONNECTION_STRING; otherwise store local, transport servicebus);\n"
	    ".B roles\n"
	    "lists what this process is.\n"
	    ".PP\n"
	    "Durations are texts such as \"250ms\", \"2s\", \"5m\" or \"1h\"; a bare number is seconds. "
	    "Sizes are\n"
	    "bytes, or texts such as \"64k\", \"1M\" or \"2G\" in powers of 1024. Whole numbers end at "
	    "2147483647\n"
	    "and do not start with 0. Secrets do not stand in the file: \"env:NAME\" takes a variable,\n"
	    "\"file:/path\" the content of a file.\n"
	    ".PP\n"
	    ".B squalld \\-t \\-c FILE\n"
	    "checks a file and reports everything wrong with it at once.\n";

	fprintf(out, ".TH SQUALL.CONF 5 \"\" \"squall %s\" \"squall\"\n", PACKAGE_VERSION);
	fputs(head, out);
}

static void man_section(FILE *out, const char *title, const char *intro)
{
	fputs(".SH ", out);
	putc('"', out);
	for (; *title; title++)
		putc(toupper((unsigned char)*title), out);
	fputs("\"\n", out);
	roff(out, intro);
	putc('\n', out);
}

static void man_option(FILE *out, const struct conf_doc_row *row, bool first)
{
	const struct sq_opt *o = row->opt;
	char tag[512];

	(void)first;
	snprintf(tag, sizeof tag, "%s%s%s", o->key, o->flags & SQ_F_REQUIRED ? "" : " = ",
	         o->flags & SQ_F_REQUIRED ? "" : row->value);
	fputs(".TP\n.B ", out);
	roff_argument(out, tag);
	putc('\n', out);
	roff(out, o->help);
	fputs("\n.br\n", out);
	roff(out, row->type);
	fprintf(out, "%s%s%s\n", o->flags & SQ_F_REQUIRED ? ", required" : "", o->env ? "; variable " : "",
	        o->env ? o->env : "");
}

static void man_route(FILE *out, const struct sq_route *route, bool first)
{
	char tag[512];

	(void)first;
	snprintf(tag, sizeof tag, "%s %s", route->method, route->path);
	fputs(".TP\n.B ", out);
	roff_argument(out, tag);
	putc('\n', out);
	roff(out, route->help);
	putc('\n', out);
}

static void man_variable(FILE *out, const char *name, const char *group, const char *key, bool first)
{
	(void)first;
	fprintf(out, ".TP\n.B %s\n%s%s", name, group, *group ? ": " : "");
	roff(out, key);
	putc('\n', out);
}

static void man_end(FILE *out)
{
	fputs(".SH SEE ALSO\n.BR squalld (8)\n", out);
}

const struct conf_doc_format conf_doc_man = {man_begin, man_section,  man_option,
                                             man_route, man_variable, man_end};
