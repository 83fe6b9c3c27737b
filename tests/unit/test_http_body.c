/* test_http_body.c - bodies by length, chunked and until the end, whatever the reads. */
#include "tests/http_feed.h"
#include "tests/tap.h"

enum who {
	STRICT = 1, /* requests */
	TOLERANT = 2, /* responses */
	BOTH = 3,
};

struct body {
	const char *name;
	enum who who;
	const char *in;
	const char *data;
	int rest; /* bytes behind the body, -1: it is not complete, -HTTP_E...: why not */
};

static const struct body chunked[] = {
    {"one chunk", BOTH, "3\r\nabc\r\n0\r\n\r\n", "abc", 0},
    {"two chunks", BOTH, "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n", "abc0123456789abcdef", 0},
    {"next message", BOTH, "1\r\na\r\n0\r\n\r\nGET /", "a", 5},
    {"empty", BOTH, "0\r\n\r\n", "", 0},
    {"hex in both cases", BOTH,
     "0000aA\r\n" /* 170 */
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234\r\n000\r\n\r\n",
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234",
     0},
    {"line ends in the data", BOTH, "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", 0},
    {"extensions", BOTH, "1;a\r\nb\r\n1;c=\"d;\xe4\t\"\r\ne\r\n0;f\r\n\r\n", "be", 0},
    {"trailers", BOTH, "1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\nrest", "a", 4},
    {"16 digits", BOTH, "0000000000000001\r\na\r\n0\r\n\r\n", "a", 0},
    {"nothing yet", BOTH, "", "", -1},
    {"size in the making", BOTH, "1", "", -1},
    {"data in the making", BOTH, "3\r\nab", "ab", -1},
    {"end in the making", BOTH, "1\r\na\r\n0\r\n\r", "a", -1},

    {"bare LF", TOLERANT, "1\na\n0\n\n", "a", 0},
    {"bare LF in places", TOLERANT, "1;b\na\r\n0\nX: y\n\r\n", "a", 0},
    {"spaces behind the size", TOLERANT, "1  \r\na\r\n0 \r\n\r\n", "a", 0},
    {"trailers without sense", TOLERANT, "0\r\n a b\r\n\r\n", "", 0},

    {"bare LF behind the size", STRICT, "1\na\r\n0\r\n\r\n", "", -HTTP_ECHUNK},
    {"bare LF behind an extension", STRICT, "1;b\na\r\n0\r\n\r\n", "", -HTTP_ECHUNK},
    {"bare LF behind the data", STRICT, "1\r\na\n0\r\n\r\n", "a", -HTTP_ECHUNK},
    {"bare LF behind a trailer", STRICT, "0\r\nX: y\n\r\n", "", -HTTP_ECHUNK},
    {"bare LF at the end", STRICT, "0\r\n\n", "", -HTTP_ECHUNK},
    {"space behind the size", STRICT, "1 \r\na\r\n0\r\n\r\n", "", -HTTP_ECHUNK},
    {"space before an extension", STRICT, "1 ;a\r\n", "", -HTTP_ECHUNK},
    {"folded trailer", STRICT, "0\r\nX: y\r\n z\r\n\r\n", "", -HTTP_ECHUNK},
    {"trailer without a colon", STRICT, "0\r\nX\r\n\r\n", "", -HTTP_ECHUNK},
    {"trailer without a name", STRICT, "0\r\n: x\r\n\r\n", "", -HTTP_ECHUNK},
    {"space before a trailer's colon", STRICT, "0\r\nX : y\r\n\r\n", "", -HTTP_ECHUNK},

    {"no size", BOTH, "\r\na\r\n", "", -HTTP_ECHUNK},
    {"no size but an extension", BOTH, ";a\r\n", "", -HTTP_ECHUNK},
    {"space before the size", BOTH, " 1\r\na\r\n", "", -HTTP_ECHUNK},
    {"+1", BOTH, "+1\r\na\r\n", "", -HTTP_ECHUNK},
    {"-1", BOTH, "-1\r\na\r\n", "", -HTTP_ECHUNK},
    {"0x1", BOTH, "0x1\r\na\r\n", "", -HTTP_ECHUNK},
    {"1g", BOTH, "1g\r\na\r\n", "", -HTTP_ECHUNK},
    {"digits of another class", BOTH, "\x11\r\na\r\n", "", -HTTP_ECHUNK},
    {"17 digits", BOTH, "00000000000000001\r\na\r\n", "", -HTTP_ECHUNK},
    {"17 digits behind data", BOTH, "1\r\na\r\n00000000000000001\r\na\r\n0\r\n\r\n", "a", -HTTP_ECHUNK},
    {"size beyond int64", BOTH, "8000000000000000\r\na", "", -HTTP_ECHUNK},
    {"size that wraps", BOTH, "10000000000000001\r\na", "", -HTTP_ECHUNK},
    {"largest size", BOTH, "7fffffffffffffff\r\nabc", "abc", -1},
    {"bare CR behind the size", BOTH, "1\ra\r\n", "", -HTTP_ECHUNK},
    {"bare CR in an extension", BOTH, "1;a\rb\r\n", "", -HTTP_ECHUNK},
    {"control in an extension", BOTH, "1;\x01\r\n", "", -HTTP_ECHUNK},
    {"more data than size", BOTH, "1\r\nab\r\n", "a", -HTTP_ECHUNK},
    {"less data than size", BOTH, "3\r\na\r\n0\r\n\r\n", "a\r\n", -HTTP_ECHUNK},
    {"bare CR behind the data", BOTH, "1\r\na\r0\r\n\r\n", "a", -HTTP_ECHUNK},
    {"no line end behind the data", BOTH, "1\r\na0\r\n\r\n", "a", -HTTP_ECHUNK},
    {"bare CR in a trailer", BOTH, "0\r\nX: a\rb\r\n\r\n", "", -HTTP_ECHUNK},
    {"bare CR at the end", BOTH, "0\r\n\rX", "", -HTTP_ECHUNK},
};

