/*
 * http_route.h - which handler answers a request: method and path against the tables of a site.
 *
 * No I/O. Paths are compared byte by byte and not decoded: "/tests/%61" is not "/tests/a".
 */
#ifndef HOST_HTTP_ROUTE_H
#define HOST_HTTP_ROUTE_H

#include <stdbool.h>

#include "core/base/buf.h"

#include "http_server.h"

struct http_route {
	const struct sq_route *row;
	void *self;
	struct sq_slice params[SQ_HTTP_PARAMS];
};

/* Splits a request target that the parser let pass (RFC 9112, 3.2): "/path?query", the same behind
 * "http://host", which a server has to take as well, or "*", which becomes a path that no route has. */
void http_route_target(struct sq_slice target, struct sq_slice *path, struct sq_slice *query);

/* The first route that fits. HEAD is answered by the route of GET unless it has one of its own. */
bool http_route_find(const struct http_site *sites, struct sq_slice method, struct sq_slice path,
                     struct http_route *ret);

/* "GET, HEAD, POST": the methods that this path takes, appended to out; for "*" those of all routes.
 * false, and nothing appended: no route has this path. */
bool http_route_allow(const struct http_site *sites, struct sq_slice path, struct buf *out);

#endif
