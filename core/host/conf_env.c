/* conf_env.c - variables that override the file. */
#include "conf_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

/* What the documentation promises: set without a reader, one of these is a mistake worth a line. */
static const char *const known[] = {
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_PASSWORD",
    "REDIS_SSL",
    "REDIS_KEY",
    "SERVICE_BUS_CONNECTION_STRING",
    "SERVICE_BUS_QUEUE_NAME",
    "K8S_NAMESPACE",
    "TARGET_URL",
    "WORKER_IMAGE",
    "HITS_PER_SEC",
    "DURATION_SEC",
};

/* Empty means unset: that is how a chart or a compose file leaves a variable out. */
static const char *variable(const char *name)
{
	const char *value = name ? getenv(name) : NULL;

	return value && *value ? value : NULL;
}

/* Kubernetes sets REDIS_PORT=tcp://10.0.0.1:6379 in every pod beside a service called redis. */
static bool service_link(const char *value)
{
	return strncmp(value, "tcp://", 6) == 0 || strncmp(value, "udp://", 6) == 0;
}

static struct conf_place variable_place(struct conf_reader *r, const char *name)
{
	char *text = conf_printf(&r->priv->mem, "variable %s", name);

	return (struct conf_place){text ? text : "variable", 0};
}

static int variable_raw(struct conf_mem *m, const struct sq_opt *o, const char *value, struct conf_raw *raw)
{
	if (o->type == SQ_T_LIST)
		return conf_value_split(m, value, raw);
	/* Of a secret the name is kept, and the value taken by conf_resolve. */
	raw->text = o->type == SQ_T_SECRET ? conf_printf(m, "env:%s", o->env) : conf_strdup(m, value);
	return raw->text ? 0 : -ENOMEM;
}

void conf_env_apply(struct conf_reader *r, struct conf_table *t, unsigned row)
{
	const struct sq_opt *o = &t->opts[row];
	struct conf_source *src = &t->sources[row];
	const char *value = variable(o->env);
	struct conf_raw raw = {0};
	struct conf_place at;
	struct sq_err err;
	int64_t number = 0;
	char safe[128];

	if (!value)
		return;
	if (o->type == SQ_T_INT && service_link(value)) {
		src->link = true;
		return;
	}
	at = variable_place(r, o->env);
	if (variable_raw(&r->priv->mem, o, value, &raw) < 0)
		return;
	if (conf_value_parse(o, raw.text, &number, &err) < 0) {
		conf_error(&r->rep, at, "\"%s\" %s (%s%s%s)",
		           text_safe(safe, sizeof safe, value, strlen(value)), err.text, t->group,
		           conf_dot(t), o->key);
		return;
	}
	src->at = at;
	src->secret = o->type == SQ_T_SECRET ? raw.text : NULL;
	conf_value_put(o, number, &raw, t->values);
}

/* The rows after (table, row) that the same variable overrides; *table and *row start at 0, 0. */
static bool next_row(const struct conf_priv *p, const char *env, unsigned *table, unsigned *row)
{
	for (; *table < p->table_count; ++*table, *row = 0) {
		const struct sq_opt *opts = p->tables[*table].opts;

		for (; *row < conf_rows(opts); ++*row) {
			if (opts[*row].env && strcmp(opts[*row].env, env) == 0)
				return true;
		}
	}
	return false;
}

/* Everything about one variable, told when (table, row) is the first that it overrides. */
static void look_across(struct conf_reader *r, unsigned table, unsigned row)
{
	const struct conf_table *tables = r->priv->tables, *t = &tables[table], *other;
	const char *env = t->opts[row].env;
	const struct conf_source *a = NULL, *b;
	unsigned at_table = 0, at_row = 0, a_table = 0, a_row = 0;

	next_row(r->priv, env, &at_table, &at_row);
	if (at_table != table || at_row != row)
		return;
	if (t->sources[row].link)
		conf_warn(&r->rep, variable_place(r, env),
		          "ignored, \"%s\" is a Kubernetes service link and not a port; set "
		          "enableServiceLinks: false",
		          getenv(env));
	for (; next_row(r->priv, env, &at_table, &at_row); at_row++) {
		other = &tables[at_table];
		b = &other->sources[at_row];
		if (!b->file_text || b->link)
			continue;
		if (a && strcmp(a->file_text, b->file_text) != 0) {
			conf_error(&r->rep, variable_place(r, env),
			           "would override two different values, %s.%s (%s:%u) and %s.%s (%s:%u): "
			           "unset it or make them equal",
			           tables[a_table].group, tables[a_table].opts[a_row].key, a->file_at.file,
			           a->file_at.line, other->group, other->opts[at_row].key, b->file_at.file,
			           b->file_at.line);
			return;
		}
		a = b;
		a_table = at_table;
		a_row = at_row;
	}
}

static bool is_read(const struct conf_priv *p, const char *env)
{
	unsigned table = 0, row = 0;

	if (next_row(p, env, &table, &row))
		return true;
	for (table = 0; table < p->table_count; table++) {
		const struct conf_table *t = &p->tables[table];

		for (row = 0; row < conf_rows(t->opts); row++) {
			const char *secret = t->sources[row].secret;

			if (secret && strncmp(secret, "env:", 4) == 0 && strcmp(secret + 4, env) == 0)
				return true;
		}
	}
	return false;
}

void conf_env_finish(struct conf_reader *r)
{
	const struct conf_priv *p = r->priv;

	for (unsigned i = 0; i < p->table_count; i++) {
		for (unsigned row = 0; row < conf_rows(p->tables[i].opts); row++) {
			if (variable(p->tables[i].opts[row].env))
				look_across(r, i, row);
		}
	}
	for (unsigned i = 0; i < SQ_LEN(known); i++) {
		const char *value = variable(known[i]);

		if (value && !service_link(value) && !is_read(p, known[i]))
			conf_warn(&r->rep, variable_place(r, known[i]),
			          "is set, and no plugin that %s names reads it", p->file);
	}
}
