/* loader_check.c - is a descriptor whole? Its functions, its options, its routes. */
#include "loader_check.h"

#include <errno.h>
#include <string.h>

#include "conf_priv.h"
#include "loader.h"

/* Tables end with a row of their own; one that never does is noticed here. */
#define ROWS_MAX 256
#define CONF_SIZE_MAX (1u << 20)

typedef void any_fn(void);

struct must {
	const char *name;
	size_t off;
};
#define MUST(st, f)                        \
	{                                  \
#f, offsetof(struct st, f) \
	}

static const struct must life_must[] = {MUST(sq_plugin, create),
                                        MUST(sq_plugin, start),
                                        MUST(sq_plugin, drain),
                                        MUST(sq_plugin, destroy),
                                        {NULL, 0}};
static const struct must store_must[] = {MUST(sq_store, info),
                                         MUST(sq_store, add),
                                         MUST(sq_store, read),
                                         MUST(sq_store, reset),
                                         MUST(sq_store, get),
                                         MUST(sq_store, put),
                                         MUST(sq_store, list),
                                         MUST(sq_store, del),
                                         MUST(sq_store, lease),
                                         MUST(sq_store, release),
                                         MUST(sq_store, append),
                                         MUST(sq_store, merge),
                                         MUST(sq_store, range),
                                         MUST(sq_store, part_put),
                                         MUST(sq_store, parts),
                                         MUST(sq_store, cancel),
                                         {NULL, 0}};
static const struct must transport_must[] = {MUST(sq_transport, publish), MUST(sq_transport, credit),
                                             MUST(sq_transport, settle),  MUST(sq_transport, renew),
                                             MUST(sq_transport, cancel),  {NULL, 0}};
static const struct must scheduler_must[] = {MUST(sq_scheduler, prepare),
                                             MUST(sq_scheduler, resume),
                                             MUST(sq_scheduler, claim),
                                             MUST(sq_scheduler, stop),
                                             MUST(sq_scheduler, list),
                                             MUST(sq_scheduler, cancel),
                                             {NULL, 0}};
static const struct must role_must[] = {{NULL, 0}};

static const struct must *const vt_must[] = {
    [SQ_STORE] = store_must,
    [SQ_TRANSPORT] = transport_must,
    [SQ_SCHEDULER] = scheduler_must,
    [SQ_ROLE] = role_must,
};

static int check_functions(const char *what, const void *table, const struct must *m, struct sq_err *err)
{
	any_fn *fn;

	for (; m->name; m++) {
		memcpy(&fn, (const char *)table + m->off, sizeof fn);
		if (!fn)
			return sq_fail(err, -EPROTO, "%s%s is missing", what, m->name);
	}
	return 0;
}

static bool key_ok(const char *key)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	return key && *key >= 'a' && *key <= 'z' && key[strspn(key, good)] == '\0';
}

static bool has_key(const struct sq_opt *rows, const struct sq_opt *end, const char *key)
{
	for (; rows != end && rows->type != SQ_T_END; rows++) {
		if (strcmp(rows->key, key) == 0)
			return true;
	}
	return false;
}

/* What is wrong with a row itself, or NULL. */
static const char *row_fault(const struct sq_opt *o, uint32_t conf_size)
{
	size_t size = conf_type_size(o->type);

	if (size == 0)
		return "its type is unknown";
	if (o->flags & ~(uint32_t)(SQ_F_REQUIRED | SQ_F_EXPERT | SQ_F_REREAD))
		return "its flags are unknown";
	if ((o->flags & SQ_F_REREAD) && o->type != SQ_T_SECRET)
		return "only secrets are read again";
	if (o->off > conf_size || size > conf_size - o->off || o->off % size != 0)
		return "its place is outside the configuration structure";
	if (!o->help || !*o->help)
		return "it has no help";
	if (conf_type_number(o->type) && o->min > o->max)
		return "its least value is above its largest";
	if (o->type == SQ_T_ENUM && (!o->choices || !o->choices[0]))
		return "it has no choices";
	if (o->def && (o->type == SQ_T_SECRET || (o->flags & SQ_F_REQUIRED)))
		return "it must not have a default";
	return NULL;
}

