/* plan_wire.c - the fields of a plan about connections, from JSON and back. */
#include "plan_wire.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "decimal.h"
#include "doc.h"
#include "plan.h"
#include "plan_field.h"
#include "route.h"

#define TIMEOUT_MIN SQ_MS
#define TIMEOUT_MAX (1800 * SQ_S)
#define CA_MAX (512 << 10) /* all authorities of a system are about 200 KiB */
#define PEM_MAX (64 << 10)
#define ENTRY_MAX 1024

static void list_free(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}

void plan_wire_free(struct plan_wire *w)
{
	free(w->secure.ca);
	free(w->secure.cert);
	if (w->secure.key)
		explicit_bzero(w->secure.key, strlen(w->secure.key));
	free(w->secure.key);
	list_free(w->resolve);
	list_free(w->connect_to);
	free(w->unix_socket);
	list_free(w->allowed_targets);
}

/* --- timeouts_ms ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t off;
} timeouts[] = {
    {"dns", offsetof(struct plan, wire.dns)},  {"connect", offsetof(struct plan, wire.connect)},
    {"tls", offsetof(struct plan, wire.tls)},  {"first_byte", offsetof(struct plan, wire.first_byte)},
    {"total", offsetof(struct plan, timeout)},
};

static int64_t *timeout_of(struct plan *p, size_t i)
{
	return (int64_t *)((char *)p + timeouts[i].off);
}

static int read_timeout(const char *name, struct json_object *v, struct plan *p,
                        struct plan_problems *problems)
{
	const char *text = json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN);
	char shown[40];
	size_t i = 0;
	int64_t n = 0;

	if (!text)
		return -ENOMEM;
	while (i < SQ_LEN(timeouts) && strcmp(timeouts[i].name, name) != 0)
		i++;
	if (i == SQ_LEN(timeouts))
		plan_problem(problems, "timeouts_ms",
		             "\"%s\" is not one of dns, connect, tls, first_byte, total",
		             text_safe(shown, sizeof shown, name, strlen(name)));
	else if ((!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double)) ||
	         decimal_parse(text, 6, &n) < 0 || n < TIMEOUT_MIN || n > TIMEOUT_MAX)
		plan_problem(problems, "timeouts_ms", "%s must be a number of 1 .. %lld milliseconds", name,
		             (long long)(TIMEOUT_MAX / SQ_MS));
	else
		*timeout_of(p, i) = n;
	return 0;
}

/* Behind timeout_ms in the table, which is the default of all of them and another name of total. */
static int read_timeouts(struct json_object *v, struct plan *p, struct plan_problems *problems)
{
	int64_t total = p->timeout;
	struct json_object_iter it;
	int r = 0;

	if (v && !json_object_is_type(v, json_type_object)) {
		plan_problem(problems, "timeouts_ms",
		             "must be an object of milliseconds: dns, connect, tls, first_byte, total");
		return 0;
	}
	if (v) {
		json_object_object_foreachC(v, it)
		{
			if (r == 0 && it.val)
				r = read_timeout(it.key, it.val, p, problems);
		}
	}
	if (p->timeout != total && p->timeout_given)
		plan_problem(problems, "timeouts_ms", "total and timeout_ms are the same, and differ here");
	for (size_t i = 0; i < SQ_LEN(timeouts); i++)
		if (*timeout_of(p, i) == 0)
			*timeout_of(p, i) = p->timeout;
	return r;
}

static struct json_object *write_timeouts(const struct plan *p)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (size_t i = 0; good && i < SQ_LEN(timeouts); i++)
		good = doc_put_decimal(o, timeouts[i].name,
		                       *(const int64_t *)((const char *)p + timeouts[i].off), 6);
	return doc_close(o, good);
}

/* --- tls ------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t text, flag; /* where in struct plan; 0: it is the other kind */
	size_t most;
	const char *begin; /* what PEM text holds */
} secures[] = {
    {"insecure", 0, offsetof(struct plan, wire.secure.insecure), 0, NULL},
    {"ca", offsetof(struct plan, wire.secure.ca), 0, CA_MAX, "CERTIFICATE-----"},
    {"cert", offsetof(struct plan, wire.secure.cert), 0, PEM_MAX, "CERTIFICATE-----"},
    {"key", offsetof(struct plan, wire.secure.key), 0, PEM_MAX, "PRIVATE KEY-----"},
    {"resume", 0, offsetof(struct plan, wire.secure.resume), 0, NULL},
};