static bool same(const struct feed_body *a, const struct feed_body *b)
{
	return a->verdict == b->verdict && a->done == b->done && a->len == b->len &&
	       memcmp(a->data, b->data, a->len) == 0;
}

/* Whether the same comes out however the first bytes are cut in two, and one by one. */
static bool cuts_agree(const struct feed_body *whole, const struct http_head *h, bool strict, const char *in,
                       size_t len)
{
	struct feed_body r;
	bool good;

	feed_body(&r, h, strict, in, len, 0, 1);
	good = same(&r, whole);
	free(r.data);
	for (size_t at = 0; good && at < len && at < 400; at++) {
		feed_body(&r, h, strict, in, len, at, len);
		good = same(&r, whole);
		free(r.data);
	}
	return good;
}

static void check_input(const char *name, const struct http_head *h, bool strict, const char *in, size_t len,
                        const char *data, size_t data_len, int rest)
{
	struct feed_body r;

	feed_body(&r, h, strict, in, len, len, 0);
	if (rest < -1)
		ok(r.verdict == rest && !r.done, "%s: refused, %s", name, http_error_text((int)r.verdict));
	else
		ok(r.done == (rest >= 0) && r.verdict == (int64_t)len - (rest > 0 ? rest : 0),
		   "%s: ends where it should", name);
	ok(r.len == data_len && memcmp(r.data, data, data_len) == 0, "%s: the data", name);
	ok(cuts_agree(&r, h, strict, in, len), "%s: however it comes", name);
	free(r.data);
}

static void check_chunked(const struct body *b)
{
	struct http_head h = {.framing = HTTP_CHUNKED};

	for (int strict = 0; strict <= 1; strict++)
		if (b->who & (strict ? STRICT : TOLERANT))
			check_input(b->name, &h, strict, b->in, strlen(b->in), b->data, strlen(b->data),
			            b->rest);
}