static int check_row(const struct sq_plugin *p, const struct sq_opt *o, bool listens, struct sq_err *err)
{
	const char *fault;
	struct sq_err why;
	int64_t number;

	if (!key_ok(o->key))
		return sq_fail(err, -EPROTO, "option row %td has no usable key", o - p->opts);
	if (strcmp(o->key, "plugin") == 0 || (listens && has_key(conf_listener_opts, NULL, o->key)))
		return sq_fail(err, -EPROTO, "option %s: the host has one of that name", o->key);
	if (has_key(p->opts, o, o->key))
		return sq_fail(err, -EPROTO, "option %s stands there twice", o->key);
	fault = row_fault(o, p->conf_size);
	if (fault)
		return sq_fail(err, -EPROTO, "option %s: %s", o->key, fault);
	if (o->def && conf_value_parse(o, o->def, &number, &why) < 0)
		return sq_fail(err, -EPROTO, "option %s: its default \"%s\" %s", o->key, o->def, why.text);
	return 0;
}

static int check_options(const struct sq_plugin *p, bool listens, struct sq_err *err)
{
	const struct sq_opt *o = p->opts;
	int r = 0;

	if (p->conf_size > CONF_SIZE_MAX)
		return sq_fail(err, -EPROTO, "conf_size is %u", p->conf_size);
	for (; o && o->type != SQ_T_END && r == 0; o++) {
		if (o - p->opts == ROWS_MAX)
			return sq_fail(err, -EPROTO, "its option table does not end within %d rows",
			               ROWS_MAX);
		r = check_row(p, o, listens, err);
	}
	return r;
}

/* The number of {..} in a path, -1 if it is no path. */
static int path_params(const char *path)
{
	int n = 0;

	if (*path != '/')
		return -1;
	while ((path = strpbrk(path, "{}"))) {
		if (*path == '}' || path[-1] != '/')
			return -1;
		path += strcspn(path, "}/");
		if (*path++ != '}' || (*path && *path != '/'))
			return -1;
		n++;
	}
	return n;
}

static int check_routes(const struct sq_route *routes, struct sq_err *err)
{
	for (const struct sq_route *r = routes; r && r->method; r++) {
		if (r - routes == ROWS_MAX)
			return sq_fail(err, -EPROTO, "its route table does not end within %d rows", ROWS_MAX);
		if (!*r->method || !r->path || path_params(r->path) < 0)
			return sq_fail(err, -EPROTO, "route %s \"%s\" is not a method and a path", r->method,
			               r->path ? r->path : "");
		if (path_params(r->path) > SQ_HTTP_PARAMS)
			return sq_fail(err, -EPROTO, "route %s has more than %d parameters", r->path,
			               SQ_HTTP_PARAMS);
		if (!r->handle || !r->help)
			return sq_fail(err, -EPROTO, "route %s %s has no %s", r->method, r->path,
			               r->handle ? "help" : "handler");
	}
	return 0;
}

static int check_role(const struct sq_role *role, struct sq_err *err)
{
	if (role->deliver && !role->lost)
		return sq_fail(err, -EPROTO, "vt.role->deliver is there and vt.role->lost is missing");
	return check_routes(role->routes, err);
}

int loader_check(const struct sq_plugin *p, struct sq_err *err)
{
	char what[32];
	int r;

	if (!p->version || !p->summary)
		return sq_fail(err, -EPROTO, "%s is missing", p->version ? "summary" : "version");
	r = check_functions("", p, life_must, err);
	if (r < 0)
		return r;
	snprintf(what, sizeof what, "vt.%s->", loader_kind_word((enum sq_kind)p->kind));
	r = check_functions(what, p->vt.store, vt_must[p->kind], err);
	if (r == 0 && p->kind == SQ_ROLE)
		r = check_role(p->vt.role, err);
	return r < 0 ? r : check_options(p, p->kind == SQ_ROLE && p->vt.role->routes, err);
}
