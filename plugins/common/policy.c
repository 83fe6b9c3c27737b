/* policy.c - the list of allowed targets, and the judgement by it. */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

enum kind { ORIGIN, HOST, PATTERN, RANGE, SOCKET };

struct entry {
	enum kind kind;
	char *text; /* HOST, ORIGIN: the name; PATTERN: what it ends with; SOCKET: the path */
	uint16_t port; /* 0 = any */
	bool tls; /* ORIGIN */
	struct range range;
};

struct policy {
	size_t count;
	struct entry entries[];
};

/* --- reading --------------------------------------------------------------------------------- */

static int refuse(struct sq_err *err, const char *text, const char *why)
{
	char shown[128];

	return sq_fail(err, -EINVAL, "allowed_targets: \"%s\" %s",
	               text_safe(shown, sizeof shown, text, strlen(text)), why);
}

static int keep(struct entry *e, enum kind kind, const char *text, struct sq_err *err)
{
	e->kind = kind;
	e->text = strdup(text);
	return e->text ? 0 : sq_fail(err, -ENOMEM, "not enough memory");
}

static int read_pattern(struct entry *e, const char *text, struct sq_err *err)
{
	struct url url;
	char end[sizeof url.host + 1];

	if (text[1] == '\0')
		return keep(e, PATTERN, "", err);
	if (text[1] != '.' || url_parse(text + 2, &url, NULL) < 0 || strpbrk(text, ":/?") || url.numeric)
		return refuse(err, text, "is not a pattern: write *.example.com");
	snprintf(end, sizeof end, ".%s", url.host);
	return keep(e, PATTERN, end, err);
}

/* An origin, or a host with or without a port. */
static int read_name(struct entry *e, const char *text, struct sq_err *err)
{
	bool scheme = strstr(text, "://");
	const char *colon = strrchr(text, ':');
	struct url url;

	if (!scheme && strchr(text, '/'))
		return refuse(
		    err, text,
		    "is not a range of addresses: write it like 10.0.0.0/8, or a target without a path");
	if (url_parse(text, &url, NULL) < 0)
		return refuse(
		    err, text,
		    "is not a target: write http://host:port, a host name, *.example.com, 10.0.0.0/8 "
		    "or unix:/path");
	if (strcmp(url.path, "/") != 0)
		return refuse(err, text, "has a path: a target is allowed with all its paths, leave it out");
	e->port = scheme || (colon && !strchr(colon, ']')) ? url.port : 0;
	e->tls = url.tls;
	return keep(e, scheme ? ORIGIN : HOST, url.host, err);
}

static int read_entry(struct entry *e, const char *text, struct sq_err *err)
{
	if (strncmp(text, "unix:", 5) == 0)
		return text[5] == '/' ? keep(e, SOCKET, text + 5, err)
		                      : refuse(err, text, "is not a socket: write unix:/path");
	if (text[0] == '*')
		return read_pattern(e, text, err);
	if (range_parse(text, &e->range) == 0) {
		e->kind = RANGE;
		return 0;
	}
	return read_name(e, text, err);
}

static int read_target(struct entry *e, const char *target_url, struct sq_err *err)
{
	struct sq_err why;
	struct url url;

	if (url_parse(target_url, &url, &why) < 0)
		return sq_fail(err, -EINVAL, "target_url: %s", why.text);
	e->port = url.port;
	e->tls = url.tls;
	return keep(e, ORIGIN, url.host, err);
}

int policy_new(const char *const *allowed, const char *target_url, struct policy **out, struct sq_err *err)
{
	struct policy *p;
	size_t n = 0;
	int r = 0;

	while (allowed[n])
		n++;
	p = calloc(1, sizeof *p + (n + 1) * sizeof *p->entries);
	if (!p)
		return sq_fail(err, -ENOMEM, "not enough memory");
	if (target_url && *target_url)
		r = read_target(&p->entries[p->count++], target_url, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_entry(&p->entries[p->count++], allowed[i], err);
	if (r < 0)
		policy_free(p);
	else
		*out = p;
	return r;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		free(p->entries[i].text);
	free(p);
}

/* --- judging --------------------------------------------------------------------------------- */

/* The names themselves: HOST or ORIGIN when written out, PATTERN when it fits one, else RANGE: it is
 * a matter of the addresses. */
static enum kind match_name(const struct policy *p, const struct url *url)
{
	enum kind best = RANGE;

	for (size_t i = 0; i < p->count; i++) {
		const struct entry *e = &p->entries[i];
		size_t host = strlen(url->host), end = e->text ? strlen(e->text) : 0;

		if (e->port && e->port != url->port)
			continue;
		if (e->kind == HOST || (e->kind == ORIGIN && e->tls == url->tls)) {
			if (strcmp(e->text, url->host) == 0)
				return e->kind;
		} else if (e->kind == PATTERN && host > end && strcmp(url->host + host - end, e->text) == 0) {
			best = PATTERN;
		}
	}
	return best;
}

static bool in_range(const struct policy *p, const struct sockaddr *sa)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->entries[i].kind == RANGE && range_has(&p->entries[i].range, sa))
			return true;
	return false;
}

static bool may_load(const struct policy *p, enum kind name, const struct address *a)
{
	const struct sockaddr *sa = (const struct sockaddr *)&a->sa;

	if (address_refused(sa))
		return false;
	return name == HOST || name == ORIGIN || (name == PATTERN && !address_private(sa)) || in_range(p, sa);
}

/* The address as people write it in a list: without the port. */
static const char *bare(const struct address *a, char out[sizeof a->text])
{
	const char *text = a->text, *end = strrchr(text, ':');

	if (text[0] == '[') {
		text++;
		end = strchr(text, ']');
	}
	snprintf(out, sizeof a->text, "%.*s", (int)(end - text), text);
	return out;
}

static int refuse_target(const struct url *url, const struct address *a, const char *role, struct sq_err *err)
{
	char ip[sizeof a->text], target[320];

	snprintf(target, sizeof target, "%s://%s/", url->tls ? "https" : "http", url->authority);
	if (a && address_refused((const struct sockaddr *)&a->sa))
		return sq_fail(err, -EPERM, "target %s is never loaded: it resolves to %s, which is %s",
		               target, bare(a, ip), address_refused((const struct sockaddr *)&a->sa));
	return sq_fail(err, -EPERM,
	               "target %s is not allowed by this %s (%s%s). Add it to `allowed_targets` in %s.conf "
	               "(Helm value allowedTargets)",
	               target, role, a ? "resolved to " : "its name cannot be resolved here",
	               a ? bare(a, ip) : "", role);
}

int policy_filter(const struct policy *p, const struct url *url, struct addresses *found, const char *role,
                  struct sq_err *err)
{
	enum kind name = match_name(p, url);
	struct address first;
	uint32_t n = 0;

	if (found->count == 0)
		return name == HOST || name == ORIGIN ? 0 : refuse_target(url, NULL, role, err);
	first = found->list[0];
	for (uint32_t i = 0; i < found->count; i++)
		if (may_load(p, name, &found->list[i]))
			found->list[n++] = found->list[i];
	found->count = n;
	return n > 0 ? 0 : refuse_target(url, &first, role, err);
}

bool policy_unix(const struct policy *p, const char *path)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->entries[i].kind == SOCKET && strcmp(p->entries[i].text, path) == 0)
			return true;
	return false;
}
