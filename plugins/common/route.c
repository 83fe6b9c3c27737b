/* route.c - curl's --unix-socket, --connect-to and --resolve, applied to the URL of a plan. */
#include "route.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "core/base/text.h"
#include "plan.h"

struct route {
	struct url url; /* of the place: its host and port; the scheme of the plan's */
	const char *addresses; /* those of the plan, or NULL */
};

/* --- entries --------------------------------------------------------------------------------- */

/* A host up to the next colon, without its brackets; *s moves behind that colon. */
static int take_host(const char **s, char out[256])
{
	const char *from = *s, *end;
	bool bracket = *from == '[';

	from += bracket;
	end = strchr(from, bracket ? ']' : ':');
	if (!end || end - from >= 256 || (bracket && end[1] != ':'))
		return -EINVAL;
	memcpy(out, from, (size_t)(end - from));
	out[end - from] = '\0';
	*s = end + (bracket ? 2 : 1);
	return 0;
}

/* A port up to the next colon or the end; "" is 0 where it may be. */
static int take_port(const char **s, bool optional, uint16_t *ret)
{
	size_t len = strcspn(*s, ":");
	char text[8] = "";
	int64_t port = 0;

	if (len >= sizeof text || (len == 0 && !optional))
		return -EINVAL;
	memcpy(text, *s, len);
	if (len > 0 && (text_parse_int(text, &port) < 0 || port < 1 || port > 65535))
		return -EINVAL;
	*ret = (uint16_t)port;
	*s += len + ((*s)[len] == ':');
	return 0;
}

/* One of several addresses; *s moves behind its comma. */
static int take_address(const char **s, char out[64])
{
	const char *from = *s;
	size_t len = strcspn(from, ",");
	struct range range;

	*s += len + (from[len] == ',');
	if (len > 2 && *from == '[' && from[len - 1] == ']') {
		from++;
		len -= 2;
	}
	if (len == 0 || len >= 64)
		return -EINVAL;
	memcpy(out, from, len);
	out[len] = '\0';
	return strchr(out, '/') ? -EINVAL : range_parse(out, &range);
}

static int refuse(struct sq_err *err, const char *entry, const char *how)
{
	char shown[128];

	return sq_fail(err, -EINVAL, "\"%s\" is not an entry: write %s",
	               text_safe(shown, sizeof shown, entry, strlen(entry)), how);
}

int route_check_resolve(const char *entry, struct sq_err *err)
{
	static const char how[] = "HOST:PORT:ADDRESS[,ADDRESS...]";
	char host[256], address[64];
	const char *s = entry;
	uint16_t port;

	if (take_host(&s, host) < 0 || !*host || take_port(&s, false, &port) < 0 || s[-1] != ':' || !*s)
		return refuse(err, entry, how);
	while (*s)
		if (take_address(&s, address) < 0)
			return refuse(err, entry, how);
	return 0;
}

int route_check_connect_to(const char *entry, struct sq_err *err)
{
	static const char how[] = "HOST1:PORT1:HOST2:PORT2";
	char host[256], text[300];
	const char *s = entry;
	struct url url;
	uint16_t port;
	int colons = 0;

	if (take_host(&s, host) < 0 || take_port(&s, true, &port) < 0 || s[-1] != ':' ||
	    take_host(&s, host) < 0 || take_port(&s, true, &port) < 0 || *s)
		return refuse(err, entry, how);
	for (s = entry; *s; s++)
		colons += *s == ':';
	if (colons < 3)
		return refuse(err, entry, how);
	snprintf(text, sizeof text, strchr(host, ':') ? "http://[%s]/" : "http://%s/", host);
	if (*host && (url_parse(text, &url, NULL) < 0 || strcmp(url.path, "/") != 0))
		return refuse(err, entry, how);
	return 0;
}

/* --- the route ------------------------------------------------------------------------------- */

static void route_set(struct route *r, bool tls, const char *host, uint16_t port)
{
	char text[300];
	struct url url;

	snprintf(text, sizeof text, strchr(host, ':') ? "%s://[%s]:%u/" : "%s://%s:%u/",
	         tls ? "https" : "http", host, port);
	if (url_parse(text, &url, NULL) == 0)
		url_copy(&r->url, &url);
}

static void route_connect(struct route *r, char *const *entries)
{
	char from[256], to[256];
	uint16_t from_port, to_port;

	for (; entries && *entries; entries++) {
		const char *s = *entries;

		if (take_host(&s, from) < 0 || take_port(&s, true, &from_port) < 0 || take_host(&s, to) < 0 ||
		    take_port(&s, true, &to_port) < 0)
			continue;
		if ((*from && strcasecmp(from, r->url.host) != 0) || (from_port && from_port != r->url.port))
			continue;
		route_set(r, r->url.tls, *to ? to : r->url.host, to_port ? to_port : r->url.port);
		return;
	}
}

