/* address.c - resolves the target's name and refuses what must not be loaded. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void address_fill(struct address *a, const struct addrinfo *from)
{
	char host[INET6_ADDRSTRLEN], port[8];

	memset(a, 0, sizeof *a);
	memcpy(&a->sa, from->ai_addr, from->ai_addrlen);
	a->len = from->ai_addrlen;
	getnameinfo(from->ai_addr, from->ai_addrlen, host, sizeof host, port, sizeof port,
	            NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(a->text, sizeof a->text, from->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

bool address_has(const struct addresses *all, const struct address *a)
{
	for (uint32_t i = 0; i < all->count; i++)
		if (all->list[i].len == a->len && memcmp(&all->list[i].sa, &a->sa, a->len) == 0)
			return true;
	return false;
}

void address_add(struct addresses *all, const struct address *a)
{
	if (address_has(all, a))
		return;
	if (all->count < ADDRESS_MAX)
		all->list[all->count++] = *a;
	else
		all->more++;
}

static int address_error(const char *host, int gai, struct sq_err *err)
{
	switch (gai) {
	case EAI_NONAME:
	case EAI_NODATA:
		return sq_fail(err, -ENOENT, "the name %s is unknown: is it spelt correctly?", host);
	case EAI_AGAIN:
		return sq_fail(err, -EAGAIN,
		               "the name %s cannot be resolved (no answer from the name server): "
		               "look at /etc/resolv.conf and the network",
		               host);
	case EAI_SYSTEM:
		return sq_fail(err, -errno, "the name %s cannot be resolved (%s)", host, strerror(errno));
	default:
		return sq_fail(err, -EIO, "the name %s cannot be resolved (%s)", host, gai_strerror(gai));
	}
}

int address_resolve(const char *host, uint16_t port, struct addresses *out, struct sq_err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *all;
	struct address refused = {0}, a;
	const char *why = NULL;
	char service[8];
	int r;

	snprintf(service, sizeof service, "%u", port);
	out->count = out->more = 0;
	r = getaddrinfo(host, service, &hints, &all);
	if (r)
		return address_error(host, r, err);
	for (const struct addrinfo *ai = all; ai; ai = ai->ai_next) {
		if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
			continue;
		address_fill(&a, ai);
		if (!address_refused(ai->ai_addr)) {
			address_add(out, &a);
		} else if (!why) {
			why = address_refused(ai->ai_addr);
			refused = a;
		}
	}
	freeaddrinfo(all);
	if (out->count > 0)
		return 0;
	if (!why)
		return sq_fail(err, -ENOENT, "the name %s has no IPv4 or IPv6 address", host);
	out->list[out->count++] = refused;
	return sq_fail(err, -EPERM, "target %s is never loaded: it resolves to %s, which is %s", host,
	               refused.text, why);
}
