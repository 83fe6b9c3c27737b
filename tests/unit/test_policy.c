/* test_policy.c - which targets the list allows, how a refusal reads, and which lists are refused. */
#include <errno.h>

#include "plugins/common/policy.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
static const char *const none[] = {NULL};

/* Addresses as a resolver gives them; names separated by blanks. */
static struct addresses *found(const char *ips)
{
	static struct addresses all;
	struct addresses one;
	char ip[64];
	int used;

	all.count = 0;
	for (; sscanf(ips, "%63s%n", ip, &used) == 1; ips += used)
		if (address_resolve(ip, 80, &one, NULL) == 0)
			all.list[all.count++] = one.list[0];
	return &all;
}

static int judge(const char *const *list, const char *target, const char *url_text, struct addresses *a,
                 struct sq_err *err)
{
	struct policy *p = NULL;
	struct url url;
	int r;

	if (policy_new(list, target, &p, err) < 0 || url_parse(url_text, &url, err) < 0) {
		printf("#   %s\n", err->text);
		policy_free(p);
		return 1;
	}
	r = policy_filter(p, &url, a, "gateway", err);
	policy_free(p);
	return r;
}

static void test_entries(void)
{
	static const struct {
		const char *entry, *url, *resolved;
		bool allowed;
	} cases[] = {
	    {"http://t:8080", "http://t:8080/x?y", "10.0.0.7", true},
	    {"http://t:8080", "http://t:8081/", "10.0.0.7", false},
	    {"http://t:8080", "http://t/", "10.0.0.7", false},
	    {"http://t", "http://t:80/", "127.0.0.1", true},
	    {"HTTP://T/", "http://t/", "127.0.0.1", true},
	    {"http://t", "https://t:80/", "127.0.0.1", false},
	    {"https://t", "https://t/", "93.184.216.34", true},
	    {"http://[::1]:90", "http://[0:0::1]:90/", "::1", true},
	    {"t", "http://t:8080/", "127.0.0.1", true},
	    {"t", "https://t/", "192.168.1.1", true},
	    {"t", "http://tt/", "93.184.216.34", false},
	    {"t", "http://a.t/", "93.184.216.34", false},
	    {"t:80", "http://t/", "127.0.0.1", true},
	    {"t:80", "http://t:81/", "127.0.0.1", false},
	    {"[::1]", "http://[::1]:7/", "::1", true},
	    {"[::1]:8", "http://[::1]:7/", "::1", false},
	    {"10.0.0.7:80", "http://10.0.0.7/", "10.0.0.7", true},
	    {"10.0.0.7:80", "http://10.0.0.7:81/", "10.0.0.7", false},
	    {"*.t.org", "http://a.t.org/", "93.184.216.34", true},
	    {"*.T.org", "http://a.b.t.org:99/", "93.184.216.34", true},
	    {"*.t.org", "http://t.org/", "93.184.216.34", false},
	    {"*.t.org", "http://at.org/", "93.184.216.34", false},
	    {"*.t.org", "http://a.t.org/", "127.0.0.1", false},
	    {"*.t.org", "http://a.t.org/", "10.0.0.7", false},
	    {"*.t.org", "http://a.t.org/", "fd00::1", false},
	    {"*.t.org", "http://a.t.org/", "100.64.1.1", false},
	    {"*", "http://93.184.216.34/", "93.184.216.34", true},
	    {"*", "http://any/", "172.31.0.1", false},
	    {"*", "http://any/", "172.32.0.1", true},
	    {"10.0.0.0/8", "http://10.0.0.7/", "10.0.0.7", true},
	    {"10.0.0.0/8", "http://db.internal:99/", "10.255.0.7", true},
	    {"10.0.0.0/8", "http://11.0.0.7/", "11.0.0.7", false},
	    {"10.0.0.7", "http://x/", "10.0.0.7", true},
	    {"10.0.0.7", "http://x/", "10.0.0.8", false},
	    {"10.0.0.7", "http://x/", "::ffff:10.0.0.7", true},
	    {"10.0.0.8/31", "http://x/", "10.0.0.9", true},
	    {"10.0.0.8/31", "http://x/", "10.0.0.10", false},
	    {"0.0.0.0/0", "http://x/", "127.0.0.1", true},
	    {"0.0.0.0/0", "http://x/", "::1", false},
	    {"::/0", "http://x/", "2001:db8::1", true},
	    {"fd00::/8", "http://x/", "fd12::1", true},
	    {"fd00::/8", "http://x/", "fe00::1", false},
	    {"::1", "http://x/", "::1", true},
	    {"unix:/run/t.sock", "http://x/", "127.0.0.1", false},
	};

	for (size_t i = 0; i < SQ_LEN(cases); i++) {
		struct sq_err err = {0};
		int r = judge(LIST(cases[i].entry), NULL, cases[i].url, found(cases[i].resolved), &err);

		ok(r == (cases[i].allowed ? 0 : -EPERM), "%s %s %s at %s", cases[i].entry,
		   cases[i].allowed ? "allows" : "does not allow", cases[i].url, cases[i].resolved);
	}
}

static void test_never(void)
{
	static const char *const never[] = {
	    "169.254.169.254",    "fd00:ec2::254", "168.63.129.16", "100.100.100.200",  "::ffff:169.254.1.1",
	    "64:ff9b::a9fe:a9fe", "224.0.0.1",     "0.0.0.0",       "2002:a9fe:a9fe::1"};
	const char *const all[] = {"http://t", "t", "*", "0.0.0.0/0", "::/0", NULL};

	for (size_t i = 0; i < SQ_LEN(never); i++) {
		struct addresses a;
		struct sq_err err = {0};

		is_int(address_resolve(never[i], 80, &a, &err), -EPERM, "no address to load");
		ok(judge(all, "http://t/", "http://t/", &a, &err) == -EPERM &&
		       strstr(err.text, "never loaded"),
		   "%s is never loaded, whatever is listed: %s", never[i], err.text);
	}
}

