/* plan_put_wire.c - options about connections: where they lead, TLS, and how long a step may take. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/base/url.h"
#include "json.h"
#include "options.h"
#include "plan_put.h"

#define PEM_FILE_MAX (512 << 10)

/* A member of an object of the plan, which is made when it is not there; takes value over. */
static int put_member(struct json_object *plan, const char *object, const char *name,
                      struct json_object *value, struct sq_err *err)
{
	struct json_object *o = member_get(plan, object);

	if (!o && json_put(plan, object, json_object_new_object()) == 0)
		o = member_get(plan, object);
	if (o && json_object_is_type(o, json_type_object))
		return json_put(o, name, value);
	json_object_put(value);
	return o ? sq_fail(err, -EINVAL, "%s of the plan must be an object", object) : -ENOMEM;
}

/* --- TLS ------------------------------------------------------------------------------------- */

int plan_put_tls_flag(struct json_object *plan, const struct option_row *row, const char *value,
                      struct sq_err *err)
{
	(void)value;
	return put_member(plan, "tls", strcmp(row->name, "tls-resume") == 0 ? "resume" : "insecure",
	                  json_object_new_boolean(true), err);
}

/* The blocks of PEM text whose label ends so, without what stands around them. */
static void add_blocks(struct buf *out, const char *text, const char *label)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ";
	const char *from = text, *name, *stop;

	while ((from = strstr(from, begin))) {
		name = from + sizeof begin - 1;
		stop = strstr(from, end);
		stop = stop ? strchr(stop, '\n') : NULL;
		stop = stop ? stop + 1 : from + strlen(from);
		name += strcspn(name, "\n-") - strlen(label);
		if (name > from && strncmp(name, label, strlen(label)) == 0)
			buf_add(out, from, (size_t)(stop - from));
		from = stop;
	}
}

static int put_blocks(struct json_object *plan, const char *name, const char *text, const char *label,
                      const char *path, struct sq_err *err)
{
	struct buf blocks = {0};
	int r;

	add_blocks(&blocks, text, label);
	if (buf_failed(&blocks))
		r = -ENOMEM;
	else if (blocks.len == 0)
		r = sq_fail(err, -EINVAL, "%s holds no %s in PEM form%s", path,
		            strcmp(name, "key") == 0 ? "private key" : "certificate",
		            strcmp(name, "key") == 0 ? "" : " (from DER: openssl x509 -inform der -in FILE)");
	else
		r = put_member(plan, "tls", name, json_object_new_string(blocks.data), err);
	if (blocks.data)
		explicit_bzero(blocks.data, blocks.len);
	buf_free(&blocks);
	return r;
}

/* --cacert, --cert and --key: the file's text goes into the plan. As with curl, --cert may hold the key
 * too, which --key overrides, wherever it stands. */
int plan_put_pem(struct json_object *plan, const struct option_row *row, const char *value,
                 struct sq_err *err)
{
	bool key = strcmp(row->name, "key") == 0, ca = strcmp(row->name, "cacert") == 0;
	struct buf text = {0};
	int r = file_read(value, PEM_FILE_MAX, &text, err);

	if (r == 0)
		r = put_blocks(plan, ca ? "ca" : row->name, text.data, key ? "PRIVATE KEY" : "CERTIFICATE",
		               value, err);
	if (r == 0 && !key && !ca && !member_get(member_get(plan, "tls"), "key") &&
	    strstr(text.data, "PRIVATE KEY-----"))
		r = put_blocks(plan, "key", text.data, "PRIVATE KEY", value, err);
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_free(&text);
	return r;
}

/* --- places ---------------------------------------------------------------------------------- */

int plan_put_entry(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err)
{
	struct json_object *list = member_get(plan, row->field), *text;

	if (!list && json_put(plan, row->field, json_object_new_array()) < 0)
		return -ENOMEM;
	list = member_get(plan, row->field);
	if (!json_object_is_type(list, json_type_array))
		return sq_fail(err, -EINVAL, "%s of the plan must be a list", row->field);
	text = json_object_new_string(value);
	if (text && json_object_array_add(list, text) == 0)
		return 0;
	json_object_put(text);
	return -ENOMEM;
}

