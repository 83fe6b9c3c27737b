/* test_http_response.c - response heads of good, sloppy and hostile servers, whatever the reads. */
#include "tests/http_feed.h"
#include "tests/tap.h"

#define LIMIT 65536
#define OK "HTTP/1.1 200 OK\r\n"

struct good {
	const char *name, *head;
	const char *says; /* see summary() */
};

static const struct good goods[] = {
    {"length", OK "Content-Length: 16\r\n\r\n", "200 1.1 keep 16"},
    {"length zero", OK "content-length:0\r\n\r\n", "200 1.1 keep 0"},
    {"chunked", OK "Transfer-Encoding: Chunked\r\n\r\n", "200 1.1 keep chunked"},
    {"until close", OK "\r\n", "200 1.1 close until close"},
    {"close", OK "Connection: close\r\nContent-Length: 1\r\n\r\n", "200 1.1 close 1"},
    {"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", "200 1.0 close 1"},
    {"1.0 keep-alive", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n",
     "200 1.0 keep 1"},
    {"1.0 chunked", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n",
     "200 1.0 close chunked"},
    {"1.3 counts as 1.1", "HTTP/1.3 200 OK\r\nContent-Length: 1\r\n\r\n", "200 1.1 keep 1"},
    {"no phrase", "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", "200 1.1 keep 1"},
    {"no phrase, no space", "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", "200 1.1 keep 1"},
    {"odd phrase", "HTTP/1.1 404 \xe4 \t\x01:?\r\nContent-Length: 1\r\n\r\n", "404 1.1 keep 1"},
    {"highest status", "HTTP/1.1 999 A\r\nContent-Length: 1\r\n\r\n", "999 1.1 keep 1"},
    /* Without a body, RFC 9112, 6.3. */
    {"100", "HTTP/1.1 100 Continue\r\n\r\n", "100 1.1 keep none"},
    {"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n", "101 1.1 close none"},
    {"103 and a length", "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", "103 1.1 keep none"},
    {"204 and a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "204 1.1 keep none"},
    {"304 and both", "HTTP/1.1 304 A\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     "304 1.1 keep none"},
    /* Sloppy servers. */
    {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 5\nX: a\n\n", "200 1.1 keep 5"},
    {"bare LF in places", "HTTP/1.1 200\nContent-Length: 5\r\nX: a\n\r\n", "200 1.1 keep 5"},
    {"space before the colon", OK "Content-Length \t: 5\r\n\r\n", "200 1.1 keep 5"},
    {"folded length", OK "Content-Length:\r\n  5\r\n\r\n", "200 1.1 keep 5"},
    {"folded coding", OK "Transfer-Encoding:\n\t\n chunked \n\n", "200 1.1 keep chunked"},
    {"folded connection", OK "Connection: a,\r\n close\r\nContent-Length: 5\r\n\r\n", "200 1.1 close 5"},
    {"fold behind the status line", OK " a: b\r\nContent-Length: 5\r\n\r\n", "200 1.1 keep 5"},
    {"equal lengths", OK "Content-Length: 5\r\nContent-Length: 05\r\n\r\n", "200 1.1 keep 5"},
    {"list of equal lengths", OK "Content-Length: 5, 5 ,5\r\n\r\n", "200 1.1 keep 5"},
    {"odd names", OK "A@B: c\r\n\"d\": e\r\nContent-Length: 5\r\n\r\n", "200 1.1 keep 5"},
    {"control in a value", OK "A: \x01\x1b[1m\x7f\r\nContent-Length: 5\r\n\r\n", "200 1.1 keep 5"},
    {"two of a field", OK "Connection: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
     "200 1.1 close 5"},
};

struct bad {
	const char *name, *head;
	int error;
};

static const struct bad bads[] = {
    {"both framings", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_EFRAMING},
    {"two lengths", OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", HTTP_EFRAMING},
    {"list of lengths", OK "Content-Length: 5, 6\r\n\r\n", HTTP_EFRAMING},
    {"length -1", OK "Content-Length: -1\r\n\r\n", HTTP_ELENGTH},
    {"length of a word", OK "Content-Length: none\r\n\r\n", HTTP_ELENGTH},
    {"length and a comma", OK "Content-Length: 5,\r\n\r\n", HTTP_ELENGTH},
    {"length empty", OK "Content-Length:\r\n\r\n", HTTP_ELENGTH},
    {"length folded in two", OK "Content-Length: 1\r\n 2\r\n\r\n", HTTP_ELENGTH},
    {"length too long", OK "Content-Length: 9223372036854775808\r\n\r\n", HTTP_ELENGTH},
    {"gzip, chunked", OK "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP_ECODING},
    {"chunked twice", OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_ECODING},
    {"SSH", "SSH-2.0-Open", HTTP_EBAD},
    {"a byte of TLS", "\x15", HTTP_EBAD},
    {"body of another", "16}HTTP/1.1 200 OK\r\n\r\n", HTTP_EBAD},
    {"empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", HTTP_EBAD},
    {"lower case", "http/1.1 200 OK\r\n\r\n", HTTP_EBAD},
    {"ICY", "ICY 200 OK\r\n\r\n", HTTP_EBAD},
    {"HTTP/2 200", "HTTP/2 200\r\n\r\n", HTTP_EBAD},
    {"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", HTTP_EVERSION},
    {"HTTP/1.11", "HTTP/1.11 200 OK\r\n\r\n", HTTP_EBAD},
    {"no status", "HTTP/1.1\r\n\r\n", HTTP_EBAD},
    {"short status", "HTTP/1.1 20\r\n\r\n", HTTP_EBAD},
    {"long status", "HTTP/1.1 2000\r\n\r\n", HTTP_EBAD},
    {"status 099", "HTTP/1.1 099 A\r\n\r\n", HTTP_EBAD},
    {"status of letters", "HTTP/1.1 2xx A\r\n\r\n", HTTP_EBAD},
    {"negative status", "HTTP/1.1 -20 A\r\n\r\n", HTTP_EBAD},
    {"two spaces", "HTTP/1.1  200 OK\r\n\r\n", HTTP_EBAD},
    {"bare CR in the phrase", "HTTP/1.1 200 O\rK\r\n\r\n", HTTP_EBAD},
    {"bare CR in a value", OK "X: a\rb\r\n\r\n", HTTP_EFIELD},
    {"bare CR in a fold", OK "X: a\r\n b\rc\r\n\r\n", HTTP_EFIELD},
    {"bare CR at the end", OK "X: a\r\n\rb\n", HTTP_EFIELD},
    {"no colon", OK "<html>\r\n\r\n", HTTP_EFIELD},
    {"no name", OK ": a\r\n\r\n", HTTP_EFIELD},
    {"space in a name", OK "A B: c\r\n\r\n", HTTP_EFIELD},
    {"obs-text in a name", OK "aaaaaaaa\xe4: c\r\n\r\n", HTTP_EFIELD},
    {"DEL in a name", OK "aaaaaaaa\x7f: c\r\n\r\n", HTTP_EFIELD},
    {"wrong line in a later read", OK "X: a\r\n b\r\nY\r\n\r\n", HTTP_EFIELD},
    /* Not yet wrong. */
    {"nothing", "", 0},
    {"a phrase in the making", "HTTP/1.1 200 O", 0},
    {"a wrong line in the making", OK "<html", 0},
    {"all but the end", OK "X: a\r\n b\r\n", 0},
};

/* "200 1.1 keep 12": the 12 is the length, or "none", "chunked" or "until close". */
static void summary(char *out, size_t size, const struct http_head *h)
{
	char length[24];
	const char *framing[] = {[HTTP_NO_BODY] = "none",
	                         [HTTP_LENGTH] = length,
	                         [HTTP_CHUNKED] = "chunked",
	                         [HTTP_UNTIL_CLOSE] = "until close"};

	snprintf(length, sizeof length, "%" PRIu64, h->content_length);
	snprintf(out, size, "%d 1.%d %s %s", h->status, h->minor, h->keep_alive ? "keep" : "close",
	         framing[h->framing]);
}

static void check_good(enum feed_kind kind, const struct good *g)
{
	size_t len = strlen(g->head);
	struct feed_result r;
	char says[256];

	feed_head(&r, kind, g->head, len, LIMIT, len, 0);
	if (is_int(r.verdict, len, g->name)) {
		summary(says, sizeof says, &r.h);
		is_str(says, g->says, g->name);
	}
	ok(feed_cuts_agree(kind, &r, g->head, len, LIMIT, SIZE_MAX), "%s: however it comes", g->name);
	free(r.buf);
}

static void check_message(const char *name, const char *msg, size_t len, size_t limit, int verdict)
{
	struct feed_result r;

	feed_head(&r, RESPONSE, msg, len, limit, len, 0);
	is_int(r.verdict, verdict, name);
	ok(feed_cuts_agree(RESPONSE, &r, msg, len, limit, 200), "%s: however it comes", name);
	free(r.buf);
}

/* HEAD has no body whatever the fields say, even if they contradict each other. */
static void check_head(void)
{
	static const struct good heads[] = {
	    {"HEAD and a length", OK "Content-Length: 16\r\n\r\n", "200 1.1 keep none"},
	    {"HEAD and chunked", OK "Transfer-Encoding: chunked\r\n\r\n", "200 1.1 keep none"},
	    {"HEAD and nothing", OK "\r\n", "200 1.1 keep none"},
	    {"HEAD and both", OK "Content-Length: a\r\nTransfer-Encoding: b\r\n\r\n", "200 1.1 keep none"},
	    {"HEAD, close", OK "Connection: close\r\n\r\n", "200 1.1 close none"},
	};

	for (size_t i = 0; i < SQ_LEN(heads); i++)
		check_good(RESPONSE_TO_HEAD, &heads[i]);
}

static void check_fields(void)
{
	static const char msg[] = OK "A : b \r\nC: d \n\t e\r\n \r\nF: \r\n g\r\n\r\nHTTP/1.1";
	struct http_head h;
	size_t scanned = 0;
	struct sq_slice v;

	is_int(http_parse_response(&h, msg, sizeof msg - 1, LIMIT, &scanned, false), sizeof msg - 1 - 8,
	       "what is behind the head is left");
	is_int(h.header_count, 3, "folds make no fields");
	v = http_header(&h, "a");
	ok(v.len == 1 && *v.data == 'b', "name and value are trimmed");
	v = http_header(&h, "c");
	ok(v.len == 6 && memcmp(v.data, "d \n\t e", 6) == 0, "a folded value keeps what is in between");
	v = http_header(&h, "f");
	ok(v.len == 1 && *v.data == 'g', "and loses what is around");
}

/* Appends count times text. */
static size_t repeat(char *to, const char *text, size_t count)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < count; i++)
		memcpy(to + i * len, text, len);
	return len * count;
}

static void check_bounds(void)
{
	static char msg[LIMIT + 4096];
	struct feed_result r;
	size_t n = repeat(msg, OK, 1);

	n += repeat(msg + n, "X: y\r\n", 2 * HTTP_HEADERS_MAX);
	n += repeat(msg + n, "Content-Length: 7\r\n\r\n", 1);
	check_message("more fields than are kept", msg, n, LIMIT, (int)n);
	feed_head(&r, RESPONSE, msg, n, LIMIT, n, 0);
	is_int(r.h.header_count, HTTP_HEADERS_MAX, "the rest is not kept");
	ok(r.h.framing == HTTP_LENGTH && r.h.content_length == 7, "but it counts");
	free(r.buf);

	n = repeat(msg, OK "X: ", 1);
	n += repeat(msg + n, "y", LIMIT - n - 4);
	n += repeat(msg + n, "\r\n\r\n", 1);
	check_message("64 KiB of head", msg, n, LIMIT, LIMIT);
	check_message("a byte more than the limit", msg, n, LIMIT - 1, -HTTP_ELARGE);
	n = repeat(msg, OK, 1);
	n += repeat(msg + n, "X: y\n z\n", 2000);
	n += repeat(msg + n, "\n", 1);
	check_message("thousands of short lines", msg, n, LIMIT, (int)n);
	check_message("no end within the limit", msg, 200, 100, -HTTP_ELARGE);
	check_message("status line over the limit", "HTTP/1.1 200 aaaaaaaa", 21, 16, -HTTP_ELARGE);
	check_message("NUL in a value", OK "X: a\0\r\n\r\n", sizeof(OK "X: a\0\r\n\r\n") - 1, LIMIT,
	              -HTTP_EFIELD);
	check_message("NUL in a name", OK "X\0: a\r\n\r\n", sizeof(OK "X\0: a\r\n\r\n") - 1, LIMIT,
	              -HTTP_EFIELD);
}

int main(void)
{
	for (size_t i = 0; i < SQ_LEN(goods); i++)
		check_good(RESPONSE, &goods[i]);
	for (size_t i = 0; i < SQ_LEN(bads); i++)
		check_message(bads[i].name, bads[i].head, strlen(bads[i].head), LIMIT, -bads[i].error);
	check_head();
	check_fields();
	check_bounds();
	return tap_done();
}
