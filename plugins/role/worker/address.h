/*
 * address.h - where the target is: its addresses, and which of them may be loaded at all.
 */
#ifndef WORKER_ADDRESS_H
#define WORKER_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <squall/util.h>

#define ADDRESS_MAX 64 /* of one target; more are not used */

struct address {
	struct sockaddr_storage sa;
	socklen_t len;
	char text[64]; /* "127.0.0.1:8080", "[::1]:8080" */
};

struct addresses {
	uint32_t count;
	struct address list[ADDRESS_MAX];
};

/* Why squall never loads this address (link-local, a cloud's metadata service), or NULL. */
const char *address_refused(const struct sockaddr *sa);

/*
 * All addresses of a name, once each, in the resolver's order. Blocks: for a thread of the pool.
 * Refused addresses are left out; when no other is left that is an error. 0, or negative with
 * the reason.
 */
int address_resolve(const char *host, uint16_t port, struct addresses *out, struct sq_err *err);

#endif
