/* conf_doc.c - the reference that the tables are: the walk over them, as text and as Markdown. */
#include "conf_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader.h"

#define COLUMNS 80

static void option_type(const struct sq_opt *o, struct buf *out)
{
	char low[CONF_VALUE_MAX], high[CONF_VALUE_MAX], takes[256];

	switch ((enum sq_type)o->type) {
	case SQ_T_INT:
	case SQ_T_DURATION:
	case SQ_T_SIZE:
		buf_printf(out, "%s, %s .. %s", conf_type_word(o->type),
		           conf_value_format(low, o->type, o->min), conf_value_format(high, o->type, o->max));
		break;
	case SQ_T_ENUM:
	case SQ_T_SECRET:
		conf_type_takes(o, takes, sizeof takes);
		buf_printf(out, "%s%s", o->type == SQ_T_SECRET ? "secret, " : "", takes);
		break;
	default:
		buf_str(out, conf_type_word(o->type));
	}
}

int conf_doc_row(struct conf_mem *m, const struct sq_opt *o, struct conf_doc_row *ret)
{
	void *values = conf_alloc(m, o->off + conf_type_size(o->type));
	struct buf value = {0}, type = {0};

	if (!values || conf_value_default(m, o, values) < 0)
		return -ENOMEM;
	if ((o->flags & SQ_F_REQUIRED) && conf_type_number(o->type))
		conf_value_put(o, o->min, &(struct conf_raw){"", NULL}, values);
	conf_value_print(o, values, &value);
	option_type(o, &type);
	ret->opt = o;
	ret->value = buf_failed(&value) ? NULL : conf_strdup(m, value.data);
	ret->type = buf_failed(&type) ? NULL : conf_strdup(m, type.data);
	buf_free(&value);
	buf_free(&type);
	return ret->value && ret->type ? 0 : -ENOMEM;
}

static size_t width(const char *indent)
{
	size_t n = 0;

	for (; *indent; indent++)
		n += *indent == '\t' ? 8 - n % 8 : 1;
	return n;
}

