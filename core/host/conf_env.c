/* conf_env.c - variables that override the file. */
#include "conf_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

bool conf_env_is_set(const char *name)
{
	const char *value = variable(name);

	return value && !service_link(value);
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
		conf_error(&r->rep, at, "\"%.128s\" %s (%s%s%s)", value, err.text, t->group, conf_dot(t),
		           o->key);
		return;
	}
	src->at = at;
	src->secret = o->type == SQ_T_SECRET ? raw.text : NULL;
	conf_value_put(o, number, &raw, t->values);
}

/* One row of one table. */
struct cursor {
	unsigned table, row;
};

static const struct sq_opt *opt_at(const struct conf_priv *p, struct cursor at)
{
	return &p->tables[at.table].opts[at.row];
}

static const struct conf_source *source_at(const struct conf_priv *p, struct cursor at)
{
	return &p->tables[at.table].sources[at.row];
}

/* The first row from *at on that the variable overrides. */
static bool find_row(const struct conf_priv *p, const char *env, struct cursor *at)
{
	for (; at->table < p->table_count; at->table++, at->row = 0) {
		for (; at->row < conf_rows(p->tables[at->table].opts); at->row++) {
			if (opt_at(p, *at)->env && strcmp(opt_at(p, *at)->env, env) == 0)
				return true;
		}
	}
	return false;
}

static void conflict(struct conf_reader *r, const char *env, struct cursor a, struct cursor b)
{
	const struct conf_priv *p = r->priv;
	struct conf_place a_at = source_at(p, a)->file_at, b_at = source_at(p, b)->file_at;

	conf_error(&r->rep, variable_place(r, env),
	           "would override two different values, %s.%s (%s:%u) and %s.%s (%s:%u): "
	           "unset it or make them equal",
	           p->tables[a.table].group, opt_at(p, a)->key, a_at.file, a_at.line,
	           p->tables[b.table].group, opt_at(p, b)->key, b_at.file, b_at.line);
}

/* What the file says for the first and the other rows of a variable has to be the same. */
static void check_rows(struct conf_reader *r, const char *env, struct cursor at)
{
	const struct conf_priv *p = r->priv;
	const char *text = NULL;
	struct cursor first = at;

	for (; find_row(p, env, &at); at.row++) {
		const struct conf_source *src = source_at(p, at);

		if (!src->file_text)
			continue;
		if (text && strcmp(text, src->file_text) != 0) {
			conflict(r, env, first, at);
			return;
		}
		text = src->file_text;
		first = at;
	}
}

/* Tells about a variable once, at the first row that it overrides. */
static void check_variable(struct conf_reader *r, struct cursor at)
{
	const char *env = opt_at(r->priv, at)->env, *value = variable(env);
	struct cursor first = {0, 0};

	if (!value || !find_row(r->priv, env, &first) || first.table != at.table || first.row != at.row)
		return;
	if (source_at(r->priv, at)->link)
		conf_warn(&r->rep, variable_place(r, env),
		          "ignored, \"%s\" is a Kubernetes service link and not a number; set "
		          "enableServiceLinks: false",
		          value);
	else
		check_rows(r, env, at);
}

static bool is_read(const struct conf_priv *p, const char *env)
{
	struct cursor at = {0, 0};

	if (find_row(p, env, &at))
		return true;
	for (unsigned i = 0; i < p->table_count; i++) {
		for (unsigned row = 0; row < conf_rows(p->tables[i].opts); row++) {
			const char *secret = p->tables[i].sources[row].secret;

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
		for (unsigned row = 0; row < conf_rows(p->tables[i].opts); row++)
			check_variable(r, (struct cursor){i, row});
	}
	/* A plugin that could not be read might be the one. */
	for (unsigned i = 0; i < SQ_LEN(known) && r->rep.errors == 0; i++) {
		const char *value = variable(known[i]);

		if (value && !service_link(value) && !is_read(p, known[i]))
			conf_warn(&r->rep, variable_place(r, known[i]),
			          "is set, and no plugin that %s names reads it", p->file);
	}
}
