/* conf.c - options that contradict each other. */
#include "conf.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "link.h"

int redis_conf_check(const struct redis_conf *c, struct sq_err *err)
{
	const char *path = redis_socket_path(c);
	size_t n = strspn(c->space, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");

	if (*c->host == '\0')
		return sq_fail(err, -EINVAL, "host is empty: name the Redis server");
	if (path && (*path != '/' || strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path))
		return sq_fail(err, -EINVAL,
		               "host \"%s\": write unix: and an absolute path of at most 107 bytes", c->host);
	if (strlen(c->host) > 255)
		return sq_fail(err, -EINVAL, "host has more than 255 bytes");
	if (n == 0 || c->space[n] || n > 64)
		return sq_fail(err, -EINVAL, "space \"%.64s\": use 1 to 64 letters, digits, and . _ : -",
		               c->space);
	if (!!*c->ssl_cert != !!*c->ssl_key)
		return sq_fail(err, -EINVAL, "ssl_cert and ssl_key are needed together");
	if (!c->ssl && (*c->ssl_ca || *c->ssl_cert))
		return sq_fail(err, -EINVAL,
		               "ssl_ca and ssl_cert are for TLS: set ssl = true (variable REDIS_SSL)");
	if (c->ssl && path && *c->ssl_name == '\0')
		return sq_fail(err, -EINVAL,
		               "TLS over a socket file: set ssl_name to the name in the certificate");
	if (*c->username && *c->password == '\0')
		return sq_fail(err, -EINVAL, "username without password: set both or none");
	return 0;
}