void conf_doc_wrap(FILE *out, const char *indent, const char *text)
{
	size_t start = width(indent), column = 0, len;

	for (; *text; text += len + strspn(text + len, " ")) {
		len = strcspn(text, " ");
		if (column && column + 1 + len > COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		fprintf(out, "%s%.*s", column ? " " : indent, (int)len, text);
		column = (column ? column + 1 : start) + len;
	}
	fputc('\n', out);
}

static void nothing(FILE *out)
{
	(void)out;
}

/* Text. */

static void text_section(FILE *out, const char *title, const char *intro)
{
	fprintf(out, "\n%s\n", title);
	conf_doc_wrap(out, "  ", intro);
}

static void text_option(FILE *out, const struct conf_doc_row *row, bool first)
{
	const struct sq_opt *o = row->opt;
	bool required = o->flags & SQ_F_REQUIRED;
	char type[512];

	(void)first;
	fprintf(out, "\n  %s%s%s\n", o->key, required ? "" : " = ", required ? "" : row->value);
	conf_doc_wrap(out, "      ", o->help);
	snprintf(type, sizeof type, "(%s%s%s%s)", row->type, required ? ", required" : "",
	         o->env ? ", variable " : "", o->env ? o->env : "");
	conf_doc_wrap(out, "      ", type);
}

static void text_route(FILE *out, const struct sq_route *route, bool first)
{
	fprintf(out, "%s  %s %s\n", first ? "\n" : "", route->method, route->path);
	conf_doc_wrap(out, "      ", route->help);
}

static void text_variable(FILE *out, const char *name, const char *group, const char *key, bool first)
{
	fprintf(out, "%s  %-30s %s%s%s\n", first ? "\n" : "", name, group, *group ? ": " : "", key);
}

static const struct conf_doc_format text_format = {nothing,    text_section,  text_option,
                                                   text_route, text_variable, nothing};

/* Markdown. */

static void markdown_cell(FILE *out, const char *text)
{
	for (; *text; text++)
		fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void markdown_section(FILE *out, const char *title, const char *intro)
{
	fprintf(out, "\n## %s\n\n%s\n", title, intro);
}

static void markdown_option(FILE *out, const struct conf_doc_row *row, bool first)
{
	const struct sq_opt *o = row->opt;
	bool required = o->flags & SQ_F_REQUIRED;

	if (first)
		fputs("\n| Option | Type | Default | Meaning |\n|---|---|---|---|\n", out);
	fprintf(out, "| `%s` | ", o->key);
	markdown_cell(out, row->type);
	fprintf(out, " | %s%s%s | ", required ? "" : "`", required ? "required" : row->value,
	        required ? "" : "`");
	markdown_cell(out, o->help);
	if (o->env)
		fprintf(out, " Variable `%s`.", o->env);
	fputs(" |\n", out);
}

static void markdown_route(FILE *out, const struct sq_route *route, bool first)
{
	if (first)
		fputs("\n| Request | Meaning |\n|---|---|\n", out);
	fprintf(out, "| `%s %s` | ", route->method, route->path);
	markdown_cell(out, route->help);
	fputs(" |\n", out);
}

static void markdown_variable(FILE *out, const char *name, const char *group, const char *key, bool first)
{
	if (first)
		fputs("\n| Variable | Option |\n|---|---|\n", out);
	fprintf(out, "| `%s` | %s%s`%s` |\n", name, group, *group ? ": " : "", key);
}

static const struct conf_doc_format markdown_format = {nothing,        markdown_section,  markdown_option,
                                                       markdown_route, markdown_variable, nothing};

/* The walk. */

struct doc {
	const char *dirs;
	struct conf_mem mem;
	struct conf_doc_plugin *plugins;
	unsigned count;
	bool host; /* the host's own options, too */
};

static const enum sq_kind kinds[] = {SQ_STORE, SQ_TRANSPORT, SQ_SCHEDULER, SQ_ROLE};

static void walk_options(struct doc *d, const struct conf_doc_format *f, const struct sq_opt *opts, FILE *out)
{
	struct conf_doc_row row;

	for (const struct sq_opt *o = opts; o && o->type != SQ_T_END; o++) {
		if (conf_doc_row(&d->mem, o, &row) == 0)
			f->option(out, &row, o == opts);
	}
}

/* first: none was told of yet, and the section has no title. */
static bool walk_variables(const struct conf_doc_format *f, const struct sq_opt *opts, const char *group,
                           bool first, FILE *out)
{
	for (; opts && opts->type != SQ_T_END; opts++) {
		if (!opts->env)
			continue;
		if (first)
			f->section(out, "Environment",
			           "A variable overrides the file; an empty one counts as unset.");
		f->variable(out, opts->env, group, opts->key, first);
		first = false;
	}
	return first;
}

static void plugin_title(char out[96], const struct conf_doc_plugin *p)
{
	snprintf(out, 96, "%s %.64s", loader_kind_word(p->kind), p->desc->name);
}

static void walk_plugin(struct doc *d, const struct conf_doc_format *f, const struct conf_doc_plugin *p,
                        FILE *out)
{
	const struct sq_route *routes = p->kind == SQ_ROLE ? p->desc->vt.role->routes : NULL;
	char title[96];

	plugin_title(title, p);
	f->section(out, title, p->desc->summary);
	walk_options(d, f, p->desc->opts, out);
	for (const struct sq_route *r = routes; r && r->method; r++)
		f->route(out, r, r == routes);
}

static void walk(struct doc *d, const struct conf_doc_format *f, FILE *out)
{
	bool first = true;
	char title[96];

	f->begin(out);
	if (d->host) {
		f->section(out, "Top of the file", "What holds for the whole process.");
		walk_options(d, f, conf_core_opts, out);
		f->section(out, "Listener of a role",
		           "Each role that answers HTTP takes these in its own group.");
		walk_options(d, f, conf_listener_opts, out);
	}
	for (unsigned i = 0; i < d->count; i++)
		walk_plugin(d, f, &d->plugins[i], out);
	if (d->host)
		first = walk_variables(f, conf_core_opts, "", first, out);
	for (unsigned i = 0; i < d->count; i++) {
		plugin_title(title, &d->plugins[i]);
		first = walk_variables(f, d->plugins[i].desc->opts, title, first, out);
	}
	f->end(out);
}

static int add_plugin(struct doc *d, enum sq_kind kind, const char *name, FILE *report)
{
	struct conf_doc_plugin *more = conf_alloc(&d->mem, (d->count + 1) * sizeof *more);
	const struct sq_plugin *desc;
	struct sq_err err;
	int r = loader_open(d->dirs, kind, name, &desc, &err);

	if (r < 0) {
		fprintf(report, "%s\n", err.text);
		return r;
	}
	if (!more)
		return -ENOMEM;
	if (d->count)
		memcpy(more, d->plugins, d->count * sizeof *more);
	more[d->count++] = (struct conf_doc_plugin){kind, desc};
	d->plugins = more;
	return 0;
}

/* which: NULL = all, "target", or "store/local". */
static bool wanted(const char *which, enum sq_kind kind, const char *name)
{
	const char *word = loader_kind_word(kind);
	size_t len = strlen(word);

	if (!which || strcmp(which, name) == 0)
		return true;
	return strncmp(which, word, len) == 0 && which[len] == '/' && strcmp(which + len + 1, name) == 0;
}

static int add_wanted(struct doc *d, const char *which, FILE *report)
{
	int r = 0, e;

	for (unsigned i = 0; i < SQ_LEN(kinds); i++) {
		char **names = loader_names(d->dirs, kinds[i]);

		for (char **n = names; n && *n; n++) {
			e = wanted(which, kinds[i], *n) ? add_plugin(d, kinds[i], *n, report) : 0;
			r = r < 0 ? r : e;
		}
		loader_names_free(names);
	}
	if (r == 0 && which && d->count == 0) {
		fprintf(report, "no plugin \"%s\" in %s\n", which, d->dirs);
		r = -ENOENT;
	}
	return r;
}

int conf_describe(const char *plugin_dir, const char *which, enum conf_doc format, FILE *out, FILE *report)
{
	static const struct conf_doc_format *const formats[] = {[CONF_DOC_TEXT] = &text_format,
	                                                        [CONF_DOC_MARKDOWN] = &markdown_format,
	                                                        [CONF_DOC_MAN] = &conf_doc_man};
	struct doc d = {.dirs = plugin_dir ? plugin_dir : getenv("SQUALL_PLUGIN_DIR"), .host = which == NULL};
	int r;

	if (!d.dirs || !*d.dirs)
		d.dirs = SQ_PLUGIN_DIR;
	r = add_wanted(&d, which, report);
	if (r == 0 && format == CONF_DOC_SAMPLE)
		conf_doc_sample(&d.mem, d.plugins, d.count, out);
	else if (r == 0)
		walk(&d, formats[format], out);
	if (r == 0 && d.mem.failed)
		r = -ENOMEM;
	conf_mem_free(&d.mem);
	return r;
}
