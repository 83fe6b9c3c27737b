/*
 * policy.h - which targets may be loaded: nothing but what the operator listed. Pure.
 *
 * The target of the configuration (TARGET_URL) may always be loaded, by its origin. The option
 * allowed_targets adds to it; each entry is one of
 *
 *     http://host:port     an origin: this scheme, host and port
 *     host or host:port    a host name, on any port or on this one, with http and https
 *     *.example.com, *     any host below that name; any host at all
 *     10.0.0.0/8, ::1      a range or an address, on any port, under whatever name
 *     unix:/path           a local socket
 *
 * A name that is written out is trusted: whatever it resolves to may be loaded, also this machine and
 * private networks, since the operator knows where that name leads. A name that only fits a
 * pattern belongs to whoever owns the domain, who may point it anywhere: of its addresses only
 * those that are public, or in a listed range, may be loaded. Any other name needs a listed range.
 * Addresses that address_refused() names are never loaded, listed or not.
 */
#ifndef COMMON_POLICY_H
#define COMMON_POLICY_H

#include <stdbool.h>

#include <squall/util.h>

#include "address.h"
#include "core/base/url.h"

struct policy;

/* allowed is closed by NULL; target_url may be NULL or "". -ENOMEM, or -EINVAL with the entry in err. */
int policy_new(const char *const *allowed, const char *target_url, struct policy **out, struct sq_err *err);
void policy_free(struct policy *p);

/*
 * Leaves in found (what address_resolve gave, whatever it returned) what may be loaded. No address:
 * the name could not be resolved; a trusted one passes, as the workers will say what is wrong with it.
 * role is who refuses ("gateway"): the list is in its .conf (gateway.conf).
 * 0, or -EPERM with the refusal in err: it names the target, its address, and the cure.
 */
int policy_filter(const struct policy *p, const struct url *url, struct addresses *found, const char *role,
                  struct sq_err *err);
bool policy_unix(const struct policy *p, const char *path); /* whether this socket is listed */

#endif
