/* http_request.c - strict parser of request heads (RFC 9112, 3). */
#include "core/base/http_scan.h"

/* Digits to the end: a port, which may be missing behind its colon (RFC 3986, 3.2.3). */
static bool is_port(const char *p, const char *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p == end;
}

/* host[:port]. An empty host is for the caller to judge. */
static bool is_authority(const char *p, const char *end)
{
	const char *host = p;

	if (p < end && *p == '[') {
		do
			p++;
		while (p < end && (is_char(*p, CHAR_HOST) || *p == ':'));
		if (p == end || *p != ']' || p == host + 1)
			return false;
		p++;
	} else {
		p = scan_word(p, end, CHAR_HOST);
	}
	return p == end || (*p == ':' && is_port(p + 1, end));
}

/* The origin that an absolute target begins with may not be empty (RFC 9110, 4.2.1). */
static bool is_absolute(struct sq_slice target)
{
	const char *p = target.data, *end = p + target.len, *host_end;

	if (target.len > 7 && http_is(((struct sq_slice){p, 7}), "http://"))
		p += 7;
	else if (target.len > 8 && http_is(((struct sq_slice){p, 8}), "https://"))
		p += 8;
	else
		return false;
	for (host_end = p; host_end < end && *host_end != '/' && *host_end != '?';)
		host_end++;
	return host_end > p && *p != ':' && is_authority(p, host_end);
}

/* CONNECT's form, host:port, is none of these: we are no proxy. */
static bool is_target(const struct http_head *h)
{
	if (h->target.len > 0 && h->target.data[0] == '/')
		return true;
	if (h->target.len == 1 && h->target.data[0] == '*')
		return h->method.len == 7 && memcmp(h->method.data, "OPTIONS", 7) == 0;
	return is_absolute(h->target);
}

static const char *request_line(struct scan *s, const char *line)
{
	struct http_head *h = s->h;
	const char *target, *version, *p;
	int error;

	p = scan_word(line, s->end, CHAR_TOKEN);
	if (p == s->end || *p != ' ' || p == line || p - line > HTTP_METHOD_MAX)
		return scan_fail(s, line, HTTP_EBAD);
	h->method = (struct sq_slice){line, (size_t)(p - line)};
	target = p + 1;
	p = scan_target(target, s->end);
	if (p == s->end || *p != ' ')
		return scan_fail(s, line, HTTP_EBAD);
	h->target = (struct sq_slice){target, (size_t)(p - target)};
	version = p + 1;
	error = scan_version(s, version);
	if (error)
		return scan_fail(s, line, error);
	p = scan_line_end(s, version + 8);
	if (!p || !is_target(h))
		return scan_fail(s, line, HTTP_EBAD);
	if (h->target.len > HTTP_TARGET_MAX)
		return scan_fail(s, line, HTTP_EURI);
	return p;
}

/* The beginning of a method, or of an empty line. */
static bool is_plausible(const char *p, const char *end)
{
	const char *stop = end - p > HTTP_METHOD_MAX ? p + HTTP_METHOD_MAX + 1 : end;
	const char *q = scan_while(p, stop, CHAR_TOKEN);

	if (q - p > HTTP_METHOD_MAX)
		return false;
	if (q == end)
		return true;
	return q > p ? *q == ' ' : *p == '\r' && end - p == 1;
}

static const struct scan_kind request = {
    .strict = true,
    .lengths = SCAN_NAME("host") | SCAN_NAME("expect") | SCAN_NAME("connection") |
               SCAN_NAME("content-length") | SCAN_NAME("transfer-encoding"),
    .empty_lines = 4,
    .first_line = request_line,
    .plausible = is_plausible,
    .too_long = HTTP_EURI,
};

/* RFC 9112, 6.1 and 6.3: how long the body is must be said once, in a way that we can follow. */
static int judge_framing(struct scan *s)
{
	const struct scan_notes *n = &s->notes;
	struct sq_slice codings = n->coding, last;

	s->h->framing = HTTP_NO_BODY;
	if (n->length_error)
		return n->length_error;
	if (n->codings == 0) {
		if (n->lengths > 0)
			s->h->framing = HTTP_LENGTH;
		s->h->content_length = n->length;
		return 0;
	}
	if (n->lengths > 0 || n->codings > 1 || s->h->minor == 0)
		return -HTTP_EFRAMING;
	s->h->framing = HTTP_CHUNKED;
	if (http_is(n->coding, "chunked"))
		return 0;
	while (http_next_token(&codings, &last))
		;
	return http_is(last, "chunked") ? -HTTP_ECODING : -HTTP_EFRAMING;
}

static int judge(struct scan *s)
{
	const struct scan_notes *n = &s->notes;
	int r;

	if (n->fields > HTTP_HEADERS_MAX)
		return -HTTP_ELARGE;
	if (n->hosts > 1 || (n->hosts == 0 && s->h->minor > 0))
		return -HTTP_EHOST;
	if (n->hosts == 1 && !is_authority(n->host.data, n->host.data + n->host.len))
		return -HTTP_EHOST;
	r = judge_framing(s);
	if (r < 0)
		return r;
	if (n->expect_other)
		return -HTTP_EEXPECT;
	s->h->keep_alive = scan_persists(s);
	/* RFC 9110, 10.1.1: an HTTP/1.0 client would not understand 100, and without a body nobody waits. */
	s->h->expect_continue = n->expect_continue && s->h->minor > 0 && s->h->framing != HTTP_NO_BODY;
	return 0;
}

int http_parse_request(struct http_head *h, const char *buf, size_t len, size_t limit, size_t *scanned)
{
	struct scan s;
	int n, r;

	scan_init(&s, &request, h);
	n = scan_head(&s, buf, len, limit, scanned);
	if (n <= 0)
		return n;
	r = judge(&s);
	return r < 0 ? r : n;
}
