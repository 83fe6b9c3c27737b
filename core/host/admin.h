/*
 * admin.h - /healthz, /readyz and /metrics.
 *
 * Every listener answers the first two; /metrics stands on the listener of its own when
 * admin_listen names one, and on every listener otherwise.
 */
#ifndef HOST_ADMIN_H
#define HOST_ADMIN_H

#include "instance.h"

struct admin {
	const struct instance *instances; /* whose readiness counts */
	unsigned count;
	bool up, stopping; /* host.c's */
	struct loop *loop;
	double started; /* Unix seconds */
	struct conf_listener conf;
	struct http_server *server; /* admin_listen's, or NULL */
};

void admin_init(struct admin *a, struct loop *l, const struct instance *instances, unsigned count);

/* Binds listen; "" = no listener of its own. */
int admin_listen(struct admin *a, const char *listen, struct sq_err *err);
void admin_serve(struct admin *a);
void admin_close(struct admin *a);

/* The host's routes on the listener of a role. */
struct http_site admin_site(struct admin *a);

/* The first instance that is not ready, NULL when all are. */
const struct instance *admin_unready(const struct admin *a);

#endif
