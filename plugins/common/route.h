/*
 * route.h - where the requests of a plan go: to the host of its URL unless the plan bends that, as curl's
 * options of the same names do.
 *
 *     unix_socket  /path                       that socket; nothing is looked up
 *     connect_to   HOST1:PORT1:HOST2:PORT2     connections for HOST1:PORT1 go to HOST2:PORT2; an empty
 *                                              HOST1 or PORT1 is any, an empty HOST2 or PORT2 the same
 *     resolve      HOST:PORT:ADDRESS,...       HOST:PORT has these addresses; HOST may be *
 *
 * connect_to is applied first; of several entries that fit the first counts. IPv6 addresses may stand in
 * brackets, and have to in connect_to. The Host header and the name in a certificate stay the URL's.
 *
 * All that a plan can bend is judged by the address policy: the host that is connected to, or each
 * address that the plan names itself. The name in the URL is then but a header.
 */
#ifndef COMMON_ROUTE_H
#define COMMON_ROUTE_H

#include <squall/util.h>

#include "address.h"
#include "policy.h"

struct plan;

#define ROUTE_SOCKET_MAX 107 /* bytes of a socket's path (unix(7)) */

/* 0, or -EINVAL with the reason in err. */
int route_check_resolve(const char *entry, struct sq_err *err);
int route_check_connect_to(const char *entry, struct sq_err *err);

/* Whether the addresses stand in the plan, so that another look-up would find no others. */
bool route_fixed(const struct plan *p);
/* The place that is connected to, for people: "a.example:443", "unix:/run/a.sock". Returns out. */
#define ROUTE_TEXT 320
char *route_text(const struct plan *p, char out[ROUTE_TEXT]);

/* As address_resolve() for the plan's URL. Blocks: for a thread of the pool. */
int route_resolve(const struct plan *p, struct addresses *out, struct sq_err *err);

/* As policy_filter(), of what route_resolve() found. */
int route_filter(const struct plan *p, const struct policy *policy, struct addresses *found, const char *role,
                 struct sq_err *err);

#endif
