/* conf_sample.c - a .conf to start from: one plugin of each kind live, everything else a comment. */
#include "conf_priv.h"

#include "loader.h"

/* Required options stand there to be filled in; the others show their defaults. */
static void sample_option(struct conf_mem *m, const struct sq_opt *o, const char *indent, FILE *out)
{
	struct conf_doc_row row;
	char comment[32], type[512];

	if ((o->flags & SQ_F_EXPERT) || conf_doc_row(m, o, &row) < 0)
		return;
	snprintf(comment, sizeof comment, "%s# ", indent);
	fputc('\n', out);
	conf_doc_wrap(out, comment, o->help);
	snprintf(type, sizeof type, "(%s%s%s)", row.type, o->env ? ", variable " : "", o->env ? o->env : "");
	conf_doc_wrap(out, comment, type);
	if (o->flags & SQ_F_REQUIRED)
		fprintf(out, "%s%s = %s; # required\n", indent, o->key, row.value);
	else
		fprintf(out, "%s#%s = %s;\n", indent, o->key, row.value);
}

static void sample_options(struct conf_mem *m, const struct sq_opt *opts, const char *indent, FILE *out)
{
	for (; opts && opts->type != SQ_T_END; opts++)
		sample_option(m, opts, indent, out);
}

/* live: the first of its kind. */
static void sample_plugin(struct conf_mem *m, const struct conf_doc_plugin *p, bool live, FILE *out)
{
	bool role = p->kind == SQ_ROLE;
	const char *outer = live ? role ? "\t" : "" : role ? "\t#" : "#";
	const char *inner = live ? role ? "\t\t" : "\t" : role ? "\t#\t" : "#\t";

	fputc('\n', out);
	fprintf(out, "%s# %s\n", role ? "\t" : "", p->desc->summary);
	if (role)
		fprintf(out, "%s%s{\n", outer, live ? "" : ", ");
	else
		fprintf(out, "%s%s = {\n", outer, loader_kind_word(p->kind));
	fprintf(out, "%splugin = \"%s\";\n", inner, p->desc->name);
	if (role && p->desc->vt.role->routes)
		sample_options(m, conf_listener_opts, inner, out);
	sample_options(m, p->desc->opts, inner, out);
	fprintf(out, "%s}%s\n", outer, role ? "" : ";");
}

void conf_doc_sample(struct conf_mem *m, const struct conf_doc_plugin *plugins, unsigned count, FILE *out)
{
	bool roles = false;

	fputs("# Options that stand behind a # are at their defaults.\n", out);
	sample_options(m, conf_core_opts, "", out);
	for (unsigned i = 0; i < count; i++) {
		bool live = i == 0 || plugins[i - 1].kind != plugins[i].kind;

		if (plugins[i].kind == SQ_ROLE && !roles)
			fputs("\nroles = (", out);
		roles = roles || plugins[i].kind == SQ_ROLE;
		sample_plugin(m, &plugins[i], live, out);
	}
	if (roles)
		fputs(");\n", out);
}
