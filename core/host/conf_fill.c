/* conf_fill.c - one group of the file against its table. */
#include "conf_priv.h"

#include <errno.h>
#include <string.h>

#include "core/base/text.h"

unsigned conf_rows(const struct sq_opt *opts)
{
	unsigned n = 0;

	while (opts && opts[n].type != SQ_T_END)
		n++;
	return n;
}

const char *conf_dot(const struct conf_table *t)
{
	return *t->group ? "." : "";
}

const char *conf_hint(char *out, size_t size, const char *word, const char *const *words)
{
	const char *near = text_nearest(word, words);

	*out = '\0';
	if (near)
		snprintf(out, size, "; did you mean %s?", near);
	return out;
}

struct conf_table *conf_table_add(struct conf_reader *r, const char *group, const struct sq_opt *opts,
                                  void *values, struct conf_place at)
{
	struct conf_table *t = &r->priv->tables[r->priv->table_count];

	t->group = group;
	t->opts = opts;
	t->values = values;
	t->at = at;
	t->sources = conf_alloc(&r->priv->mem, (conf_rows(opts) + 1) * sizeof *t->sources);
	if (!t->sources || !group || !values)
		return NULL;
	r->priv->table_count++;
	return t;
}

static int takes(const struct sq_opt *o, struct sq_err *err)
{
	char what[256];

	conf_type_takes(o, what, sizeof what);
	return sq_fail(err, -EINVAL, "takes %s", what);
}

/* ( "a", "b" ) or [ "a", "b" ]. */
static int list_raw(struct conf_mem *m, const struct sq_opt *o, config_setting_t *s, struct conf_raw *raw,
                    struct sq_err *err)
{
	int n = config_setting_length(s);
	const char **items = conf_alloc(m, ((size_t)n + 1) * sizeof *items), *text = "";

	for (int i = 0; items && text && i < n; i++) {
		config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (config_setting_type(e) != CONFIG_TYPE_STRING)
			return takes(o, err);
		items[i] = conf_strdup(m, config_setting_get_string(e));
		if (items[i])
			text = conf_printf(m, "%s%s%s", text, i ? "," : "", items[i]);
	}
	if (m->failed)
		return -ENOMEM;
	*raw = (struct conf_raw){text, items};
	return 0;
}

static bool type_fits(const struct sq_opt *o, int type)
{
	bool whole = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64, text = type == CONFIG_TYPE_STRING;

	switch ((enum sq_type)o->type) {
	case SQ_T_BOOL:
		return type == CONFIG_TYPE_BOOL;
	case SQ_T_INT:
		return whole;
	case SQ_T_DURATION:
	case SQ_T_SIZE:
		return whole || text;
	case SQ_T_STRING:
	case SQ_T_SECRET:
	case SQ_T_ENUM:
	case SQ_T_PATH:
		return text;
	case SQ_T_LIST:
		return type == CONFIG_TYPE_LIST || type == CONFIG_TYPE_ARRAY;
	case SQ_T_END:
		break;
	}
	return false;
}

/* What the file says as text; the file's own type has to fit the option's before it is believed. */
static int setting_raw(struct conf_mem *m, const struct sq_opt *o, config_setting_t *s, struct conf_raw *raw,
                       struct sq_err *err)
{
	if (!type_fits(o, config_setting_type(s)))
		return takes(o, err);
	raw->items = NULL;
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_ARRAY:
		return list_raw(m, o, s, raw, err);
	case CONFIG_TYPE_BOOL:
		raw->text = config_setting_get_bool(s) ? "true" : "false";
		break;
	case CONFIG_TYPE_STRING:
		raw->text = conf_strdup(m, config_setting_get_string(s));
		break;
	default:
		raw->text = conf_printf(m, "%lld", config_setting_get_int64(s));
	}
	return raw->text ? 0 : -ENOMEM;
}

static bool refused_before(const struct conf_reader *r, config_setting_t *s)
{
	const char *text = config_setting_type(s) == CONFIG_TYPE_STRING ? config_setting_get_string(s) : "";

	return r->rep.errors > 0 && strcmp(text, CONF_REFUSED) == 0;
}

/* Numbers and words are shown, in quotes where the file has them; secrets and lists are not. */
static const char *shown(struct conf_mem *m, const struct sq_opt *o, config_setting_t *s, const char *text)
{
	if (!text || o->type == SQ_T_SECRET || o->type == SQ_T_LIST)
		return "";
	text = conf_printf(m, config_setting_type(s) == CONFIG_TYPE_STRING ? " \"%.128s\"" : " %s", text);
	return text ? text : "";
}

