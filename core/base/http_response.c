/* http_response.c - tolerant parser of response heads (RFC 9112, 4). */
#include "core/base/http_scan.h"

static const char *status_line(struct scan *s, const char *line)
{
	int error = scan_version(s, line);
	const char *p;

	if (error)
		return scan_fail(s, line, error);
	p = line + 8;
	if (s->end - p < 4 || *p != ' ' || p[1] < '1' || p[1] > '9' || !is_digit(p[2]) || !is_digit(p[3]))
		return scan_fail(s, line, HTTP_EBAD);
	s->h->status = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
	p += 4;
	/* The phrase means nothing, and the space before it may be missing with it. */
	if (p < s->end && *p != ' ' && *p != '\r' && *p != '\n')
		return scan_fail(s, line, HTTP_EBAD);
	return scan_rest(s, line, p, HTTP_EBAD);
}

static bool is_plausible(const char *p, const char *end)
{
	return memcmp(p, "HTTP/", end - p < 5 ? (size_t)(end - p) : 5) == 0;
}

static const struct scan_kind response = {
    .strict = false,
    .lengths = SCAN_NAME("connection") | SCAN_NAME("content-length") | SCAN_NAME("transfer-encoding"),
    .first_line = status_line,
    .plausible = is_plausible,
    .too_long = HTTP_ELARGE,
};

/* RFC 9112, 6.3. The order of the rules matters. */
static int judge(struct scan *s, bool to_head)
{
	const struct scan_notes *n = &s->notes;
	struct http_head *h = s->h;

	h->keep_alive = scan_persists(s) && h->status != 101;
	h->framing = HTTP_NO_BODY;
	if (to_head || h->status < 200 || h->status == 204 || h->status == 304)
		return 0;
	if (n->length_error)
		return n->length_error;
	if (n->codings > 0) {
		if (n->lengths > 0)
			return -HTTP_EFRAMING;
		if (n->codings > 1 || !http_is(n->coding, "chunked"))
			return -HTTP_ECODING;
		h->framing = HTTP_CHUNKED;
		if (h->minor == 0)
			h->keep_alive = false; /* chunked is not of HTTP/1.0: faulty (RFC 9112, 6.1) */
		return 0;
	}
	if (n->lengths > 0) {
		h->framing = HTTP_LENGTH;
		h->content_length = n->length;
		return 0;
	}
	h->framing = HTTP_UNTIL_CLOSE;
	h->keep_alive = false;
	return 0;
}

int http_parse_response(struct http_head *h, const char *buf, size_t len, size_t limit, size_t *scanned,
                        bool to_head)
{
	struct scan s;
	int n, r;

	scan_init(&s, &response, h);
	n = scan_head(&s, buf, len, limit, scanned);
	if (n <= 0)
		return n;
	r = judge(&s, to_head);
	return r < 0 ? r : n;
}
