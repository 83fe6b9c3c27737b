/* own_url.c - an address of this machine in place of "all of them". */
#include "own_url.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool address_of(int fd, bool v6, char out[INET6_ADDRSTRLEN])
{
	struct sockaddr_in6 v6_own;
	struct sockaddr_in v4_own;
	socklen_t len = v6 ? sizeof v6_own : sizeof v4_own;

	if (getsockname(fd, v6 ? (struct sockaddr *)&v6_own : (struct sockaddr *)&v4_own, &len) < 0)
		return false;
	return inet_ntop(v6 ? AF_INET6 : AF_INET, v6 ? (void *)&v6_own.sin6_addr : (void *)&v4_own.sin_addr,
	                 out, INET6_ADDRSTRLEN) != NULL;
}

/* Connecting a datagram socket sends nothing: it asks the routing table for the source address. The addresses
 * are those that RFC 5737 and RFC 3849 keep for documentation. */
static bool routed(bool v6, char out[INET6_ADDRSTRLEN])
{
	struct sockaddr_in6 v6_far = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	struct sockaddr_in v4_far = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found = false;

	inet_pton(AF_INET6, "2001:db8::1", &v6_far.sin6_addr);
	inet_pton(AF_INET, "192.0.2.1", &v4_far.sin_addr);
	if (fd < 0)
		return false;
	if (connect(fd, v6 ? (struct sockaddr *)&v6_far : (struct sockaddr *)&v4_far,
	            v6 ? sizeof v6_far : sizeof v4_far) == 0)
		found = address_of(fd, v6, out);
	close(fd);
	return found;
}

/* [::] takes IPv4 as well. */
static void own_address(bool v6, char out[INET6_ADDRSTRLEN])
{
	const char *pod = getenv("POD_IP");

	if (pod && is_address(pod))
		snprintf(out, INET6_ADDRSTRLEN, "%s", pod);
	else if (!routed(false, out) && !(v6 && routed(true, out)))
		snprintf(out, INET6_ADDRSTRLEN, "127.0.0.1");
}

void own_url(const char *bound, char out[HTTP_URL_MAX])
{
	static const char all[] = "http://0.0.0.0:", all_v6[] = "http://[::]:";
	bool v4 = strncmp(bound, all, strlen(all)) == 0, v6 = strncmp(bound, all_v6, strlen(all_v6)) == 0;
	char address[INET6_ADDRSTRLEN];

	if (!v4 && !v6) {
		snprintf(out, HTTP_URL_MAX, "%s", bound);
		return;
	}
	own_address(v6, address);
	snprintf(out, HTTP_URL_MAX, strchr(address, ':') ? "http://[%s]%s" : "http://%s%s", address,
	         strrchr(bound, ':'));
}