static void route_fix(struct route *r, char *const *entries)
{
	char host[256];
	uint16_t port;

	for (; entries && *entries; entries++) {
		const char *s = *entries;

		if (take_host(&s, host) < 0 || take_port(&s, false, &port) < 0)
			continue;
		if ((strcmp(host, "*") == 0 || strcasecmp(host, r->url.host) == 0) && port == r->url.port) {
			r->addresses = s;
			return;
		}
	}
}

static void route_find(const struct plan *p, struct route *r)
{
	r->addresses = NULL;
	route_set(r, p->url.tls, p->url.host, p->url.port);
	route_connect(r, p->wire.connect_to);
	route_fix(r, p->wire.resolve);
}

bool route_fixed(const struct plan *p)
{
	struct route r;

	route_find(p, &r);
	return p->wire.unix_socket || r.addresses || r.url.numeric;
}

char *route_text(const struct plan *p, char out[ROUTE_TEXT])
{
	bool bracket;
	struct route r;

	route_find(p, &r);
	bracket = strchr(r.url.host, ':');
	if (p->wire.unix_socket)
		snprintf(out, ROUTE_TEXT, "unix:%s", p->wire.unix_socket);
	else
		snprintf(out, ROUTE_TEXT, "%s%s%s:%u", bracket ? "[" : "", r.url.host, bracket ? "]" : "",
		         r.url.port);
	return out;
}

/* --- addresses ------------------------------------------------------------------------------- */

static int resolve_socket(const char *path, struct addresses *out)
{
	struct address *a = &out->list[0];
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&a->sa;

	memset(a, 0, sizeof *a);
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof un->sun_path, "%s", path);
	a->len = sizeof *un;
	snprintf(a->text, sizeof a->text, "unix:%.58s", path);
	out->count = 1;
	out->more = 0;
	return 0;
}

/* An address that is refused stays out, as of a name that has several. */
static int resolve_fixed(const struct route *r, struct addresses *out, struct sq_err *err)
{
	struct addresses one;
	const char *s = r->addresses;
	char text[64];
	int status = 0, worst = 0;

	out->count = out->more = 0;
	while (*s) {
		if (take_address(&s, text) < 0)
			continue;
		status = address_resolve(text, r->url.port, &one, err);
		if (status == 0)
			address_add(out, &one.list[0]);
		else
			worst = status;
	}
	if (out->count > 0)
		return 0;
	if (worst == -EPERM)
		out->list[out->count++] = one.list[0];
	return worst ? worst : sq_fail(err, -ENOENT, "resolve names no address");
}

int route_resolve(const struct plan *p, struct addresses *out, struct sq_err *err)
{
	struct route r;

	if (p->wire.unix_socket)
		return resolve_socket(p->wire.unix_socket, out);
	route_find(p, &r);
	if (r.addresses)
		return resolve_fixed(&r, out, err);
	return address_resolve(r.url.host, r.url.port, out, err);
}

/* --- the policy ------------------------------------------------------------------------------ */

static int filter_fixed(const struct route *r, const struct policy *policy, struct addresses *found,
                        const char *role, struct sq_err *err)
{
	struct addresses one;
	struct sq_err why;
	uint32_t kept = 0;
	struct route at;

	for (uint32_t i = 0; i < found->count; i++) {
		char host[64];

		snprintf(host, sizeof host, "%s", found->list[i].text + (found->list[i].text[0] == '['));
		host[strcspn(host, found->list[i].text[0] == '[' ? "]" : ":")] = '\0';
		route_set(&at, r->url.tls, host, r->url.port);
		one = (struct addresses){.count = 1, .list = {found->list[i]}};
		if (policy_filter(policy, &at.url, &one, role, &why) == 0)
			found->list[kept++] = one.list[0];
		else if (kept == 0 && err)
			*err = why;
	}
	found->count = kept;
	return kept > 0 ? 0 : -EPERM;
}

int route_filter(const struct plan *p, const struct policy *policy, struct addresses *found, const char *role,
                 struct sq_err *err)
{
	struct route r;

	if (p->wire.unix_socket) {
		if (policy_unix(policy, p->wire.unix_socket))
			return 0;
		return sq_fail(err, -EPERM,
		               "target unix:%s is not allowed by this %s. Add it to `allowed_targets` in "
		               "%s.conf (Helm value allowedTargets)",
		               p->wire.unix_socket, role, role);
	}
	route_find(p, &r);
	if (r.addresses && found->count > 0)
		return filter_fixed(&r, policy, found, role, err);
	return policy_filter(policy, &r.url, found, role, err);
}
