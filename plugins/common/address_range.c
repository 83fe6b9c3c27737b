/* address_range.c - ranges of addresses: those of the policy, and those that are never loaded. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "core/base/text.h"

#define V4(a, b, c, d, bits)                                                      \
	{                                                                         \
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + bits \
	}
#define V6(a, b, bits)       \
	{                    \
		{a, b}, bits \
	}
#define METADATA "a cloud's metadata service"

/* Link-local is where most clouds keep their metadata (RFC 3927); the single addresses are those of
 * Alibaba, Oracle, Azure and AWS. What is not unicast has no one to answer (RFC 6890). */
static const struct {
	struct range range;
	const char *why;
} refused[] = {
    {V4(169, 254, 0, 0, 16), "link-local (metadata services live there)"},
    {V6(0xfe, 0x80, 10), "link-local (metadata services live there)"},
    {V4(100, 100, 100, 200, 32), METADATA},
    {V4(192, 0, 0, 192, 32), METADATA},
    {V4(168, 63, 129, 16, 32), METADATA},
    {{{0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, 128}, METADATA},
    {V4(0, 0, 0, 0, 8), "no address of a host"},
    {V6(0, 0, 128), "no address of a host"},
    {V4(224, 0, 0, 0, 4), "a multicast address"},
    {V6(0xff, 0, 8), "a multicast address"},
    {V4(255, 255, 255, 255, 32), "a broadcast address"},
};

/* This machine, private networks (RFC 1918, 6598, 4193 and the site-local ones before it), and what
 * is reserved for protocols and benches. */
static const struct range private[] = {
    V4(127, 0, 0, 0, 8),    {{[15] = 1}, 128},     V4(10, 0, 0, 0, 8),   V4(172, 16, 0, 0, 12),
    V4(192, 168, 0, 0, 16), V4(100, 64, 0, 0, 10), V4(192, 0, 0, 0, 24), V4(198, 18, 0, 0, 15),
    V4(240, 0, 0, 0, 4),    V6(0xfc, 0, 7),        V6(0xfe, 0xc0, 10),
};

static void put_v4(uint8_t ip[16], const void *v4)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memmove(ip + 12, v4, 4);
	memcpy(ip, mapped, sizeof mapped);
}

/* Prefixes that an IPv4 address stands behind: NAT64 (RFC 6052, 8215), translated (RFC 2765) and compatible
 * ones (RFC 4291, 2.5.5.1). */
static const struct range carriers[] = {
    {{0, 0x64, 0xff, 0x9b}, 96},
    {{0, 0x64, 0xff, 0x9b, 0, 1}, 48},
    {{[8] = 0xff, [9] = 0xff}, 96},
    {{0}, 96},
};

static bool has(const struct range *r, const uint8_t ip[16])
{
	unsigned whole = r->bits / 8, rest = r->bits % 8;

	if (memcmp(r->ip, ip, whole) != 0)
		return false;
	return rest == 0 || ((r->ip[whole] ^ ip[whole]) >> (8 - rest)) == 0;
}

/* Such an address, or one of 6to4 (2002::/16, RFC 3056), counts as the IPv4 address in it: it is where the
 * packets go. But :: and ::1 are themselves. */
static void unwrap(uint8_t ip[16])
{
	static const struct range own = {{0}, 127};

	if (has(&own, ip))
		return;
	if (ip[0] == 0x20 && ip[1] == 0x02) {
		put_v4(ip, ip + 2);
		return;
	}
	for (size_t i = 0; i < SQ_LEN(carriers); i++)
		if (has(&carriers[i], ip)) {
			put_v4(ip, ip + 12);
			return;
		}
}

static void bytes_of(const struct sockaddr *sa, uint8_t ip[16])
{
	if (sa->sa_family == AF_INET) {
		put_v4(ip, &((const struct sockaddr_in *)(const void *)sa)->sin_addr);
	} else {
		memcpy(ip, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
		unwrap(ip);
	}
}

bool range_has(const struct range *r, const struct sockaddr *sa)
{
	uint8_t ip[16];

	bytes_of(sa, ip);
	return has(r, ip);
}

const char *address_refused(const struct sockaddr *sa)
{
	for (size_t i = 0; i < SQ_LEN(refused); i++)
		if (range_has(&refused[i].range, sa))
			return refused[i].why;
	return NULL;
}

bool address_private(const struct sockaddr *sa)
{
	for (size_t i = 0; i < SQ_LEN(private); i++)
		if (range_has(&private[i], sa))
			return true;
	return false;
}

/* Bits behind the length would be a slip: 10.0.0.7/8. */
static bool is_clean(const struct range *r)
{
	for (unsigned bit = r->bits; bit < 128; bit++)
		if (r->ip[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

int range_parse(const char *s, struct range *out)
{
	const char *slash = strchr(s, '/');
	size_t len = slash ? (size_t)(slash - s) : strlen(s);
	char ip[INET6_ADDRSTRLEN];
	struct range r;
	struct in_addr v4;
	int64_t bits, most = 128;

	if (len >= sizeof ip)
		return -EINVAL;
	memcpy(ip, s, len);
	ip[len] = '\0';
	if (inet_pton(AF_INET, ip, &v4) == 1) {
		put_v4(r.ip, &v4);
		most = 32;
	} else if (inet_pton(AF_INET6, ip, r.ip) != 1) {
		return -EINVAL;
	}
	bits = most;
	if (slash && (text_parse_int(slash + 1, &bits) < 0 || bits < 0 || bits > most))
		return -EINVAL;
	r.bits = (uint8_t)(bits + 128 - most);
	if (!is_clean(&r))
		return -EINVAL;
	*out = r;
	return 0;
}
