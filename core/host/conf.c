/* conf.c - one .conf file: read, opened, filled, checked. */
#include "conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf_priv.h"
#include "loader.h"

#define ROLES_MAX 32

static const char *const group_names[] = {"store", "transport", "scheduler", "roles", NULL};
static const char *const plugin_key[] = {"plugin", NULL};

static struct conf_place place(const struct conf_reader *r, const config_setting_t *s)
{
	return conf_text_place(&r->text, config_setting_source_line(s));
}

/* "; installed: local, redis" */
static void list_installed(char *out, size_t size, char *const *names)
{
	size_t n = (size_t)snprintf(out, size, "; installed: ");

	if (!names[0])
		snprintf(out, size, "; none is");
	for (unsigned i = 0; names[i] && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "", names[i]);
}

static void not_installed(struct conf_reader *r, enum sq_kind kind, const char *group, const char *name,
                          struct conf_place at)
{
	const char *dirs = r->conf->core.plugin_dir;
	char **names = loader_names(dirs, kind), hint[256] = "";

	if (names && *conf_hint(hint, sizeof hint, name, (const char *const *)names) == '\0')
		list_installed(hint, sizeof hint, names);
	conf_error(&r->rep, at, "%s.plugin \"%.64s\" is not installed%s%s%s", group, name, hint,
	           names && names[0] ? "" : " in ", names && names[0] ? "" : dirs);
	loader_names_free(names);
}

/* plugin = "auto": what the variables of the specification say, so that an image starts from them alone. */
static const char *plugin_from_variables(enum sq_kind kind)
{
	static const char *const redis[] = {"REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_SSL",
	                                    "REDIS_KEY"};
	bool has_redis = false;

	for (unsigned i = 0; i < SQ_LEN(redis); i++)
		has_redis |= conf_env_is_set(redis[i]);
	if (kind == SQ_STORE)
		return has_redis ? "redis" : "local";
	return has_redis && !conf_env_is_set("SERVICE_BUS_CONNECTION_STRING") ? "redis" : "servicebus";
}

static const struct sq_plugin *open_plugin(struct conf_reader *r, enum sq_kind kind, const char *group,
                                           config_setting_t *s)
{
	config_setting_t *name = config_setting_get_member(s, *plugin_key);
	const struct sq_plugin *desc = NULL;
	const char *plugin;
	struct sq_err err;
	int e;

	if (!name) {
		conf_error(&r->rep, place(r, s), "%s.plugin is required", group);
		return NULL;
	}
	if (config_setting_type(name) != CONFIG_TYPE_STRING) {
		conf_error(&r->rep, place(r, name), "%s.plugin takes a text in quotes", group);
		return NULL;
	}
	plugin = config_setting_get_string(name);
	if ((kind == SQ_STORE || kind == SQ_TRANSPORT) && strcmp(plugin, "auto") == 0)
		plugin = plugin_from_variables(kind);
	e = loader_open(r->conf->core.plugin_dir, kind, plugin, &desc, &err);
	if (e == -ENOENT)
		not_installed(r, kind, group, plugin, place(r, name));
	else if (e < 0)
		conf_error(&r->rep, place(r, name), "%s.plugin: %s", group, err.text);
	return desc;
}

/* check() looks across options, so it is asked only about values that stand on their own. */
static void check_values(struct conf_reader *r, const struct conf_plugin *p, struct conf_place at)
{
	struct sq_err err = {0};

	if (p->desc->check && p->desc->check(p->values, &err) < 0)
		conf_error(&r->rep, at, "%s: %s", p->group, err.text);
}

static void fill_plugin(struct conf_reader *r, struct conf_plugin *p, config_setting_t *s)
{
	struct conf_mem *m = &r->priv->mem;
	struct conf_table *own, *listener = NULL;
	unsigned before = r->rep.errors;

	p->values = conf_alloc(m, p->desc->conf_size);
	own = conf_table_add(r, p->group, p->desc->opts, p->values, place(r, s));
	if (own && p->kind == SQ_ROLE && p->desc->vt.role->routes) {
		p->listener = conf_alloc(m, sizeof *p->listener);
		listener = conf_table_add(r, p->group, conf_listener_opts, p->listener, own->at);
	}
	if (m->failed)
		return;
	conf_fill(r, own, s);
	if (listener)
		conf_fill(r, listener, s);
	conf_fill_unknown(r, s, own, listener ? 2 : 1, plugin_key);
	if (r->rep.errors == before && !m->failed)
		check_values(r, p, own->at);
}

/* group: owned by the configuration. */
static void read_group(struct conf_reader *r, enum sq_kind kind, const char *group, config_setting_t *s)
{
	struct conf_plugin *p = &r->conf->plugins[r->conf->count];

	if (!group)
		return;
	if (!config_setting_is_group(s)) {
		conf_error(&r->rep, place(r, s), "%s takes a group: { plugin = \"NAME\"; ... }", group);
		return;
	}
	p->desc = open_plugin(r, kind, group, s);
	if (!p->desc)
		return;
	p->kind = kind;
	p->name = p->desc->name;
	p->group = group;
	r->conf->count++;
	fill_plugin(r, p, s);
}

