/*
 * http_server.h - one listener: HTTP/1.1 in, routes, bounds and time limits, answers out.
 *
 * Loop thread only. Answers of one loop turn leave in one write per connection. All bounds stand
 * in struct conf_listener. A slow client (header, body or write time limit), an oversized head
 * (431) or body (413), and one connection too many (503) cost that client its connection, and
 * nobody else anything.
 *
 * A client that closes its sending side while a role has its request has most likely left: gone()
 * says so; but the answer is still tried, for those who only finished sending (printf | nc).
 */
#ifndef HOST_HTTP_SERVER_H
#define HOST_HTTP_SERVER_H

#include <squall/http.h>

#include "conf.h"

struct ev_loop;
struct http_server;

/* Routes and whose they are; an array of these is closed by routes = NULL. Earlier ones win. */
struct http_site {
	const struct sq_route *routes;
	void *self;
};

struct http_server_opts {
	struct ev_loop *loop;
	const struct conf_listener *conf;
	const struct http_site *sites; /* copied; their tables must live as long as the server */
	const char *what; /* "target": for logs and metrics */
};

/* Binds and listens, accepts nothing yet. -EADDRINUSE etc. with the cure in err. */
int http_server_open(const struct http_server_opts *opts, struct http_server **ret, struct sq_err *err);

/* The self of site i is known only after create(): set it before http_server_serve. */
void http_server_set_self(struct http_server *s, unsigned site, void *self);

void http_server_serve(struct http_server *s);

/* "http://127.0.0.1:41873" as bound ("unix:/path"), valid until close. */
const char *http_server_url(const struct http_server *s);

/* Shutdown, first half: no new connections, idle ones are closed, requests in flight and those
 * already received are still served, with Connection: close. empty(arg) runs once, in a later
 * turn, when no connection is left. */
void http_server_drain(struct http_server *s, void (*empty)(void *arg), void *arg);

/* Second half: open handles are answered 503 as far as that can be written at once and get gone(),
 * streams get closed(), everything is freed. Handles a role still holds stay valid until it answers
 * them. Not from inside a handler, gone(), closed() or writable(); empty() may. */
void http_server_close(struct http_server *s);

/* What a role gets as host->http; works for handles of every server. */
extern const struct sq_http_calls http_server_calls;

#endif
