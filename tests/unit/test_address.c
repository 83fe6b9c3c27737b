/* test_address.c - which addresses are loaded, and what a name turns into. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "plugins/common/address.h"
#include "tests/tap.h"

static const char *refused(const char *ip)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
		return address_refused((const struct sockaddr *)&v4);
	if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1)
		return address_refused((const struct sockaddr *)&v6);
	return "not an address";
}

static void test_refused(void)
{
	static const char *const never[] = {"169.254.169.254",
	                                    "169.254.0.1",
	                                    "100.100.100.200",
	                                    "192.0.0.192",
	                                    "168.63.129.16",
	                                    "fe80::1",
	                                    "febf::1",
	                                    "fd00:ec2::254",
	                                    "::ffff:169.254.169.254",
	                                    "0.0.0.0",
	                                    "0.1.2.3",
	                                    "::",
	                                    "224.0.0.1",
	                                    "239.255.255.255",
	                                    "255.255.255.255",
	                                    "ff02::1",
	                                    "64:ff9b::a9fe:a9fe",
	                                    "2002:a9fe:a9fe::1",
	                                    "::169.254.169.254",
	                                    "::2",
	                                    "::ffff:0:a9fe:a9fe",
	                                    "64:ff9b:1::a9fe:a9fe"};
	static const char *const fine[] = {
	    "127.0.0.1", "10.0.0.7",       "169.253.255.255",  "169.255.0.0",     "::1",
	    "fd00::1",   "2001:db8::1",    "::ffff:127.0.0.1", "100.100.100.201", "223.255.255.255",
	    "1.0.0.0",   "64:ff9b::a00:7", "2002:a00:7::1",    "::127.0.0.1",     "64:ff9b:1::a00:7"};

	for (size_t i = 0; i < SQ_LEN(never); i++)
		ok(refused(never[i]), "%s is refused", never[i]);
	for (size_t i = 0; i < SQ_LEN(fine); i++)
		ok(!refused(fine[i]), "%s is not refused", fine[i]);
}

static void test_resolve(void)
{
	struct addresses a;
	struct sq_err err = {0};

	is_int(address_resolve("127.0.0.1", 8080, &a, &err), 0, "an IPv4 address resolves");
	is_int(a.count, 1, "to itself, once");
	is_str(a.list[0].text, "127.0.0.1:8080", "and is shown with its port");
	is_int(address_resolve("::1", 80, &a, &err), 0, "an IPv6 address resolves");
	is_str(a.list[0].text, "[::1]:80", "and is shown in brackets");

	is_int(address_resolve("169.254.169.254", 80, &a, &err), -EPERM, "a metadata address is an error");
	is_str(
	    err.text,
	    "target 169.254.169.254 is never loaded: it resolves to 169.254.169.254:80, which is link-local "
	    "(metadata services live there)",
	    "that says why");
	is_int(address_resolve("no.such.name.invalid", 80, &a, &err) < 0, 1, "an unknown name is an error");
	ok(strstr(err.text, "no.such.name.invalid"), "that names it: %s", err.text);
}

int main(void)
{
	test_refused();
	test_resolve();
	return tap_done();
}
