/*
 * proxy.h - what stands between a role and a store, transport or scheduler.
 *
 * The same interface as the plugin's, with the promises of op.h kept around every call. One for
 * each role and carrier, so that open ops can be counted and named by who asked.
 */
#ifndef HOST_PROXY_H
#define HOST_PROXY_H

#include <squall/plugin.h>

#include "op.h"

struct proxy {
	uint32_t magic;
	struct ops *ops;
	struct op_carrier carrier;
	bool takes_deliveries; /* this caller may raise the transport's credit */
	union { /* the plugin's, with zeroes for what an older plugin lacks */
		struct sq_store store;
		struct sq_transport transport;
		struct sq_scheduler scheduler;
	} plugin;
	union { /* what the role is given */
		struct sq_store store;
		struct sq_transport transport;
		struct sq_scheduler scheduler;
	} face;
};

/* desc, self: the store, transport or scheduler and its instance. who: the caller's name, borrowed. */
void proxy_init(struct proxy *p, struct ops *o, const struct sq_plugin *desc, void *self, const char *who);

#endif
