/* test_url.c - which URLs can be loaded, in which normal form, and why others are refused. */
#include <errno.h>
#include <stdlib.h>

#include "core/base/url.h"
#include "tests/tap.h"

static void takes(const char *s, const char *text, const char *host, const char *authority, unsigned port,
                  const char *path)
{
	struct url u;
	struct sq_err err = {0};
	int r = url_parse(s, &u, &err);

	if (!ok(r == 0, "%s is taken", s)) {
		printf("#   %s\n", err.text);
		return;
	}
	is_str(u.text, text, "  normal form");
	is_str(u.host, host, "  host");
	is_str(u.authority, authority, "  authority");
	is_int(u.port, port, "  port");
	is_str(u.path, path, "  path");
	ok(u.path >= u.text && u.path < u.text + sizeof u.text, "  the path points into the URL itself");
}

static void refuses(const char *s, const char *why)
{
	struct url u;
	struct sq_err err = {0};

	memset(&u, 0x55, sizeof u);
	ok(url_parse(s, &u, &err) == -EINVAL && err.code == -EINVAL && strstr(err.text, why), "%.40s: %s", s,
	   err.text);
	ok(u.port == 0x5555 && u.text[0] == 0x55, "  nothing is written");
}

static void normal_forms(void)
{
	takes("http://localhost", "http://localhost/", "localhost", "localhost", 80, "/");
	takes("localhost:8080", "http://localhost:8080/", "localhost", "localhost:8080", 8080, "/");
	takes("Example.COM/Path?q=%20A", "http://example.com/Path?q=%20A", "example.com", "example.com", 80,
	      "/Path?q=%20A");
	takes("HTTP://host:80?q", "http://host/?q", "host", "host", 80, "/?q");
	takes("https://host:443/x", "https://host/x", "host", "host", 443, "/x");
	takes("https://host:80", "https://host:80/", "host", "host:80", 80, "/");
	takes("http://10.0.0.7:8080/hit", "http://10.0.0.7:8080/hit", "10.0.0.7", "10.0.0.7:8080", 8080,
	      "/hit");
	takes("http://[0:0::0:1]:8080/", "http://[::1]:8080/", "::1", "[::1]:8080", 8080, "/");
	takes("[2001:DB8::1]", "http://[2001:db8::1]/", "2001:db8::1", "[2001:db8::1]", 80, "/");
	takes("target-api_1.load-testing.svc.cluster.local./hit",
	      "http://target-api_1.load-testing.svc.cluster.local./hit",
	      "target-api_1.load-testing.svc.cluster.local.", "target-api_1.load-testing.svc.cluster.local.",
	      80, "/hit");
	takes("host/go?to=ftp://me@other/", "http://host/go?to=ftp://me@other/", "host", "host", 80,
	      "/go?to=ftp://me@other/");
	takes("http://host//a/../b", "http://host//a/../b", "host", "host", 80, "//a/../b");
}

static void flags(void)
{
	struct url u;

	ok(url_parse("http://10.0.0.7/", &u, NULL) == 0 && u.numeric && !u.tls, "an IPv4 address is numeric");
	ok(url_parse("[::1]", &u, NULL) == 0 && u.numeric, "an IPv6 address is numeric");
	ok(url_parse("https://a1.example", &u, NULL) == 0 && !u.numeric && u.tls, "https is recognised");
}

static void refusals(void)
{
	char big[4096];

	refuses("", "no host");
	refuses("http://", "no host");
	refuses("http:///path", "no host");
	refuses("/path", "no host");
	refuses("ftp://host/", "\"ftp\" is not a scheme");
	refuses("://host/", "\"\" is not a scheme");
	refuses("http://user:pw@host/", "user name");
	refuses("http://host/a#b", "fragment");
	refuses("http://host#b", "fragment");
	refuses("http://host/a b", "%20");
	refuses("http://host/\r\nX: y", "%0D");
	refuses("http://host/\xc3\xa9", "%C3");
	refuses("http://host:0/", "is not a port");
	refuses("http://host:65536/", "is not a port");
	refuses("http://host:/", "is not a port");
	refuses("http://host:80x/", "is not a port");
	refuses("http://host:-80/", "is not a port");
	refuses("http://host:00000080/", "is not a port");
	refuses("http://ho st/", "not a host name");
	refuses("http://ho%73t/", "not a host name");
	refuses("http://h\xc3\xb6st/", "not a host name");
	refuses("http://a..b/", "empty or too long");
	refuses("http://.b/", "empty or too long");
	refuses("http://\033[2Jhost/", "\"?[2Jhost\" is not a host name");
	refuses("http://256.1.1.1/", "not an IPv4 address");
	refuses("http://127.1/", "not an IPv4 address");
	refuses("http://2130706433/", "not an IPv4 address");
	refuses("http://0x7f000001/", "not an IPv4 address");
	refuses("::1", "brackets");
	refuses("http://[::1", "brackets");
	refuses("http://[::1]x", "brackets");
	refuses("http://[]/", "not an IPv6 address");
	refuses("http://[fe80::1%25eth0]/", "not an IPv6 address");
	refuses("http://[::1]:99999/", "is not a port");
	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	refuses(big, "too long");
	big[64] = '.';
	big[100] = '/';
	refuses(big, "empty or too long");
	big[60] = '.';
	refuses(big, "longer than 2047 bytes");
}

static void longest(void)
{
	char s[2100] = "http://host/";
	struct url u;

	memset(s + 12, 'p', 2047 - 12);
	ok(url_parse(s, &u, NULL) == 0 && strlen(u.text) == 2047, "2047 bytes fit");
	s[2047] = 'p';
	ok(url_parse(s, &u, NULL) == -EINVAL, "2048 bytes do not");
}

static void copies(void)
{
	struct url u, copy;

	ok(url_parse("http://host/a?b", &u, NULL) == 0, "a URL");
	url_copy(&copy, &u);
	memset(&u, 0, sizeof u);
	is_str(copy.path, "/a?b", "the path of a copy is its own");
}

static void encoding(void)
{
	struct buf b = {0};

	url_encode(&b, "aZ09-_.~");
	url_encode(&b, "/?#&=+% \t\x7f\xc3\xa5");
	is_str(b.data, "aZ09-_.~%2F%3F%23%26%3D%2B%25%20%09%7F%C3%A5",
	       "all but unreserved bytes are encoded");
	buf_free(&b);
}

int main(void)
{
	normal_forms();
	flags();
	refusals();
	longest();
	copies();
	encoding();
	return tap_done();
}