/* The refusal never repeats what was given: it may be a key. */
static int read_pem(struct json_object *v, size_t i, struct plan *p, struct plan_problems *problems)
{
	char **to = (char **)(void *)((char *)p + secures[i].text);
	const char *text = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

	if (!text || strlen(text) != (size_t)json_object_get_string_len(v) ||
	    strlen(text) > secures[i].most || !strstr(text, "-----BEGIN ") ||
	    !strstr(text, secures[i].begin)) {
		plan_problem(problems, "tls",
		             "%s must be the text of a PEM file, at most %zu bytes, not a file's name",
		             secures[i].name, secures[i].most);
		return 0;
	}
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

static int read_secure(const char *name, struct json_object *v, struct plan *p,
                       struct plan_problems *problems)
{
	char shown[40];
	size_t i = 0;

	while (i < SQ_LEN(secures) && strcmp(secures[i].name, name) != 0)
		i++;
	if (i == SQ_LEN(secures)) {
		plan_problem(problems, "tls", "\"%s\" is not one of insecure, ca, cert, key, resume",
		             text_safe(shown, sizeof shown, name, strlen(name)));
		return 0;
	}
	if (secures[i].text)
		return read_pem(v, i, p, problems);
	if (json_object_is_type(v, json_type_boolean))
		*((bool *)p + secures[i].flag) = json_object_get_boolean(v);
	else
		plan_problem(problems, "tls", "%s must be true or false", name);
	return 0;
}

static int read_tls(struct json_object *v, struct plan *p, struct plan_problems *problems)
{
	struct json_object_iter it;
	int r = 0;

	if (!v)
		return 0;
	if (!json_object_is_type(v, json_type_object)) {
		plan_problem(problems, "tls", "must be an object: insecure, ca, cert, key, resume");
		return 0;
	}
	json_object_object_foreachC(v, it)
	{
		if (r == 0 && it.val)
			r = read_secure(it.key, it.val, p, problems);
	}
	if (r == 0 && problems->count == 0 && !p->wire.secure.cert != !p->wire.secure.key)
		plan_problem(problems, "tls", "cert and key belong together: %s is missing",
		             p->wire.secure.cert ? "key" : "cert");
	return r;
}

static struct json_object *write_tls(const struct plan *p)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (size_t i = 0; good && i < SQ_LEN(secures); i++)
		good = secures[i].text
		           ? doc_put_text(o, secures[i].name,
		                          *(char *const *)(const void *)((const char *)p + secures[i].text))
		           : doc_put(o, secures[i].name,
		                     json_object_new_boolean(*((const bool *)p + secures[i].flag)));
	return doc_close(o, good);
}

/* --- lists ----------------------------------------------------------------------------------- */

static int check_any(const char *entry, struct sq_err *err)
{
	(void)entry;
	(void)err;
	return 0;
}

static const struct {
	const char *name;
	size_t off;
	int (*check)(const char *entry, struct sq_err *err);
	size_t most;
} lists[] = {
    {"resolve", offsetof(struct plan, wire.resolve), route_check_resolve, PLAN_LIST_MAX},
    {"connect_to", offsetof(struct plan, wire.connect_to), route_check_connect_to, PLAN_LIST_MAX},
    {"allowed_targets", offsetof(struct plan, wire.allowed_targets), check_any, 10000},
};

static char **list_of(const struct plan *p, size_t i)
{
	return *(char **const *)(const void *)((const char *)p + lists[i].off);
}

static int read_entry(struct json_object *v, size_t i, char **ret, struct plan_problems *problems)
{
	const char *text = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
	struct sq_err err;

	if (!text || strlen(text) != (size_t)json_object_get_string_len(v) || strlen(text) > ENTRY_MAX)
		plan_problem(problems, lists[i].name, "must be a list of texts of at most %d bytes",
		             ENTRY_MAX);
	else if (lists[i].check(text, &err) < 0)
		plan_problem(problems, lists[i].name, "%s", err.text);
	else
		return (*ret = strdup(text)) ? 1 : -ENOMEM;
	return 0;
}

