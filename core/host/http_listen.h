/*
 * http_listen.h - the socket that a server listens on.
 */
#ifndef HOST_HTTP_LISTEN_H
#define HOST_HTTP_LISTEN_H

#include <stddef.h>

#include "conf.h"

#define HTTP_URL_MAX 300

/* Binds and listens as conf->listen says: "127.0.0.1:8080", "[::1]:8080", "name:8080" (looked up at
 * once), "unix:/path". A socket file that nobody listens on any more is replaced. Returns the
 * descriptor, non-blocking, and fills url; or a negative errno with the cure in err. */
int http_listen(const struct conf_listener *conf, char url[HTTP_URL_MAX], struct sq_err *err);

/* Closes it. A socket file is removed before, so that a successor cannot lose its own. */
void http_unlisten(int fd, const char *url);

/* Takes the next client: a descriptor, non-blocking, and its address in peer; or a negative errno. */
int http_accept(int fd, char *peer, size_t peer_size);

#endif
