/* fuzz_response.c - any bytes as a response, to HEAD and to other requests. */
#include "tests/fuzz/fuzz_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Written anew in the plainest form, a head means the same. */
static void check_rewritten(const struct feed_result *first, bool to_head)
{
	const struct http_head *h = &first->h;
	char out[2 * FUZZ_LIMIT], *at;
	struct http_head again;
	size_t scanned = 0;

	at = out + sprintf(out, "HTTP/1.%d %d\r\n", h->minor, h->status);
	at = fuzz_write_fields(at, h);
	require(http_parse_response(&again, out, (size_t)(at - out), sizeof out, &scanned, to_head) ==
	        at - out);
	require(h->status == again.status);
	require(fuzz_same_meaning(h, &again));
}

static void check_response(const char *msg, size_t len, bool to_head)
{
	struct feed_result r;

	fuzz_head(&r, to_head ? RESPONSE_TO_HEAD : RESPONSE, msg, len);
	if (r.verdict > 0) {
		require(!to_head || r.h.framing == HTTP_NO_BODY);
		/* Fields beyond the table count and are not kept. */
		if (r.h.header_count < HTTP_HEADERS_MAX)
			check_rewritten(&r, to_head);
		fuzz_body(&r.h, false, msg + r.verdict, len - (size_t)r.verdict);
	}
	free(r.buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_response((const char *)data, size, false);
	check_response((const char *)data, size, true);
	return 0;
}