static void read_roles(struct conf_reader *r, config_setting_t *roles)
{
	for (int i = 0; i < config_setting_length(roles); i++)
		read_group(r, SQ_ROLE, conf_printf(&r->priv->mem, "roles[%d]", i),
		           config_setting_get_elem(roles, (unsigned)i));
}

/* How many roles the file names, or -1. */
static int count_roles(struct conf_reader *r, config_setting_t *roles)
{
	static const char form[] = "roles = ( { plugin = \"target\"; } );";
	int n = roles && config_setting_is_list(roles) ? config_setting_length(roles) : -1;

	if (!roles)
		conf_error(&r->rep, (struct conf_place){r->priv->file, 0},
		           "roles is required: what should this process be? %s", form);
	else if (n < 1)
		conf_error(&r->rep, place(r, roles), "roles takes a list of at least one group: %s", form);
	else if (n > ROLES_MAX)
		conf_error(&r->rep, place(r, roles), "roles: more than %d", ROLES_MAX);
	return n < 1 || n > ROLES_MAX ? -1 : n;
}

static int make_room(struct conf_reader *r, unsigned plugins)
{
	r->conf->plugins = conf_alloc(&r->priv->mem, plugins * sizeof *r->conf->plugins);
	r->priv->tables = conf_alloc(&r->priv->mem, (1 + 2 * plugins) * sizeof *r->priv->tables);
	return r->conf->plugins && r->priv->tables ? 0 : -ENOMEM;
}

static void fill_core(struct conf_reader *r, config_setting_t *root, const char *plugin_dir)
{
	struct conf_table *t = conf_table_add(r, "", conf_core_opts, &r->conf->core,
	                                      (struct conf_place){r->priv->file, 0});

	if (!t)
		return;
	conf_fill(r, t, root);
	conf_fill_unknown(r, root, t, 1, group_names);
	for (unsigned i = 0; plugin_dir && t->opts[i].type != SQ_T_END; i++) {
		if (strcmp(t->opts[i].key, "plugin_dir") == 0) {
			r->conf->core.plugin_dir = conf_strdup(&r->priv->mem, plugin_dir);
			t->sources[i].at = (struct conf_place){"command line", 0};
		}
	}
}

static void read_all(struct conf_reader *r, const char *plugin_dir)
{
	static const enum sq_kind kinds[] = {SQ_STORE, SQ_TRANSPORT, SQ_SCHEDULER, SQ_ROLE};
	config_setting_t *root = config_root_setting(&r->cfg), *groups[SQ_LEN(kinds)];
	int roles;

	for (unsigned i = 0; i < SQ_LEN(kinds); i++) {
		groups[i] = config_setting_get_member(root, group_names[i]);
		r->named |= groups[i] ? 1u << kinds[i] : 0;
	}
	roles = count_roles(r, groups[3]);
	if (make_room(r, 3 + (unsigned)(roles < 0 ? 0 : roles)) < 0)
		return;
	fill_core(r, root, plugin_dir);
	for (unsigned i = 0; i < 3 && !r->priv->mem.failed; i++) {
		if (groups[i])
			read_group(r, kinds[i], group_names[i], groups[i]);
	}
	if (roles > 0 && !r->priv->mem.failed)
		read_roles(r, groups[3]);
	if (r->priv->mem.failed)
		return;
	conf_rules(r);
	conf_env_finish(r);
}

static void read_file(struct conf_reader *r, const char *plugin_dir)
{
	if (conf_text_read(&r->text, r->priv->file, &r->rep) == 0 &&
	    conf_parse(&r->text, &r->cfg, &r->rep) == 0)
		read_all(r, plugin_dir);
}

static struct conf *conf_new(const char *path)
{
	struct conf *c = calloc(1, sizeof *c);
	struct conf_priv *p = calloc(1, sizeof *p);

	if (!c || !p) {
		free(c);
		free(p);
		return NULL;
	}
	c->priv = p;
	p->file = conf_strdup(&p->mem, path);
	if (!p->file) {
		conf_free(c);
		return NULL;
	}
	return c;
}

int conf_read(const char *path, const char *plugin_dir, struct conf **ret, FILE *report)
{
	struct conf_reader r = {.conf = conf_new(path), .rep = {.out = report}};

	if (r.conf) {
		r.priv = r.conf->priv;
		r.text.mem = &r.priv->mem;
		config_init(&r.cfg);
		read_file(&r, plugin_dir);
		config_destroy(&r.cfg);
		conf_text_free(&r.text);
	}
	if (!r.conf || r.priv->mem.failed)
		conf_error(&r.rep, (struct conf_place){path, 0}, "out of memory");
	if (conf_verdict(&r.rep, path) < 0) {
		conf_free(r.conf);
		return -EINVAL;
	}
	*ret = r.conf;
	return 0;
}

void conf_free(struct conf *c)
{
	struct conf_priv *p = c ? c->priv : NULL;

	if (p)
		conf_mem_free(&p->mem);
	free(p);
	free(c);
}
