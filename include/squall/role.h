/*
 * role.h - what a process is for: gateway, target, orchestrator, worker.
 *
 * Several roles may live in one process, each with its own listener. A role that declares
 * routes gets the listener options (listen, max_body, ...) in its group of the .conf from the
 * host; its own options must not use those names. The listener is bound before start() and
 * served after it returned. From drain() on it takes no new connections; requests that are on
 * their way on open ones still reach the role. When drain's op has completed, handles have half
 * of what is left of the grace period; those still unanswered then get 503 from the host.
 *
 * At most one role of a process takes deliveries, and at most one takes job changes; the host
 * refuses a .conf with two. It sets the transport's credit to 0 before that role's drain().
 */
#ifndef SQUALL_ROLE_H
#define SQUALL_ROLE_H

#include <stdint.h>

#include <squall/http.h>
#include <squall/scheduler.h>
#include <squall/transport.h>

/* The host refuses a .conf that lacks one of the first three. */
#define SQ_NEEDS_TRANSPORT 0x01u
#define SQ_NEEDS_STORE 0x02u
#define SQ_NEEDS_SCHEDULER 0x04u
/* While it drains its listener goes on as before, until drain's op has completed. */
#define SQ_NEEDS_LISTENER 0x08u

struct sq_role {
	uint32_t size; /* sizeof(struct sq_role) */
	uint32_t needs; /* SQ_NEEDS_* */

	const struct sq_route *routes; /* NULL: this role does not listen */

	/* A message came (only after transport->credit() was raised). The role settles it. */
	void (*deliver)(void *self, struct sq_delivery *d);
	/* The lock of a delivery expired before it was settled: forget it. */
	void (*lost)(void *self, struct sq_delivery *d);
	/* Something happened to an object that the scheduler runs for us. */
	void (*job_changed)(void *self, const struct sq_job_state *state);
};

#endif
