/* test_http_request.c - request heads: what is accepted, what is refused and how, whatever the reads. */
#include "tests/http_feed.h"
#include "tests/tap.h"

#define LIMIT 16384
#define HOST "Host: a\r\n"
#define START "GET / HTTP/1.1\r\n"
#define GET START HOST
#define POST "POST / HTTP/1.1\r\n" HOST
#define A16 "AAAAAAAAAAAAAAAA"

struct good {
	const char *name, *head; /* the whole of head is the head */
	const char *says; /* see summary() */
};

static const struct good goods[] = {
    {"plain", GET "\r\n", "GET / 1.1 keep none"},
    {"query", "GET /a/b?c=d&e=%20 HTTP/1.1\r\n" HOST "\r\n", "GET /a/b?c=d&e=%20 1.1 keep none"},
    {"double slash", "GET //a HTTP/1.1\r\n" HOST "\r\n", "GET //a 1.1 keep none"},
    {"odd method", "M-SEARCH!~ / HTTP/1.1\r\n" HOST "\r\n", "M-SEARCH!~ / 1.1 keep none"},
    {"longest method", A16 A16 " / HTTP/1.1\r\n" HOST "\r\n", A16 A16 " / 1.1 keep none"},
    {"absolute target", "GET http://a.b:80/c HTTP/1.1\r\n" HOST "\r\n", "GET http://a.b:80/c 1.1 keep none"},
    {"absolute, no path", "GET HTTPS://[::1]?q HTTP/1.1\r\n" HOST "\r\n",
     "GET HTTPS://[::1]?q 1.1 keep none"},
    {"asterisk", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * 1.1 keep none"},
    {"1.0", "GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close none"},
    {"1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / 1.0 keep none"},
    {"1.0 both", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "GET / 1.0 close none"},
    {"1.9 counts as 1.1", "GET / HTTP/1.9\r\n" HOST "\r\n", "GET / 1.1 keep none"},
    {"close", GET "cOnNeCtIoN: te ,CLOSE\r\n\r\n", "GET / 1.1 close none"},
    {"close first", GET "Connection: close, a\r\n\r\n", "GET / 1.1 close none"},
    {"close in a second field", GET "Connection: a\r\nConnection: close\r\n\r\n", "GET / 1.1 close none"},
    {"closed is not close", GET "Connection: closed\r\n\r\n", "GET / 1.1 keep none"},
    {"length", POST "Content-Length: 12\r\n\r\n", "POST / 1.1 keep 12"},
    {"length zero", POST "content-length:0\r\n\r\n", "POST / 1.1 keep 0"},
    {"longest length", POST "Content-Length: 009223372036854775807\r\n\r\n",
     "POST / 1.1 keep 9223372036854775807"},
    {"chunked", POST "Transfer-Encoding: chunked\r\n\r\n", "POST / 1.1 keep chunked"},
    {"Chunked", POST "TRANSFER-ENCODING:  Chunked\t \r\n\r\n", "POST / 1.1 keep chunked"},
    {"expect", POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", "POST / 1.1 keep 1 expect"},
    {"expect and nothing", POST "Expect: ,100-continue,\r\nContent-Length: 1\r\n\r\n",
     "POST / 1.1 keep 1 expect"},
    {"expect without a body", POST "Expect: 100-continue\r\n\r\n", "POST / 1.1 keep none"},
    {"expect in 1.0", "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
     "PUT / 1.0 close 1"},
    {"empty lines before", "\r\n\r\n\r\n\r\n" GET "\r\n", "GET / 1.1 keep none"},
    {"tabs and obs-text", GET "X:\t a\tb\x80\xff c\t\r\n\r\n", "GET / 1.1 keep none"},
    {"field without a value", GET "X:\r\nY: \t \r\n\r\n", "GET / 1.1 keep none"},
    {"host and port", START "Host: load-1.example_2.:8080\r\n\r\n", "GET / 1.1 keep none"},
    {"host IPv6", START "Host: [2001:db8::1%25eth0]:1\r\n\r\n", "GET / 1.1 keep none"},
    {"host empty", START "Host:\r\n\r\n", "GET / 1.1 keep none"},
};

struct bad {
	const char *name, *head;
	int error;
};

/* What would let two parsers disagree about where a request ends or whose it is. */
static const struct bad smuggling[] = {
    {"both framings", POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_EFRAMING},
    {"both, the other way", POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n", HTTP_EFRAMING},
    {"two lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", HTTP_EFRAMING},
    {"two equal lengths", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", HTTP_EFRAMING},
    {"list of lengths", POST "Content-Length: 5, 5\r\n\r\n", HTTP_ELENGTH},
    {"length +5", POST "Content-Length: +5\r\n\r\n", HTTP_ELENGTH},
    {"length -5", POST "Content-Length: -5\r\n\r\n", HTTP_ELENGTH},
    {"length 0x5", POST "Content-Length: 0x5\r\n\r\n", HTTP_ELENGTH},
    {"length 5 5", POST "Content-Length: 5 5\r\n\r\n", HTTP_ELENGTH},
    {"length empty", POST "Content-Length: \r\n\r\n", HTTP_ELENGTH},
    {"length of a vertical tab", POST "Content-Length: \v5\r\n\r\n", HTTP_EFIELD},
    {"length one too long", POST "Content-Length: 9223372036854775808\r\n\r\n", HTTP_ELENGTH},
    {"length that wraps", POST "Content-Length: 18446744073709551621\r\n\r\n", HTTP_ELENGTH},
    {"length far too long", POST "Content-Length: 99999999999999999999999999\r\n\r\n", HTTP_ELENGTH},
    {"space before the colon", POST "Content-Length : 5\r\n\r\n", HTTP_EFIELD},
    {"tab before the colon", POST "Transfer-Encoding\t: chunked\r\n\r\n", HTTP_EFIELD},
    {"folded field", POST "X: a\r\n Content-Length: 5\r\n\r\n", HTTP_EFIELD},
    {"folded coding", POST "Transfer-Encoding:\r\n chunked\r\n\r\n", HTTP_EFIELD},
    {"space before the first field", "GET / HTTP/1.1\r\n Content-Length: 5\r\n" HOST "\r\n", HTTP_EFIELD},
    {"bare LF behind the request line", "GET / HTTP/1.1\n" HOST "\r\n", HTTP_EBAD},
    {"bare LF behind a field", START "Host: a\nX: b\r\n\r\n", HTTP_EFIELD},
    {"bare LF at the end", GET "\n", HTTP_EFIELD},
    {"bare LF before", "\nGET / HTTP/1.1\r\n" HOST "\r\n", HTTP_EBAD},
    {"bare CR in a value", GET "X: a\rContent-Length: 5\r\n\r\n", HTTP_EFIELD},
    {"bare CR at the end", GET "\rX: a\r\n\r\n", HTTP_EFIELD},
    {"two CR", START "Host: a\r\r\n\r\n", HTTP_EFIELD},
    {"gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP_ECODING},
    {"chunked last is missing", POST "Transfer-Encoding: chunked, gzip\r\n\r\n", HTTP_EFRAMING},
    {"identity", POST "Transfer-Encoding: identity\r\n\r\n", HTTP_EFRAMING},
    {"xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n", HTTP_EFRAMING},
    {"chunked;x", POST "Transfer-Encoding: chunked;x\r\n\r\n", HTTP_EFRAMING},
    {"\"chunked\"", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", HTTP_EFRAMING},
    {"coding empty", POST "Transfer-Encoding:\r\n\r\n", HTTP_EFRAMING},
    {"chunked twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_EFRAMING},
    {"chunked and identity", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
     HTTP_EFRAMING},
    {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_EFRAMING},
    {"two hosts", GET "Host: b\r\n\r\n", HTTP_EHOST},
    {"two equal hosts", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", HTTP_EHOST},
    {"no host", "GET / HTTP/1.1\r\n\r\n", HTTP_EHOST},
    {"host list", START "Host: a, b\r\n\r\n", HTTP_EHOST},
    {"host with a path", START "Host: a/b\r\n\r\n", HTTP_EHOST},
    {"host with a user", START "Host: u@a\r\n\r\n", HTTP_EHOST},
    {"host with obs-text", START "Host: \xc3\xa4\r\n\r\n", HTTP_EHOST},
    {"host with a port of letters", START "Host: a:b\r\n\r\n", HTTP_EHOST},
    {"host IPv6 without brackets", START "Host: ::1\r\n\r\n", HTTP_EHOST},
    {"host IPv6 not closed", START "Host: [::1\r\n\r\n", HTTP_EHOST},
    {"host IPv6 and more", START "Host: [::1]a\r\n\r\n", HTTP_EHOST},
    {"host of brackets", START "Host: []\r\n\r\n", HTTP_EHOST},
};

static const struct bad bads[] = {
    {"TLS", "\x16\x03\x01\x02", HTTP_EBAD},
    {"TLS with a line", "\x16\x03\x01\n", HTTP_EBAD},
    {"space first", " GET / HTTP/1.1\r\n", HTTP_EBAD},
    {"method of 33", A16 A16 "A / HTTP/1.1\r\n" HOST "\r\n", HTTP_EBAD},
    {"method of 33 in the making", A16 A16 "A", HTTP_EBAD},
    {"method of 33 behind empty lines", "\r\n\r\n\r\n\r\n" A16 A16 "A", HTTP_EBAD},
    {"no method", " / HTTP/1.1\r\n" HOST "\r\n", HTTP_EBAD},
    {"no method in the making", "AAAAAAAAA:", HTTP_EBAD},
    {"short line before", "A\nGET / HTTP/1.1\r\n" HOST "\r\n", HTTP_EBAD},
    {"method with a colon", "GET: / HTTP/1.1\r\n", HTTP_EBAD},
    {"two spaces", "GET  / HTTP/1.1\r\n", HTTP_EBAD},
    {"tab", "GET\t/ HTTP/1.1\r\n", HTTP_EBAD},
    {"two spaces behind", "GET /  HTTP/1.1\r\n", HTTP_EBAD},
    {"space at the end", "GET / HTTP/1.1 \r\n", HTTP_EBAD},
    {"space in the target", "GET /a b HTTP/1.1\r\n", HTTP_EBAD},
    {"fragment", "GET /#a HTTP/1.1\r\n", HTTP_EBAD},
    {"control in the target", "GET /\x01 HTTP/1.1\r\n", HTTP_EBAD},
    {"DEL in the target", "GET /\x7f HTTP/1.1\r\n", HTTP_EBAD},
    {"obs-text in the target", "GET /\xc3\xa4 HTTP/1.1\r\n", HTTP_EBAD},
    {"no target", "GET HTTP/1.1\r\n", HTTP_EBAD},
    {"empty target", "GET  HTTP/1.1\r\n", HTTP_EBAD},
    {"relative target", "GET a HTTP/1.1\r\n", HTTP_EBAD},
    {"asterisk for GET", "GET * HTTP/1.1\r\n", HTTP_EBAD},
    {"CONNECT", "CONNECT a:80 HTTP/1.1\r\n", HTTP_EBAD},
    {"other scheme", "GET ftp://a/ HTTP/1.1\r\n", HTTP_EBAD},
    {"no authority", "GET http:///a HTTP/1.1\r\n", HTTP_EBAD},
    {"empty host in the target", "GET http://:80/ HTTP/1.1\r\n", HTTP_EBAD},
    {"user in the target", "GET http://u@a/ HTTP/1.1\r\n", HTTP_EBAD},
    {"nothing behind the scheme", "GET http:// HTTP/1.1\r\n", HTTP_EBAD},
    {"HTTP/0.9", "GET /\r\n", HTTP_EBAD},
    {"HTTP/0.9 by name", "GET / HTTP/0.9\r\n", HTTP_EVERSION},
    {"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_EVERSION},
    {"HTTP/2", "GET / HTTP/2\r\n", HTTP_EBAD},
    {"HTTP/1.10", "GET / HTTP/1.10\r\n", HTTP_EBAD},
    {"HTTP/11.1", "GET / HTTP/11.1\r\n", HTTP_EBAD},
    {"http/1.1", "GET / http/1.1\r\n", HTTP_EBAD},
    {"five empty lines", "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", HTTP_EBAD},
    {"CR and no LF in the making", "\rG", HTTP_EBAD},
    {"CR and no LF before", "\rGET / HTTP/1.1\r\n", HTTP_EBAD},
    {"field without a colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", HTTP_EFIELD},
    {"field without a name", "GET / HTTP/1.1\r\n: a\r\n\r\n", HTTP_EFIELD},
    {"space in a name", GET "X Y: a\r\n\r\n", HTTP_EFIELD},
    {"slash in a name", GET "X/Y: a\r\n\r\n", HTTP_EFIELD},
    {"obs-text in a name", GET "X\xe4: a\r\n\r\n", HTTP_EFIELD},
    {"control in a value", GET "X: aaaaaaaaaaaa\x1f\r\n\r\n", HTTP_EFIELD},
    {"DEL in a value", GET "X: aaaaaaaaaaaa\x7f\r\n\r\n", HTTP_EFIELD},
    {"other expectation", POST "Expect: a\r\n\r\n", HTTP_EEXPECT},
    {"expectation with a parameter", POST "Expect: 100-continue;a\r\n\r\n", HTTP_EEXPECT},
    /* Which of two errors it is does not depend on the reads either. */
    {"first of two lines", "GET / HTTP/1.1\r\nX Y: a\r\nZ\r\n", HTTP_EFIELD},
    {"lines before their sense", GET HOST "X\r\n\r\n", HTTP_EFIELD},
    /* Not yet wrong. */
    {"nothing", "", 0},
    {"a line in the making", "GET / HTTP/1.1\r\nX Y", 0},
    {"all but the end", GET "Host: b\r\n\r", 0},
    {"longest method in the making", A16 A16, 0},
    {"empty line in the making", "\r\n\r", 0},
};

static bool slice_is(struct sq_slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

/* "GET /path 1.1 keep 12 expect": the 12 is the length, or "none" or "chunked". */
static void summary(char *out, size_t size, const struct http_head *h)
{
	char length[24];

	snprintf(length, sizeof length, "%" PRIu64, h->content_length);
	snprintf(out, size, "%.*s %.*s 1.%d %s %s%s", (int)h->method.len, h->method.data, (int)h->target.len,
	         h->target.data, h->minor, h->keep_alive ? "keep" : "close",
	         h->framing == HTTP_LENGTH    ? length
	         : h->framing == HTTP_CHUNKED ? "chunked"
	                                      : "none",
	         h->expect_continue ? " expect" : "");
}

static void check_good(const struct good *g)
{
	size_t len = strlen(g->head);
	struct feed_result r;
	char says[256];

	feed_head(&r, REQUEST, g->head, len, LIMIT, len, 0);
	if (is_int(r.verdict, len, g->name)) {
		summary(says, sizeof says, &r.h);
		is_str(says, g->says, g->name);
	}
	ok(feed_cuts_agree(REQUEST, &r, g->head, len, LIMIT, SIZE_MAX), "%s: however it comes", g->name);
	free(r.buf);
}

static void check_bad(const struct bad *b)
{
	size_t len = strlen(b->head);
	struct feed_result r;

	feed_head(&r, REQUEST, b->head, len, LIMIT, len, 0);
	is_int(r.verdict, -b->error, b->name);
	ok(feed_cuts_agree(REQUEST, &r, b->head, len, LIMIT, SIZE_MAX), "%s: however it comes", b->name);
	free(r.buf);
}

static void check_fields(void)
{
	static const char msg[] =
	    "GET / HTTP/1.1\r\nHost:  a:1 \r\nAccept: */*\r\nX-a: 1\r\nX-A: 2\r\nE:\r\n\r\nrest";
	struct http_head h;
	size_t scanned = 0;

	is_int(http_parse_request(&h, msg, sizeof msg - 1, LIMIT, &scanned), sizeof msg - 1 - 4,
	       "what is behind the head is left");
	is_int(h.header_count, 5, "all fields are there");
	ok(slice_is(h.headers[0].name, "Host") && slice_is(h.headers[0].value, "a:1"),
	   "names as they came, values trimmed");
	ok(slice_is(http_header(&h, "x-A"), "1"), "the first of a name, in any case");
	ok(http_header(&h, "e").data && http_header(&h, "e").len == 0, "there and empty");
	ok(!http_header(&h, "X").data && !http_header(&h, "X-aa").data, "absent");
}

static void check_tokens(void)
{
	static const struct {
		const char *value, *token;
		bool has;
	} cases[] = {
	    {"close", "close", true},
	    {"CLOSE", "close", true},
	    {"close", "Close", true},
	    {"a,close", "close", true},
	    {"a , \tclose , b", "close", true},
	    {",,close", "close", true},
	    {"close,", "close", true},
	    {"closed", "close", false},
	    {"clos", "close", false},
	    {"a close", "close", false},
	    {"", "close", false},
	    {"a;close", "close", false},
	    {"a\r\n , close\r\n\t", "close", true},
	};

	for (size_t i = 0; i < SQ_LEN(cases); i++) {
		struct sq_slice value = {cases[i].value, strlen(cases[i].value)};

		is_int(http_has_token(value, cases[i].token), cases[i].has,
		       cases[i].has ? "holds the token" : "does not hold it");
	}
	ok(!http_has_token((struct sq_slice){NULL, 0}, "close"), "an absent field holds nothing");
}

/* Appends count times text. */
static size_t repeat(char *to, const char *text, size_t count)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < count; i++)
		memcpy(to + i * len, text, len);
	return len * count;
}

static void check_message(const char *name, const char *msg, size_t len, size_t limit, int verdict)
{
	struct feed_result r;

	feed_head(&r, REQUEST, msg, len, limit, len, 0);
	is_int(r.verdict, verdict, name);
	ok(feed_cuts_agree(REQUEST, &r, msg, len, limit, 100), "%s: however it comes", name);
	free(r.buf);
}

/* A connection on which nothing has come yet may have no buffer either. */
static void check_nothing(void)
{
	struct http_head h;
	size_t scanned = 0;

	is_int(http_parse_request(&h, NULL, 0, LIMIT, &scanned), 0, "no buffer, no request");
	is_int(http_parse_response(&h, NULL, 0, LIMIT, &scanned, false), 0, "no buffer, no response");
}

static void check_bounds(void)
{
	static char msg[65536];
	size_t n = repeat(msg, GET, 1);

	n += repeat(msg + n, "X: y\r\n", HTTP_HEADERS_MAX - 1);
	n += repeat(msg + n, "\r\n", 1);
	check_message("as many fields as fit", msg, n, LIMIT, (int)n);
	check_message("a head as long as the limit", msg, n, n, (int)n);
	check_message("one byte longer than the limit", msg, n, n - 1, -HTTP_ELARGE);
	n = repeat(msg, GET, 1);
	n += repeat(msg + n, "X: y\r\n", HTTP_HEADERS_MAX);
	n += repeat(msg + n, "\r\n", 1);
	check_message("a field too many", msg, n, LIMIT, -HTTP_ELARGE);
	check_message("no end within the limit", msg, 200, 100, -HTTP_ELARGE);
	check_message("NUL in a value", GET "X: a\0\r\n\r\n", sizeof(GET "X: a\0\r\n\r\n") - 1, LIMIT,
	              -HTTP_EFIELD);
	check_message("a wrong line before the limit", "GET / HTTP/1.1\r\nX\r\naaaaaaaaaa", 29, 25,
	              -HTTP_EFIELD);

	n = repeat(msg, "GET ", 1);
	n += repeat(msg + n, "/", HTTP_TARGET_MAX);
	n += repeat(msg + n, " HTTP/1.1\r\n" HOST "\r\n", 1);
	check_message("longest target", msg, n, LIMIT, (int)n);
	n = repeat(msg, "GET ", 1);
	n += repeat(msg + n, "/", HTTP_TARGET_MAX + 1);
	n += repeat(msg + n, " HTTP/1.1\r\n" HOST "\r\n", 1);
	check_message("target too long", msg, n, LIMIT, -HTTP_EURI);
	check_message("target beyond the limit", msg, n, 4096, -HTTP_EURI);
}

static void check_errors(void)
{
	static const int status[][2] = {
	    {HTTP_EBAD, 400},     {HTTP_EFIELD, 400},  {HTTP_EHOST, 400},   {HTTP_ELENGTH, 400},
	    {HTTP_EFRAMING, 400}, {HTTP_ECHUNK, 400},  {HTTP_ELARGE, 431},  {HTTP_EURI, 414},
	    {HTTP_EVERSION, 505}, {HTTP_ECODING, 501}, {HTTP_EEXPECT, 417},
	};

	for (size_t i = 0; i < SQ_LEN(status); i++) {
		is_int(http_error_status(-status[i][0]), status[i][1], http_error_text(-status[i][0]));
		ok(http_error_text(-status[i][0])[0], "error %d has words", status[i][0]);
		ok(http_phrase(status[i][1])[0], "status %d has a phrase", status[i][1]);
	}
	is_int(http_error_status(-HTTP_EBAD + 1), 500, "no error of ours, below");
	is_int(http_error_status(-HTTP_EEXPECT - 1), 500, "no error of ours, above");
	is_str(http_error_text(0), "", "no error, no words");
	is_str(http_phrase(404), "Not Found", "phrase");
	is_str(http_phrase(599), "", "unknown phrase");
}

int main(void)
{
	for (size_t i = 0; i < SQ_LEN(goods); i++)
		check_good(&goods[i]);
	for (size_t i = 0; i < SQ_LEN(smuggling); i++)
		check_bad(&smuggling[i]);
	for (size_t i = 0; i < SQ_LEN(bads); i++)
		check_bad(&bads[i]);
	check_fields();
	check_tokens();
	check_nothing();
	check_bounds();
	check_errors();
	return tap_done();
}
