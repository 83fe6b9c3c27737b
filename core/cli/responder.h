/*
 * responder.h - a target of the simplest kind, in a process of its own that can be frozen: what squall says
 * about it can be compared with what must be so.
 *
 * It answers every read with 200, and nothing else: squall sends a request in one piece. A second process
 * stops it (SIGSTOP) after so many requests and lets it go on after a while. Both end with their parent.
 */
#ifndef CLI_RESPONDER_H
#define CLI_RESPONDER_H

#include <stdint.h>
#include <sys/types.h>

#include <squall/util.h>

struct responder {
	pid_t pid, freezer; /* 0: none */
	uint16_t port; /* of 127.0.0.1 */
	struct responder_shared *shared; /* with both processes */
};

/* freeze: ns; once after so many requests; 0 = never. 0, or a negative errno with the reason. */
int responder_start(struct responder *r, uint64_t after, int64_t freeze, struct sq_err *err);
void responder_stop(struct responder *r); /* harmless on a zeroed one */

/* How long it was frozen, ns, as it went through it itself: the longest time between two of its answers. On a
 * busy machine that is longer than it was stopped, since it has to get a CPU again. 0 = it was not. */
int64_t responder_frozen(const struct responder *r);

#endif
