/* url.c - the URLs that squall can load (RFC 3986, with the refusals that url.h names). */
#include "url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "text.h"

#define HOST_MAX 253 /* RFC 1035, 2.3.4, as text */
#define LABEL_MAX 63

static int refuse(struct sq_err *err, struct sq_slice part, const char *why)
{
	char shown[128];

	text_safe(shown, sizeof shown, part.data, part.len);
	return sq_fail(err, -EINVAL, "\"%s%s\" %s", shown, part.len < sizeof shown ? "" : "...", why);
}

static int read_scheme(struct sq_slice *rest, bool *tls, struct sq_err *err)
{
	const char *end = memmem(rest->data, rest->len, "://", 3);
	struct sq_slice scheme = {rest->data, end ? (size_t)(end - rest->data) : 0};

	*tls = false;
	if (!end || strcspn(rest->data, "/?#") < scheme.len)
		return 0;
	*tls = scheme.len == 5 && strncasecmp(scheme.data, "https", 5) == 0;
	if (!*tls && !(scheme.len == 4 && strncasecmp(scheme.data, "http", 4) == 0))
		return refuse(err, scheme, "is not a scheme that can be loaded: use http:// or https://");
	rest->data = end + 3;
	rest->len -= scheme.len + 3;
	return 0;
}

static int read_port(struct sq_slice text, uint16_t *ret, struct sq_err *err)
{
	char digits[8];
	int64_t port;

	if (text.len >= sizeof digits)
		return refuse(err, text, "is not a port: use 1 .. 65535");
	memcpy(digits, text.data, text.len);
	digits[text.len] = '\0';
	if (text_parse_int(digits, &port) < 0 || port < 1 || port > 65535)
		return refuse(err, text, "is not a port: use 1 .. 65535");
	*ret = (uint16_t)port;
	return 0;
}

static int read_ipv6(struct sq_slice text, struct url *u, struct sq_err *err)
{
	struct in6_addr address;
	char name[INET6_ADDRSTRLEN];

	if (text.len >= sizeof name || memchr(text.data, '\0', text.len))
		return refuse(err, text, "is not an IPv6 address");
	memcpy(name, text.data, text.len);
	name[text.len] = '\0';
	if (inet_pton(AF_INET6, name, &address) != 1)
		return refuse(err, text, "is not an IPv6 address");
	inet_ntop(AF_INET6, &address, u->host, sizeof u->host);
	u->numeric = true;
	return 0;
}

/* Whether resolvers would take the name for an IPv4 address in one of its odd spellings (127.1,
 * 0x7f000001): its last label is a number, or the last but the dot that makes it absolute. */
static bool ends_in_number(const char *host)
{
	size_t end = strlen(host), begin;

	end -= end > 0 && host[end - 1] == '.';
	begin = end;
	while (begin > 0 && host[begin - 1] != '.')
		begin--;
	if (host[begin] == '0' && host[begin + 1] == 'x')
		return begin + 2 + strspn(host + begin + 2, "0123456789abcdef") >= end;
	return begin < end && begin + strspn(host + begin, "0123456789") >= end;
}

static int read_host(struct sq_slice text, struct url *u, struct sq_err *err)
{
	struct in_addr address;
	size_t label = 0;

	if (text.len == 0)
		return sq_fail(err, -EINVAL, "there is no host in the URL: write http://host/path");
	if (text.len > HOST_MAX)
		return refuse(err, text, "is too long for a host name");
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (!(c < 0x80 && isalnum(c)) && !strchr("-._", c))
			return refuse(err, text, "is not a host name: use letters, digits, '-', '_' and '.'");
		if (c == '.' ? label == 0 : label == LABEL_MAX)
			return refuse(err, text, "is not a host name: a part is empty or too long");
		label = c == '.' ? 0 : label + 1;
		u->host[i] = (char)tolower(c);
	}
	u->host[text.len] = '\0';
	u->numeric = inet_pton(AF_INET, u->host, &address) == 1;
	if (!u->numeric && ends_in_number(u->host))
		return refuse(err, text, "is not an IPv4 address: write it as four numbers, like 127.0.0.1");
	return 0;
}

