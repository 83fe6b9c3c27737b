/* test_conf_value.c - one value: what is read, what is refused, how it prints again. */
#include <errno.h>

#include "core/host/conf_priv.h"

#include "tests/tap.h"

static const char *const words[] = {"error", "warn", "info", NULL};

struct all {
	bool b;
	int64_t n, d, z;
	const char *s, *x;
	int e;
	const char *const *l;
};

static const struct sq_opt rows[] = {SQ_BOOL(struct all, b, "false", "h"),
                                     SQ_INT(struct all, n, "0", -5, 65535, "h"),
                                     SQ_DURATION(struct all, d, "1s", 1 * SQ_MS, 3600 * SQ_S, "h"),
                                     SQ_SIZE(struct all, z, "1k", 1, INT64_MAX, "h"),
                                     SQ_STRING(struct all, s, "", "h"),
                                     SQ_SECRET(struct all, x, "h"),
                                     SQ_ENUM(struct all, e, "warn", words, "h"),
                                     SQ_LIST(struct all, l, "a,b", "h"),
                                     SQ_OPTS_END};
enum { B, N, D, Z, S, X, E, L };

static const struct {
	int row;
	const char *text;
	int64_t want;
	const char *why; /* NULL: read as want */
} cases[] = {
    {B, "true", 1, NULL},
    {B, "True", 1, NULL},
    {B, "FALSE", 0, NULL},
    {B, "1", 1, NULL},
    {B, "0", 0, NULL},
    {B, "Yes", 1, NULL},
    {B, "no", 0, NULL},
    {B, "maybe", 0, "is not true or false"},
    {B, "", 0, "is not true or false"},
    {N, "65535", 65535, NULL},
    {N, "-5", -5, NULL},
    {N, "65536", 0, "is outside -5 .. 65535"},
    {N, "-6", 0, "is outside -5 .. 65535"},
    {N, "99999999999999999999", 0, "is outside -5 .. 65535"},
    {N, "80x", 0, "is not a whole number"},
    {N, "1.5", 0, "is not a whole number"},
    {N, " 1", 0, "is not a whole number"},
    {N, "", 0, "is not a whole number"},
    {D, "250ms", 250 * SQ_MS, NULL},
    {D, "90", 90 * SQ_S, NULL},
    {D, "1.5s", 1500 * SQ_MS, NULL},
    {D, "5m", 300 * SQ_S, NULL},
    {D, "1h", 3600 * SQ_S, NULL},
    {D, "2h", 0, "is outside 1ms .. 1h"},
    {D, "0", 0, "is outside 1ms .. 1h"},
    {D, "5 apples", 0, "is not a duration such as \"30s\""},
    {Z, "65536", 65536, NULL},
    {Z, "64k", 65536, NULL},
    {Z, "100M", 104857600, NULL},
    {Z, "2G", 2147483648, NULL},
    {Z, "0", 0, "is less than 1"},
    {Z, "12q", 0, "is not a size such as 65536 or \"64k\""},
    {S, "anything", 0, NULL},
    {X, "", 0, NULL},
    {X, "env:NAME", 0, NULL},
    {X, "file:/path", 0, NULL},
    {X, "hunter2", 0, "is a secret and does not belong into the file: write \"env:NAME\" or \"file:/path\""},
    {X, "env:", 0, "is a secret and does not belong into the file: write \"env:NAME\" or \"file:/path\""},
    {E, "info", 2, NULL},
    {E, "inof", 0, "is not one of \"error\", \"warn\", \"info\"; did you mean info?"},
    {E, "loud", 0, "is not one of \"error\", \"warn\", \"info\""},
    {E, "Info", 0, "is not one of \"error\", \"warn\", \"info\"; did you mean info?"},
    {E, "errors", 0, "is not one of \"error\", \"warn\", \"info\"; did you mean error?"},
    {L, "a,b", 0, NULL},
};

static void test_parse(void)
{
	for (unsigned i = 0; i < SQ_LEN(cases); i++) {
		struct sq_err err = {0};
		int64_t got = 0;
		int r = conf_value_parse(&rows[cases[i].row], cases[i].text, &got, &err);

		if (cases[i].why) {
			ok(r < 0 && err.code == r, "\"%s\" is refused", cases[i].text);
			is_str(err.text, cases[i].why, "with the reason");
		} else {
			is_int(r, 0, cases[i].text);
			is_int(got, cases[i].want, "its number");
		}
	}
}

static void test_print(void)
{
	static const char *const items[] = {"x", "y \"z\"", NULL};
	struct all v = {true, -3, 1500 * SQ_MS, 3 << 20, "a\\\"\n", "", 2, items};
	static const char *const want[] = {"true",
	                                   "-3",
	                                   "\"1500ms\"",
	                                   "\"3M\"",
	                                   "\"a\\\\\\\"\\x0a\"",
	                                   "\"\"",
	                                   "\"info\"",
	                                   "( \"x\", \"y \\\"z\\\"\" )"};
	struct buf out = {0};

	for (unsigned i = 0; i < SQ_LEN(want); i++) {
		buf_reset(&out);
		conf_value_print(&rows[i], &v, &out);
		is_str(out.data, want[i], rows[i].key);
	}
	v.x = "hunter2";
	buf_reset(&out);
	conf_value_print(&rows[X], &v, &out);
	is_str(out.data, "********", "a secret");
	buf_free(&out);
}