static void check_others(void)
{
	struct http_head none = {.framing = HTTP_NO_BODY}, zero = {.framing = HTTP_LENGTH},
	                 three = {.framing = HTTP_LENGTH, .content_length = 3},
	                 close = {.framing = HTTP_UNTIL_CLOSE};

	check_input("no body", &none, true, "GET", 3, "", 0, 3);
	check_input("length 0", &zero, true, "GET", 3, "", 0, 3);
	check_input("length and no more", &three, true, "abc", 3, "abc", 3, 0);
	check_input("length and the next", &three, false, "abcHTTP", 7, "abc", 3, 4);
	check_input("shorter than its length", &three, false, "ab", 2, "ab", 2, -1);
	check_input("until close", &close, false, "ab\0c", 4, "ab\0c", 4, -1);
}

/* Writes count times text at *at and moves it. */
static void repeat(char **at, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		*at = stpcpy(*at, text);
}

static void check_bounds(void)
{
	struct http_head h = {.framing = HTTP_CHUNKED};
	static char in[65536], data[4096];
	char *at;

	memset(data, 'a', sizeof data);
	for (int strict = 0; strict <= 1; strict++) {
		at = in;
		repeat(&at, "0;", 1);
		repeat(&at, "x", HTTP_EXTRA_MAX);
		repeat(&at, "\r\n\r\n", 1);
		check_input("longest extension", &h, strict, in, (size_t)(at - in), "", 0, 0);
		at = in;
		repeat(&at, "0;", 1);
		repeat(&at, "x", HTTP_EXTRA_MAX + 1);
		check_input("extension too long", &h, strict, in, (size_t)(at - in), "", 0, -HTTP_ELARGE);
		at = in;
		repeat(&at, "0\r\n", 1);
		repeat(&at, "a:\r\n", HTTP_EXTRA_MAX / 3 + 1);
		check_input("trailers too long", &h, strict, in, (size_t)(at - in), "", 0, -HTTP_ELARGE);
		at = in;
		repeat(&at, "0\r\na:", 1);
		repeat(&at, "b", HTTP_EXTRA_MAX - 1);
		check_input("trailer too long", &h, strict, in, (size_t)(at - in), "", 0, -HTTP_ELARGE);
	}
	at = in;
	repeat(&at, "1;eight...\r\na\r\n", HTTP_EXTRA_MAX / 8);
	repeat(&at, "0\r\n\r\n", 1);
	check_input("as many extensions as may be", &h, true, in, (size_t)(at - in), data, HTTP_EXTRA_MAX / 8,
	            0);
	at = in;
	repeat(&at, "1;eight...\r\na\r\n", HTTP_EXTRA_MAX / 8 + 1);
	repeat(&at, "0\r\n\r\n", 1);
	check_input("too many in a request", &h, true, in, (size_t)(at - in), data, HTTP_EXTRA_MAX / 8,
	            -HTTP_ELARGE);
	check_input("but not in a response", &h, false, in, (size_t)(at - in), data, HTTP_EXTRA_MAX / 8 + 1,
	            0);
}

static void check_runs(void)
{
	static const char in[] = "2\r\nab\r\n1\r\nc\r\n0\r\n\r\nrest";
	struct http_head h = {.framing = HTTP_CHUNKED};
	struct sq_slice data;
	struct http_body b;

	http_body_init(&b, &h, true);
	is_int(http_body_feed(&b, in, sizeof in - 1, &data), 10,
	       "a call takes one run and what is around it");
	ok(data.data == in + 3 && data.len == 2, "the run lies in the input");
	is_int(http_body_feed(&b, in + 10, sizeof in - 1 - 10, &data), 8, "the last run comes with the end");
	ok(data.data == in + 10 && data.len == 1 && b.done, "and is the end");
	is_int(http_body_feed(&b, in + 18, 4, &data), 0, "nothing behind the body is taken");
	is_int(data.len, 0, "nor given");
}

int main(void)
{
	for (size_t i = 0; i < SQ_LEN(chunked); i++)
		check_chunked(&chunked[i]);
	check_others();
	check_bounds();
	check_runs();
	return tap_done();
}
