/*
 * finder.h - the addresses that are loaded: looked up, judged by the plan's address policy, tried once.
 *
 *     look up (on a thread; the TLS context is made there too) -> policy -> reach -> found
 *     every dns_ttl: look up -> policy -> other addresses than before? -> reach -> moved
 *
 * getaddrinfo() tells no time to live, so the plan says how often the name is looked up again; addresses that
 * the plan gives, only while some of them are left out. What a later look-up comes to:
 *     the same addresses      those that were left out are tried again, and are loaded with the others once
 *                             they accept; the others are not tried: when they refuse, that is measured
 *     others                  those that accept take the place of the old ones; when none does, the old
 *                             ones stay
 *     no answer in time       the old ones stay, and the log says so once
 *     unknown, or refused     there is no address left: requests that need a connection end as
 *                             unsent{dns}, until a later look-up finds one
 */
#ifndef WORKER_FINDER_H
#define WORKER_FINDER_H

#include <stdbool.h>

#include <squall/host.h>

#include "plugins/common/plan.h"
#include "reach.h"

struct policy;

struct finder {
	/* Set by the owner, the rest zeroed. */
	const struct sq_host *host;
	const struct plan *plan;
	const char *test_id;
	/* Once: addresses has the first ones, at least one, and tls is there if need be; or why not, a word
	 * and a sentence. */
	void (*found)(struct finder *f, const char *reason, const char *detail);
	void (*moved)(struct finder *f); /* addresses has changed; count may be 0 */
	void (*looked_up)(struct finder *f, int64_t ns); /* each time an answer came */

	/* That are loaded, in an order that does not depend on the name server's: all workers have the same.
	 */
	struct addresses addresses;
	struct tls_context *tls; /* NULL for plain HTTP */

	struct addresses seen; /* all that the last look-up found and the policy allowed */
	struct addresses fresh; /* the look-up's, while it runs the thread's */
	struct addresses tried; /* by reach */
	struct sq_work work;
	struct sq_err err;
	struct sq_timer timer; /* the limit of a look-up, or the time to the next one */
	struct policy *policy; /* NULL: there is none */
	struct reach reach;
	int64_t asked; /* monotonic ns */
	bool busy; /* a look-up is on a thread */
	bool late; /* its limit has passed: what it brings is not used */
	bool again; /* what is tried was left out before */
	bool first, stopped, troubled;
};

int finder_start(struct finder *f, struct sq_err *err); /* 0 or negative errno */
void finder_stop(struct finder *f); /* nothing is called any more; a thread may still be busy */
/* After its work on the host's threads has ended: in the plugin's destroy(). Harmless on a zeroed one. */
void finder_free(struct finder *f);

#endif