static void test_target(void)
{
	struct sq_err err = {0};

	is_int(judge(none, "http://target-api:8000/hit", "http://target-api:8000/other", found("10.1.2.3"),
	             &err),
	       0, "TARGET_URL's origin is allowed");
	is_int(
	    judge(none, "http://target-api:8000/hit", "http://target-api:8001/hit", found("10.1.2.3"), &err),
	    -EPERM, "another port is not");
	is_int(judge(none, NULL, "http://target-api:8000/hit", found("10.1.2.3"), &err), -EPERM,
	       "without one nothing is");
	is_int(judge(none, "http://t/", "http://t/", found(""), &err), 0,
	       "a trusted name that does not resolve here passes");
	is_int(judge(LIST("*", "::/0", "0.0.0.0/0"), NULL, "http://t/", found(""), &err), -EPERM,
	       "another one does not");
	is_str(
	    err.text,
	    "target http://t/ is not allowed by this gateway (its name cannot be resolved here). Add it to "
	    "`allowed_targets` in gateway.conf (Helm value allowedTargets)",
	    "and says so");
}

static void test_filter(void)
{
	struct addresses *a = found("127.0.0.1 93.184.216.34 10.0.0.7");
	struct sq_err err = {0};

	is_int(judge(LIST("*.t.org"), NULL, "http://a.t.org/", a, &err), 0,
	       "a pattern: with one public address");
	is_int(a->count, 1, "only that one is left");
	is_str(a->list[0].text, "93.184.216.34:80", "this");
	a = found("127.0.0.1 93.184.216.34 10.0.0.7");
	is_int(judge(LIST("*.t.org", "10.0.0.0/8"), NULL, "http://a.t.org/", a, &err), 0,
	       "a range beside it");
	is_int(a->count, 2, "adds its own");
	a = found("127.0.0.1 93.184.216.34 10.0.0.7");
	is_int(judge(LIST("a.t.org"), NULL, "http://a.t.org/", a, &err), 0, "the name written out");
	is_int(a->count, 3, "allows them all");
}

static void test_refusal(void)
{
	struct sq_err err = {0};

	judge(none, "http://127.0.0.1:8080/hit", "http://10.0.0.7", found("10.0.0.7"), &err);
	is_str(err.text,
	       "target http://10.0.0.7/ is not allowed by this gateway (resolved to 10.0.0.7). Add it to "
	       "`allowed_targets` in gateway.conf (Helm value allowedTargets)",
	       "a refusal names the target, its address and the cure");
	judge(none, NULL, "https://[fd00::7]:81/x?y", found("fd00::7"), &err);
	ok(strstr(err.text, "target https://[fd00::7]:81/ is") && strstr(err.text, "(resolved to fd00::7)"),
	   "also of IPv6: %s", err.text);
}

static void test_unix(void)
{
	struct policy *p = NULL;

	policy_new(LIST("unix:/run/t.sock"), NULL, &p, NULL);
	ok(policy_unix(p, "/run/t.sock"), "a listed socket");
	ok(!policy_unix(p, "/run/t.sock2") && !policy_unix(p, "/run/t"), "and no other");
	policy_free(p);
	policy_free(NULL);
}

static void test_bad_lists(void)
{
	static const struct {
		const char *entry, *why;
	} cases[] = {
	    {"", "\"\" is not a target"},      {"ftp://t", "is not a target"},
	    {"http://t/path", "has a path"},   {"http://t?x", "has a path"},
	    {"t/path", "is not a range"},      {"10.0.0.0/33", "is not a range"},
	    {"10.0.0.0/-1", "is not a range"}, {"10.0.0.0/", "is not a range"},
	    {"10.0.0.7/8", "is not a range"},  {"fd00::/129", "is not a range"},
	    {"fd00::1/8", "is not a range"},   {"t:0", "is not a target"},
	    {"t:65536", "is not a target"},    {"a b", "is not a target"},
	    {"user@t", "is not a target"},     {"127.1", "is not a target"},
	    {"*t", "is not a pattern"},        {"*.", "is not a pattern"},
	    {"*.t:80", "is not a pattern"},    {"*.t/x", "is not a pattern"},
	    {"*.1.2.3.4", "is not a pattern"}, {"a.*", "is not a target"},
	    {"unix:t", "is not a socket"},
	};
	struct policy *p = NULL;
	struct sq_err err = {0};

	for (size_t i = 0; i < SQ_LEN(cases); i++)
		ok(policy_new(LIST("t", cases[i].entry), NULL, &p, &err) == -EINVAL && !p &&
		       strstr(err.text, cases[i].why),
		   "%s", err.text);
	ok(policy_new(none, "ftp://t", &p, &err) == -EINVAL && strstr(err.text, "target_url: "), "%s",
	   err.text);
}

static void test_memory(void)
{
	bool good = true;
	struct policy *p = NULL;
	unsigned n;
	int r;

	for (n = 1;; n++) {
		failmalloc_after(n);
		r = policy_new(LIST("http://t", "t", "*.t.org", "10.0.0.0/8", "unix:/t"), "http://t/", &p,
		               NULL);
		if (!failmalloc_stop())
			break;
		good &= r == -ENOMEM && !p;
	}
	ok(good && r == 0 && n == 7, "%u allocations failed, all reported", n - 1);
	policy_free(p);
}

int main(void)
{
	test_entries();
	test_never();
	test_target();
	test_filter();
	test_refusal();
	test_unix();
	test_bad_lists();
	test_memory();
	return tap_done();
}