static void fill_from_file(struct conf_reader *r, struct conf_table *t, unsigned row, config_setting_t *s)
{
	struct conf_place at = conf_text_place(&r->text, config_setting_source_line(s));
	const struct sq_opt *o = &t->opts[row];
	struct conf_source *src = &t->sources[row];
	struct conf_mem *m = &r->priv->mem;
	struct conf_raw raw = {0};
	struct sq_err err;
	int64_t number = 0;
	int e;

	if (refused_before(r, s))
		return;
	e = setting_raw(m, o, s, &raw, &err);
	if (e == 0)
		e = conf_value_parse(o, raw.text, &number, &err);
	if (e < 0) {
		if (e != -ENOMEM)
			conf_error(&r->rep, at, "%s%s%s%s %s", t->group, conf_dot(t), o->key,
			           shown(m, o, s, raw.text), err.text);
		return;
	}
	src->at = src->file_at = at;
	src->file_text = raw.text;
	src->secret = o->type == SQ_T_SECRET && *raw.text ? raw.text : NULL;
	conf_value_put(o, number, &raw, t->values);
}

/* A path in the file, and one that is a default, counts from where the file is. */
static void anchor_path(struct conf_reader *r, struct conf_table *t, unsigned row)
{
	const char **at = (const char **)(void *)((char *)t->values + t->opts[row].off);
	const char *file = r->priv->file, *slash = strrchr(file, '/');
	const struct conf_source *src = &t->sources[row];
	bool in_file = !src->at.file || src->at.line > 0;
	const char *path;

	if (!in_file || **at == '\0' || **at == '/' || !slash)
		return;
	path = conf_printf(&r->priv->mem, "%.*s/%s", (int)(slash - file), file, *at);
	if (path)
		*at = path;
}

static void require(struct conf_reader *r, const struct conf_table *t, const struct sq_opt *o)
{
	conf_error(&r->rep, t->at, "%s%s%s is required%s%s", t->group, conf_dot(t), o->key,
	           o->env ? ", here or as variable " : "", o->env ? o->env : "");
}

void conf_fill(struct conf_reader *r, struct conf_table *t, config_setting_t *group)
{
	for (unsigned i = 0; i < conf_rows(t->opts); i++) {
		const struct sq_opt *o = &t->opts[i];
		config_setting_t *s = config_setting_get_member(group, o->key);

		if (conf_value_default(&r->priv->mem, o, t->values) == -ENOMEM)
			return;
		if (s)
			fill_from_file(r, t, i, s);
		conf_env_apply(r, t, i);
		if (o->type == SQ_T_PATH)
			anchor_path(r, t, i);
		if ((o->flags & SQ_F_REQUIRED) && !s && !t->sources[i].at.file)
			require(r, t, o);
	}
}

/* Every word that may stand in a group, for "did you mean". */
static const char **group_words(struct conf_mem *m, const struct conf_table *tables, unsigned count,
                                const char *const *words)
{
	const char **all;
	size_t n = 0;

	for (unsigned i = 0; i < count; i++)
		n += conf_rows(tables[i].opts);
	for (unsigned i = 0; words[i]; i++)
		n++;
	all = conf_alloc(m, (n + 1) * sizeof *all);
	if (!all)
		return NULL;
	n = 0;
	for (unsigned i = 0; words[i]; i++)
		all[n++] = words[i];
	for (unsigned i = 0; i < count; i++) {
		for (const struct sq_opt *o = tables[i].opts; o && o->type != SQ_T_END; o++)
			all[n++] = o->key;
	}
	return all;
}

static bool among(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

void conf_fill_unknown(struct conf_reader *r, config_setting_t *group, const struct conf_table *tables,
                       unsigned count, const char *const *words)
{
	const char **all = group_words(&r->priv->mem, tables, count, words);
	char hint[96];

	for (int i = 0; all && i < config_setting_length(group); i++) {
		config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(s);

		if (!among(name, all))
			conf_error(&r->rep, conf_text_place(&r->text, config_setting_source_line(s)),
			           "%s%s%s is not an option%s", tables->group, conf_dot(tables), name,
			           conf_hint(hint, sizeof hint, name, all));
	}
}
