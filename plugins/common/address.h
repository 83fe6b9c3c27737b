/*
 * address.h - where the target is: its addresses, and which of them may be loaded at all.
 *
 * Pure, but for address_resolve.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <squall/util.h>

#define ADDRESS_MAX 64 /* of one target; more are counted, and not used */

struct address {
	struct sockaddr_storage sa;
	socklen_t len;
	char text[64]; /* "127.0.0.1:8080", "[::1]:8080" */
};

struct addresses {
	uint32_t count;
	uint32_t more; /* that found no room */
	struct address list[ADDRESS_MAX];
};

bool address_has(const struct addresses *all, const struct address *a);
void address_add(struct addresses *all, const struct address *a); /* unless it is there already */

/* Why squall never loads this address (link-local, a cloud's metadata service, ...), or NULL. */
const char *address_refused(const struct sockaddr *sa);
/* Whether it leads to this machine or into a private network: nothing that is reached from anywhere. */
bool address_private(const struct sockaddr *sa);

/* IPv4 is kept as ::ffff:0:0/96, so that one comparison serves both. */
struct range {
	uint8_t ip[16];
	uint8_t bits;
};

/* "10.0.0.0/8", "10.0.0.7", "fd00::/8", "::1". 0 or -EINVAL. */
int range_parse(const char *s, struct range *out);
bool range_has(const struct range *r, const struct sockaddr *sa);

/*
 * All addresses of a name, once each, in the resolver's order. Blocks: for a thread of the pool.
 * Refused addresses are left out; when no other is left that is -EPERM, and out holds one of them, as
 * policy_filter() wants to see it. 0, or negative with the reason and no address in out.
 */
int address_resolve(const char *host, uint16_t port, struct addresses *out, struct sq_err *err);

#endif
