/* conf_rules.c - what has to hold between the groups of one file. */
#include "conf_priv.h"

#include <string.h>

#include "loader.h"

static const struct {
	uint32_t needs;
	enum sq_kind kind;
	const char *example;
} needs[] = {
    {SQ_NEEDS_STORE, SQ_STORE, "store = { plugin = \"local\"; };"},
    {SQ_NEEDS_TRANSPORT, SQ_TRANSPORT, "transport = { plugin = \"local\"; };"},
    {SQ_NEEDS_SCHEDULER, SQ_SCHEDULER, "scheduler = { plugin = \"fork\"; };"},
};

/* The table of a plugin's own options; its listener's stands behind it. */
static const struct conf_table *table_of(const struct conf_reader *r, const struct conf_plugin *p)
{
	for (unsigned i = 0; i < r->priv->table_count; i++) {
		if (r->priv->tables[i].values == p->values)
			return &r->priv->tables[i];
	}
	return NULL;
}

static struct conf_place place_of(const struct conf_reader *r, const struct conf_plugin *p)
{
	const struct conf_table *t = table_of(r, p);

	return t ? t->at : (struct conf_place){r->priv->file, 0};
}

static void check_needs(struct conf_reader *r, const struct conf_plugin *p)
{
	for (unsigned i = 0; i < SQ_LEN(needs); i++) {
		/* A group that is there and wrong has been reported already. */
		if ((p->desc->vt.role->needs & needs[i].needs) && !(r->named & 1u << needs[i].kind))
			conf_error(&r->rep, place_of(r, p), "role %s needs a %s: add %s", p->name,
			           loader_kind_word(needs[i].kind), needs[i].example);
	}
}

/* At most one role of a process may take what. */
static void check_single(struct conf_reader *r, const struct conf_plugin *p, const struct conf_plugin **first,
                         const char *what)
{
	if (*first)
		conf_error(&r->rep, place_of(r, p),
		           "%s (%s) and %s (%s) both take %s: only one role of a process can",
		           (*first)->group, (*first)->name, p->group, p->name, what);
	else
		*first = p;
}

/* One address that the process will bind. */
struct binding {
	const char *group, *key, *text;
	struct conf_place at;
	struct conf_address address;
};

static bool wildcard(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool same_binding(const struct conf_address *a, const struct conf_address *b)
{
	bool v6 = strchr(a->host, ':') != NULL;

	if (a->path || b->path)
		return a->path && b->path && strcmp(a->path, b->path) == 0;
	if (a->port != b->port || a->port == 0 || v6 != (strchr(b->host, ':') != NULL))
		return false;
	return wildcard(a->host) || wildcard(b->host) || strcasecmp(a->host, b->host) == 0;
}

/* A refused address is not among the bindings. */
static bool read_binding(struct conf_reader *r, const struct conf_table *t, const char *key,
                         struct binding *b)
{
	struct sq_err err;
	unsigned row = 0;

	while (strcmp(t->opts[row].key, key) != 0)
		row++;
	b->group = t->group;
	b->key = key;
	b->at = t->sources[row].at.file ? t->sources[row].at : t->at;
	memcpy(&b->text, (const char *)t->values + t->opts[row].off, sizeof b->text);
	if (*b->text == '\0' && t->values == &r->conf->core)
		return false;
	if (conf_address_parse(b->text, &b->address, &err) == 0)
		return true;
	conf_error(&r->rep, b->at, "%s%s%s \"%s\": %s", b->group, conf_dot(t), key, b->text, err.text);
	return false;
}

static void check_taken(struct conf_reader *r, const struct binding *others, const struct binding *b)
{
	for (; others < b; others++) {
		if (!same_binding(&others->address, &b->address))
			continue;
		conf_error(&r->rep, b->at, "%s.%s \"%s\" is taken by %s%s%s \"%s\"", b->group, b->key,
		           b->text, others->group, *others->group ? "." : "", others->key, others->text);
		return;
	}
}

static void check_bindings(struct conf_reader *r)
{
	struct binding *all = conf_alloc(&r->priv->mem, (r->conf->count + 1) * sizeof *all), *b = all;

	for (unsigned i = 0; all && i < r->priv->table_count; i++) {
		const struct conf_table *t = &r->priv->tables[i];
		bool core = t->opts == conf_core_opts;

		if ((core || t->opts == conf_listener_opts) &&
		    read_binding(r, t, core ? "admin_listen" : "listen", b))
			check_taken(r, all, b++);
	}
}

void conf_rules(struct conf_reader *r)
{
	const struct conf_plugin *deliver = NULL, *job_changed = NULL;

	for (unsigned i = 0; i < r->conf->count; i++) {
		const struct conf_plugin *p = &r->conf->plugins[i];

		if (p->kind != SQ_ROLE)
			continue;
		check_needs(r, p);
		if (p->desc->vt.role->deliver)
			check_single(r, p, &deliver, "deliveries");
		if (p->desc->vt.role->job_changed)
			check_single(r, p, &job_changed, "job changes");
	}
	check_bindings(r);
}