/* Workers have folders of their own, so the path is a whole one. */
int plan_put_socket(struct json_object *plan, const struct option_row *row, const char *value,
                    struct sq_err *err)
{
	char *path = realpath(value, NULL);
	int r = path ? json_put_text(plan, row->field, path)
	             : sq_fail(err, -EINVAL, "--unix-socket %s: %s", value, strerror(errno));

	free(path);
	return r;
}

/* --- time limits ----------------------------------------------------------------------------- */

static const char *const connect_steps[] = {"dns", "connect", "tls", NULL};
static const char *const first_byte_steps[] = {"first_byte", NULL};

int plan_put_step(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err)
{
	bool first = strcmp(row->name, "first-byte-timeout") == 0;
	char spelling[32], text[32];
	int64_t ns;
	int r = 0;

	if (text_parse_duration(value, &ns) < 0 || ns <= 0)
		return sq_fail(err, -EINVAL, "%s %.64s is not a duration: write it like 250ms, 30s or 5m",
		               option_spelling(row, spelling), value);
	snprintf(text, sizeof text, "%.6f", (double)ns / SQ_MS);
	for (const char *const *s = first ? first_byte_steps : connect_steps; r == 0 && *s; s++)
		r = put_member(plan, "timeouts_ms", *s, json_object_new_double_s((double)ns / SQ_MS, text),
		               err);
	return r;
}

/* --- what a private daemon must allow ---------------------------------------------------------- */

static void add_target(struct json_object *list, const char *host, const char *port)
{
	bool bracket = strchr(host, ':') && *host != '[';
	char text[400];

	snprintf(text, sizeof text, "%s%s%s%s%s", bracket ? "[" : "", host, bracket ? "]" : "",
	         *port ? ":" : "", port);
	json_object_array_add(list, json_object_new_string(text));
}

/* "HOST:" at *s, in brackets or not; *s moves behind it. */
static bool cut_host(const char **s, char out[256])
{
	const char *end = **s == '[' ? strchr(*s, ']') : NULL;
	size_t len = end ? (size_t)(end + 1 - *s) : strcspn(*s, ":");

	if ((*s)[len] != ':' || len >= 256)
		return false;
	memcpy(out, *s, len);
	out[len] = '\0';
	*s += len + 1;
	return true;
}

static void allow_resolve(struct json_object *list, const char *s)
{
	char host[256], port[8] = "", address[64];
	size_t len;

	if (!cut_host(&s, host))
		return;
	len = strcspn(s, ":");
	snprintf(port, sizeof port, "%.*s", (int)len, s);
	for (s += len + (s[len] == ':'); *s; s += len + (s[len] == ',')) {
		len = strcspn(s, ",");
		snprintf(address, sizeof address, "%.*s", (int)len, s);
		add_target(list, address, port);
	}
}

static void allow_connect(struct json_object *list, const char *s, const struct url *url)
{
	char host[256], port[16], own[8];
	size_t len;

	if (!cut_host(&s, host))
		return;
	len = strcspn(s, ":");
	s += len + (s[len] == ':');
	if (!cut_host(&s, host))
		return;
	snprintf(own, sizeof own, "%u", url->port);
	snprintf(port, sizeof port, "%.15s", s);
	add_target(list, *host ? host : url->host, *port ? port : own);
}

struct json_object *plan_targets(struct json_object *plan)
{
	struct json_object *list = json_object_new_array(), *resolve = member_get(plan, "resolve"),
	                   *connect = member_get(plan, "connect_to");
	const char *path = json_text(plan, "unix_socket");
	char text[256];
	struct url url;

	if (!list || url_parse(json_text(plan, "url"), &url, NULL) < 0)
		return list;
	for (size_t i = 0;
	     json_object_is_type(resolve, json_type_array) && i < json_object_array_length(resolve); i++)
		allow_resolve(list, json_object_get_string(json_object_array_get_idx(resolve, i)));
	for (size_t i = 0;
	     json_object_is_type(connect, json_type_array) && i < json_object_array_length(connect); i++)
		allow_connect(list, json_object_get_string(json_object_array_get_idx(connect, i)), &url);
	if (*path) {
		snprintf(text, sizeof text, "unix:%s", path);
		json_object_array_add(list, json_object_new_string(text));
	}
	return list;
}