/* host[:port] or [address][:port] */
static int read_authority(struct sq_slice text, struct url *u, struct sq_err *err)
{
	bool bracket = text.len > 0 && *text.data == '[';
	const char *end = text.data + text.len, *colon;
	struct sq_slice host;
	uint16_t standard = u->tls ? 443 : 80;
	int r;

	if (memchr(text.data, '@', text.len))
		return sq_fail(err, -EINVAL,
		               "a user name in the URL is not supported: send an Authorization header");
	if (bracket) {
		colon = memchr(text.data, ']', text.len);
		if (!colon || (++colon < end && *colon != ':'))
			return refuse(err, text, "is not an IPv6 address in brackets, like [::1]:8080");
		host = (struct sq_slice){text.data + 1, (size_t)(colon - text.data) - 2};
	} else {
		colon = memchr(text.data, ':', text.len);
		colon = colon ? colon : end;
		if (colon < end && memchr(colon + 1, ':', (size_t)(end - colon) - 1))
			return refuse(err, text,
			              "has several colons: put an IPv6 address in brackets, like [::1]");
		host = (struct sq_slice){text.data, (size_t)(colon - text.data)};
	}
	r = bracket ? read_ipv6(host, u, err) : read_host(host, u, err);
	u->port = standard;
	if (r == 0 && colon < end)
		r = read_port((struct sq_slice){colon + 1, (size_t)(end - colon) - 1}, &u->port, err);
	if (r < 0)
		return r;
	snprintf(u->authority, sizeof u->authority, bracket ? "[%s]" : "%s", u->host);
	if (u->port != standard)
		snprintf(u->authority + strlen(u->authority), sizeof ":65535", ":%u", u->port);
	return 0;
}

/* What is written as it is into a request line must not end it. A template's blanks are not written. */
int url_check_path(const char *path, struct sq_err *err)
{
	bool inside = false; /* of {{ }} */

	for (const char *c = path; *c; c++) {
		if (c[0] == c[1] && (*c == '{' || *c == '}'))
			inside = *c == '{';
		if (*c == ' ' && inside)
			continue;
		if (*c == '#')
			return sq_fail(
			    err, -EINVAL,
			    "a fragment (#...) is never sent to a server: leave it out of the URL");
		if (*c <= ' ' || *c > '~')
			return sq_fail(
			    err, -EINVAL,
			    "the URL has a byte 0x%02x at its path's position %d: write it as %%%02X",
			    (unsigned char)*c, (int)(c - path), (unsigned char)*c);
	}
	return 0;
}

int url_parse(const char *s, struct url *out, struct sq_err *err)
{
	struct sq_slice rest = {s, strlen(s)};
	struct url u = {0};
	size_t authority;
	int r, len;

	r = read_scheme(&rest, &u.tls, err);
	if (r < 0)
		return r;
	authority = strcspn(rest.data, "/?#");
	r = read_authority((struct sq_slice){rest.data, authority}, &u, err);
	if (r < 0)
		return r;
	rest.data += authority;
	r = url_check_path(rest.data, err);
	if (r < 0)
		return r;
	len = snprintf(u.text, sizeof u.text, "%s://%s%s%s", u.tls ? "https" : "http", u.authority,
	               *rest.data == '/' ? "" : "/", rest.data);
	if (len < 0 || (size_t)len >= sizeof u.text)
		return sq_fail(err, -EINVAL, "the URL is longer than %zu bytes", sizeof u.text - 1);
	u.path = u.text + strlen(u.tls ? "https://" : "http://") + strlen(u.authority);
	url_copy(out, &u);
	return 0;
}

void url_copy(struct url *to, const struct url *from)
{
	size_t path = (size_t)(from->path - from->text);

	*to = *from;
	to->path = to->text + path;
}

void url_encode(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    strchr("-_.~", c))
			buf_add(out, s, 1);
		else
			buf_printf(out, "%%%02X", c);
	}
}
