/*
 * knock.h - whether a target accepts connections: the probe() of the roles that have one.
 */
#ifndef COMMON_KNOCK_H
#define COMMON_KNOCK_H

#include <squall/host.h>

/* Embedded by its user, who keeps it until op is done. */
struct knock {
	struct sq_work work;
	const struct sq_host *host;
	const char *url; /* borrowed */
	struct sq_op *op;
	struct sq_err *err;
	struct sq_err found;
};

/* Completes op: 0 when the target of this URL accepts a connection; err says where, or what is wrong. Only
 * connects; nothing is sent. */
void knock(struct knock *k, const struct sq_host *host, const char *url, struct sq_op *op,
           struct sq_err *err);

#endif
