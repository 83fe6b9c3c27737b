/* conf_address.c - "127.0.0.1:8000", "[::1]:8000", "unix:/path": where a listener binds. */
#include "conf_priv.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "core/base/text.h"

#define UNIX_PATH_MAX 107 /* sun_path without its NUL */

static int parse_path(const char *path, struct conf_address *ret, struct sq_err *err)
{
	if (*path != '/')
		return sq_fail(err, -EINVAL, "the path of a Unix socket starts with /");
	if (strlen(path) > UNIX_PATH_MAX)
		return sq_fail(err, -EINVAL, "the path of a Unix socket has at most %d bytes", UNIX_PATH_MAX);
	*ret = (struct conf_address){.path = path};
	return 0;
}

/* Names and numbers of either family, and the %zone of a link-local address; the resolver judges. */
static bool host_ok(const char *host, size_t len, bool v6)
{
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)host[i]) && !strchr(v6 ? ".:%" : ".-_", host[i]))
			return false;
	}
	return len > 0;
}

int conf_address_parse(const char *text, struct conf_address *ret, struct sq_err *err)
{
	static const char forms[] = "write host:port, [IPv6 address]:port or unix:/path";
	bool v6 = *text == '[';
	const char *host = text + v6, *colon;
	int64_t port;
	size_t len;
	int r;

	if (strncmp(text, "unix:", 5) == 0)
		return parse_path(text + 5, ret, err);
	colon = strrchr(text, ':');
	if (!colon || (v6 && colon[-1] != ']'))
		return sq_fail(err, -EINVAL, "has no port: %s", forms);
	len = (size_t)(colon - host) - v6;
	if (!host_ok(host, len, v6) || len >= sizeof ret->host)
		return sq_fail(err, -EINVAL, "is no address: %s", forms);
	r = text_parse_int(colon + 1, &port);
	if (r == -ERANGE || (r == 0 && (port < 0 || port > 65535)))
		return sq_fail(err, -ERANGE, "port is outside 1 .. 65535");
	if (r < 0)
		return sq_fail(err, -EINVAL, "port is not a number");
	*ret = (struct conf_address){.port = (uint16_t)port};
	memcpy(ret->host, host, len);
	return 0;
}
