/* http_scan.c - walks over the lines of an HTTP head, whole or as it trickles in. */
#include "core/base/http_scan.h"

#include <assert.h>
#include <limits.h>

#define PLAIN (CHAR_TOKEN | CHAR_TARGET | CHAR_HOST | CHAR_TEXT | CHAR_NAME)
#define TOKEN (PLAIN & ~CHAR_HOST)
#define DELIM (PLAIN & ~CHAR_TOKEN) /* in target and host */
#define OTHER (CHAR_TARGET | CHAR_TEXT | CHAR_NAME)

const uint8_t http_chars[256] = {
    ['0' ... '9'] = PLAIN,
    ['A' ... 'Z'] = PLAIN,
    ['a' ... 'z'] = PLAIN,
    ['!'] = PLAIN,
    ['$'] = PLAIN,
    ['%'] = PLAIN,
    ['&'] = PLAIN,
    ['\''] = PLAIN,
    ['*'] = PLAIN,
    ['+'] = PLAIN,
    ['-'] = PLAIN,
    ['.'] = PLAIN,
    ['_'] = PLAIN,
    ['~'] = PLAIN,
    ['^'] = TOKEN,
    ['`'] = TOKEN,
    ['|'] = TOKEN,
    ['#'] = TOKEN & ~CHAR_TARGET,
    ['('] = DELIM,
    [')'] = DELIM,
    [','] = DELIM,
    [';'] = DELIM,
    ['='] = DELIM,
    ['"'] = OTHER,
    ['/'] = OTHER,
    ['<'] = OTHER,
    ['>'] = OTHER,
    ['?'] = OTHER,
    ['@'] = OTHER,
    ['['] = OTHER,
    ['\\'] = OTHER,
    [']'] = OTHER,
    ['{'] = OTHER,
    ['}'] = OTHER,
    [':'] = OTHER & ~CHAR_NAME,
    ['\t'] = CHAR_TEXT | CHAR_BLANK,
    [' '] = CHAR_TEXT | CHAR_BLANK,
    ['\r'] = CHAR_BLANK,
    ['\n'] = CHAR_BLANK,
    [0x80 ... 0xff] = CHAR_TEXT,
};

const char *scan_fail(struct scan *s, const char *line, int code)
{
	/* Only a complete line is judged, so that the answer does not depend on the reads. */
	if (memchr(line, '\n', (size_t)(s->end - line)))
		s->error = -code;
	return NULL;
}

static const char *skip_empty_lines(const char *p, const char *end, int most)
{
	while (most-- > 0 && end - p >= 2 && p[0] == '\r' && p[1] == '\n')
		p += 2;
	return p;
}

/* Control characters other than CR, LF and NUL pass in responses (RFC 9110, 5.5: "MAY retain"). */
const char *scan_odd_rest(struct scan *s, const char *line, const char *p, int code)
{
	const char *next;

	for (;;) {
		p = scan_text(p, s->end);
		next = scan_line_end(s, p);
		if (next)
			return next;
		if (s->kind->strict || p == s->end || *p == '\0' || *p == '\r')
			return scan_fail(s, line, code);
		p++;
	}
}

/* From the line at p, which is the first one if p <= first, to the end of the head. */
static const char *scan_lines(struct scan *s, const char *first, const char *p)
{
	const char *next;

	s->notes = (struct scan_notes){0};
	if (p <= first)
		p = s->kind->first_line(s, first);
	if (p)
		p = scan_fields(s, p);
	s->h->header_count = s->notes.fields < HTTP_HEADERS_MAX ? s->notes.fields : HTTP_HEADERS_MAX;
	if (!p || p == s->end)
		return NULL;
	next = scan_line_end(s, p);
	return next ? next : scan_fail(s, p, HTTP_EFIELD);
}

/* No end of the head in sight: wait for more unless that is pointless. */
static int scan_more(struct scan *s, const char *first, size_t seen, size_t limit, const char *buf)
{
	const size_t have = (size_t)(s->end - buf);
	const size_t most = HTTP_METHOD_MAX + 2 * (size_t)s->kind->empty_lines;

	if (s->error)
		return s->error;
	/* The beginning of the first line is looked at again while it is short, which is cheap. */
	if (seen <= most && first < s->end && !s->kind->plausible(first, s->end))
		return -HTTP_EBAD;
	if (have < limit)
		return 0;
	return memchr(first, '\n', (size_t)(s->end - first)) ? -HTTP_ELARGE : -s->kind->too_long;
}

/* Where the lines begin that are complete since seen bytes were looked at, or NULL. */
static const char *new_lines(const char *buf, size_t seen, size_t have)
{
	const char *before;

	if (seen == 0)
		return buf;
	if (!memchr(buf + seen, '\n', have - seen))
		return NULL;
	before = memrchr(buf, '\n', seen);
	return before ? before + 1 : buf;
}

int scan_head(struct scan *s, const char *buf, size_t len, size_t limit, size_t *scanned)
{
	const size_t seen = *scanned, have = len < limit ? len : limit;
	const char *first, *line, *p;
	int r;

	assert(seen <= have && limit > 0 && limit <= INT_MAX);
	if (have == 0)
		return 0;
	s->end = buf + have;
	s->error = 0;
	first = skip_empty_lines(buf, s->end, s->kind->empty_lines);
	/* Lines judged in former calls are good; new ones are judged alone; and only a head that has
	 * become complete is scanned again as a whole. */
	line = new_lines(buf, seen, have);
	p = line ? scan_lines(s, first, line) : NULL;
	if (p && line > first)
		p = scan_lines(s, first, first);
	if (p)
		return (int)(p - buf);
	r = scan_more(s, first, seen, limit, buf);
	if (r == 0)
		*scanned = have;
	return r;
}