/* What is printed is read as the same number. */
static void test_round_trip(void)
{
	static const int64_t durations[] = {0,    1,         999,        SQ_MS - 1, SQ_MS, 1500 * SQ_MS,
	                                    SQ_S, 90 * SQ_S, 7200 * SQ_S};
	static const int64_t sizes[] = {0, 1, 1023, 1024, 1025, 3 << 20, 5LL << 30};
	struct sq_opt o = rows[D];
	char text[CONF_VALUE_MAX];
	int64_t got = -1;

	o.min = 0;
	o.max = INT64_MAX;
	for (unsigned i = 0; i < SQ_LEN(durations); i++) {
		conf_value_format(text, SQ_T_DURATION, durations[i]);
		ok(conf_value_parse(&o, text, &got, NULL) == 0 && got == durations[i], "%s", text);
	}
	o = rows[Z];
	o.min = 0;
	for (unsigned i = 0; i < SQ_LEN(sizes); i++) {
		conf_value_format(text, SQ_T_SIZE, sizes[i]);
		ok(conf_value_parse(&o, text, &got, NULL) == 0 && got == sizes[i], "%s", text);
	}
}

static void test_split(void)
{
	struct conf_mem m = {0};
	struct conf_raw raw;

	is_int(conf_value_split(&m, " a, b b ,,c,", &raw), 0, "a list of a variable");
	is_str(raw.items[0], "a", "first");
	is_str(raw.items[1], "b b", "second");
	is_str(raw.items[2], "c", "third, the empty one is left out");
	ok(raw.items[3] == NULL, "closed");
	is_int(conf_value_split(&m, "", &raw), 0, "an empty list");
	ok(raw.items[0] == NULL, "is closed at once");
	conf_mem_free(&m);
}

static void test_defaults(void)
{
	struct conf_mem m = {0};
	struct all v = {0};

	for (unsigned i = 0; i < conf_rows(rows); i++)
		is_int(conf_value_default(&m, &rows[i], &v), 0, rows[i].key);
	ok(v.d == SQ_S && v.z == 1024 && v.e == 1, "numbers");
	is_str(v.s, "", "text");
	is_str(v.x, "", "secret");
	ok(v.l && strcmp(v.l[0], "a") == 0 && strcmp(v.l[1], "b") == 0 && !v.l[2], "list");
	conf_mem_free(&m);
}

static const struct {
	const char *text, *host;
	unsigned port;
	const char *why;
} addresses[] = {
    {"0.0.0.0:8000", "0.0.0.0", 8000, NULL},
    {"localhost:0", "localhost", 0, NULL},
    {"[::1]:65535", "::1", 65535, NULL},
    {"[fe80::1%eth0]:80", "fe80::1%eth0", 80, NULL},
    {"unix:/run/squall.sock", "", 0, NULL},
    {"0.0.0.0:80000", NULL, 0, "port is outside 1 .. 65535"},
    {"0.0.0.0:-1", NULL, 0, "port is outside 1 .. 65535"},
    {"h:99999999999999999999", NULL, 0, "port is outside 1 .. 65535"},
    {"h:http", NULL, 0, "port is not a number"},
    {"h:", NULL, 0, "port is not a number"},
    {"8000", NULL, 0, "has no port: write host:port, [IPv6 address]:port or unix:/path"},
    {"", NULL, 0, "has no port: write host:port, [IPv6 address]:port or unix:/path"},
    {"[::1]", NULL, 0, "has no port: write host:port, [IPv6 address]:port or unix:/path"},
    {"[::1:80", NULL, 0, "has no port: write host:port, [IPv6 address]:port or unix:/path"},
    {":8000", NULL, 0, "is no address: write host:port, [IPv6 address]:port or unix:/path"},
    {"::1:8000", NULL, 0, "is no address: write host:port, [IPv6 address]:port or unix:/path"},
    {"http://x:80", NULL, 0, "is no address: write host:port, [IPv6 address]:port or unix:/path"},
    {"[]:80", NULL, 0, "is no address: write host:port, [IPv6 address]:port or unix:/path"},
    {"[:80", NULL, 0, "has no port: write host:port, [IPv6 address]:port or unix:/path"},
    {"]:80", NULL, 0, "is no address: write host:port, [IPv6 address]:port or unix:/path"},
    {"unix:squall.sock", NULL, 0, "the path of a Unix socket starts with /"},
    {"unix:", NULL, 0, "the path of a Unix socket starts with /"},
};

static void test_addresses(void)
{
	char longest[200] = "unix:/";
	struct conf_address a;
	struct sq_err err;

	for (unsigned i = 0; i < SQ_LEN(addresses); i++) {
		int r = conf_address_parse(addresses[i].text, &a, &err);

		ok((r == 0) == !addresses[i].why, "%s", addresses[i].text);
		if (r < 0)
			is_str(err.text, addresses[i].why, "says why");
		else
			ok(strcmp(a.host, addresses[i].host) == 0 && a.port == addresses[i].port,
			   "its parts");
	}
	ok(conf_address_parse("unix:/a", &a, &err) == 0 && strcmp(a.path, "/a") == 0, "the path of a socket");
	memset(longest + 6, 'x', sizeof longest - 7);
	ok(conf_address_parse(longest, &a, &err) < 0, "a path longer than sun_path");
	memset(longest, 'x', sizeof longest - 1);
	memcpy(longest + 195, ":80", 4);
	ok(conf_address_parse(longest, &a, &err) == 0 && a.port == 80, "a long host");
}

int main(void)
{
	test_parse();
	test_print();
	test_round_trip();
	test_split();
	test_defaults();
	test_addresses();
	return tap_done();
}
