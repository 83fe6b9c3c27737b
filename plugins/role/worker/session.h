/*
 * session.h - a worker under an orchestrator: registers, prepares, loads, reports, leaves.
 *
 * What to do when is decided in orders.h; this carries it out.
 */
#ifndef WORKER_SESSION_H
#define WORKER_SESSION_H

#include <squall/host.h>

struct session;

/* All that is pointed to stays with the caller and must outlive the session. */
struct session_setup {
	const struct sq_host *host;
	const char *const *urls; /* of orchestrators, one or more, closed by NULL */
	const char *test_id, *token;
	const char *name; /* what the scheduler calls this process, "" = nothing */
	void (*over)(void *owner, int exit_code); /* once, from the loop */
	void *owner;
};

int session_start(const struct session_setup *setup, struct session **ret, struct sq_err *err);

/* Sends nothing more, reports a last time; over() follows within seconds. */
void session_terminate(struct session *s);

void session_free(struct session *s); /* NULL is fine; in the plugin's destroy() */

#endif
