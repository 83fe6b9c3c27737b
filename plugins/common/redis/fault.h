/*
 * fault.h - what an error of a Redis means, and what to do about it. Pure.
 */
#ifndef REDIS_FAULT_H
#define REDIS_FAULT_H

#include <stdbool.h>

#include "reply.h"

enum fault_kind {
	FAULT_CALL, /* this command alone */
	FAULT_STATE, /* the server is in a state that passes: ask it again and again */
	FAULT_PEER, /* this server is of no use as it is: connect anew, perhaps to another one */
	FAULT_SCRIPT, /* NOSCRIPT: it has forgotten our script */
	FAULT_MOVED, /* MOVED: the key is on another node */
};

struct fault {
	enum fault_kind kind;
	int status; /* of the request: nothing of it was done, unless it is -SQ_EUNCERTAIN */
	const char *what; /* "is full", or NULL: its own words say it best */
	const char *cure; /* or NULL */
};

/* Of a REPLY_ERROR. */
const struct fault *fault_of(const struct reply *r);

/* The address in "MOVED 3999 127.0.0.1:6381"; the host may be empty: the same as before. false: it is none.
 */
bool fault_moved(const struct reply *r, char *host, size_t size, int64_t *port);

#endif