static int read_list(struct json_object *v, size_t i, struct plan *p, struct plan_problems *problems)
{
	size_t count = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0, kept = 0;
	char **list;
	int r = 0;

	if (!json_object_is_type(v, json_type_array) || count > lists[i].most) {
		plan_problem(problems, lists[i].name, "must be a list of at most %zu texts", lists[i].most);
		return 0;
	}
	if (count == 0 && lists[i].check != check_any)
		return 0;
	list = calloc(count + 1, sizeof *list);
	if (!list)
		return -ENOMEM;
	*(char ***)(void *)((char *)p + lists[i].off) = list;
	for (size_t k = 0; r >= 0 && k < count; k++) {
		r = read_entry(json_object_array_get_idx(v, k), i, &list[kept], problems);
		kept += r > 0;
	}
	return r < 0 ? r : 0;
}

static struct json_object *write_list(const char *const *list)
{
	struct json_object *array = json_object_new_array();
	bool good = array;

	for (; good && list && *list; list++)
		good = doc_append(array, json_object_new_string(*list));
	return doc_close(array, good);
}

/* --- unix_socket ----------------------------------------------------------------------------- */

static int read_socket(struct json_object *v, struct plan *p, struct plan_problems *problems)
{
	const char *path = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

	if (!v)
		return 0;
	if (!path || *path != '/' || strlen(path) != (size_t)json_object_get_string_len(v) ||
	    strlen(path) > ROUTE_SOCKET_MAX) {
		plan_problem(problems, "unix_socket",
		             "must be the path of a socket, from / on, at most %d bytes", ROUTE_SOCKET_MAX);
		return 0;
	}
	p->wire.unix_socket = strdup(path);
	return p->wire.unix_socket ? 0 : -ENOMEM;
}

/* --- all of them ----------------------------------------------------------------------------- */

int plan_read_wire(struct json_object *v, const struct plan_field *f, struct plan *p,
                   struct plan_problems *problems)
{
	if (strcmp(f->name, "timeouts_ms") == 0)
		return read_timeouts(v, p, problems);
	if (strcmp(f->name, "tls") == 0)
		return read_tls(v, p, problems);
	if (strcmp(f->name, "unix_socket") == 0)
		return read_socket(v, p, problems);
	for (size_t i = 0; v && i < SQ_LEN(lists); i++)
		if (strcmp(f->name, lists[i].name) == 0)
			return read_list(v, i, p, problems);
	return 0;
}

bool plan_write_wire(const struct plan *p, const struct plan_field *f, struct json_object *o)
{
	if (strcmp(f->name, "timeouts_ms") == 0)
		return doc_put(o, f->name, write_timeouts(p));
	if (strcmp(f->name, "tls") == 0)
		return doc_put(o, f->name, write_tls(p));
	if (strcmp(f->name, "unix_socket") == 0)
		return doc_put_text(o, f->name, p->wire.unix_socket);
	for (size_t i = 0; i < SQ_LEN(lists); i++)
		if (strcmp(f->name, lists[i].name) == 0 && lists[i].check != check_any)
			return doc_put(o, f->name, write_list((const char *const *)list_of(p, i)));
	return true;
}

bool plan_put_policy(struct json_object *doc, const char *const *allowed, const char *target_url)
{
	struct json_object *list = write_list(allowed);
	char origin[sizeof(struct url)];
	struct url url;
	bool good = list;

	if (good && target_url && *target_url && url_parse(target_url, &url, NULL) == 0) {
		snprintf(origin, sizeof origin, "%s://%s", url.tls ? "https" : "http", url.authority);
		good = doc_append(list, json_object_new_string(origin));
	}
	if (good)
		return doc && doc_put(doc, "allowed_targets", list);
	json_object_put(list);
	return false;
}

bool plan_hide_wire(struct json_object *doc)
{
	struct json_object *tls = json_object_object_get(doc, "tls"), *v;
	char text[64];

	if (!json_object_is_type(tls, json_type_object))
		return true;
	for (size_t i = 0; i < SQ_LEN(secures); i++) {
		v = json_object_object_get(tls, secures[i].name);
		if (!secures[i].text || !json_object_is_type(v, json_type_string))
			continue;
		snprintf(text, sizeof text, "(%d bytes)", json_object_get_string_len(v));
		if (!json_object_set_string(v, strcmp(secures[i].name, "key") == 0 ? "(hidden)" : text))
			return false;
	}
	return true;
}
