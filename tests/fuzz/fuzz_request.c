/* fuzz_request.c - any bytes as a request. */
#include "tests/fuzz/fuzz_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing in an accepted head reads differently for a parser that takes other line ends. */
static bool is_clean(const char *head, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (head[i] == '\0' || (head[i] == '\n') != (i > 0 && head[i - 1] == '\r'))
			return false;
	return true;
}

/* Written anew in the plainest form, a head means the same. */
static void check_rewritten(const struct feed_result *first)
{
	const struct http_head *h = &first->h;
	char out[2 * FUZZ_LIMIT], *at;
	struct http_head again;
	size_t scanned = 0;

	at = mempcpy(out, h->method.data, h->method.len);
	at = mempcpy(at, " ", 1);
	at = mempcpy(at, h->target.data, h->target.len);
	at += sprintf(at, " HTTP/1.%d\r\n", h->minor);
	at = fuzz_write_fields(at, h);
	require(http_parse_request(&again, out, (size_t)(at - out), sizeof out, &scanned) == at - out);
	require(fuzz_same_text(h->method, again.method) && fuzz_same_text(h->target, again.target));
	require(h->expect_continue == again.expect_continue);
	require(fuzz_same_meaning(h, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *msg = (const char *)data;
	struct feed_result r;

	fuzz_head(&r, REQUEST, msg, size);
	if (r.verdict > 0) {
		require(is_clean(msg, (size_t)r.verdict));
		require(r.h.framing != HTTP_UNTIL_CLOSE);
		check_rewritten(&r);
		fuzz_body(&r.h, true, msg + r.verdict, size - (size_t)r.verdict);
	}
	free(r.buf);
	return 0;
}
