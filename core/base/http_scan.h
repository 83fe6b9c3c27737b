/*
 * http_scan.h - what the two parsers of HTTP heads share; private to http_*.c.
 *
 * A head is scanned from left to right, once. A function that parses a line takes the position
 * of its first byte and returns the position behind its end, or NULL through scan_fail(): then
 * either the line was complete and s->error says what is wrong with it, or more bytes are needed.
 */
#ifndef BASE_HTTP_SCAN_H
#define BASE_HTTP_SCAN_H

#include <endian.h>
#include <string.h>

#include "core/base/http_parse.h"

/* Classes of bytes. */
enum {
	CHAR_TOKEN = 1, /* RFC 9110, 5.6.2: methods and field names */
	CHAR_TARGET = 2, /* visible ASCII without '#' */
	CHAR_HOST = 4, /* reg-name of RFC 3986, 3.2.2, without looking into %XX */
	CHAR_TEXT = 8, /* field values: HTAB, SP, visible ASCII, obs-text */
	CHAR_NAME = 16, /* visible ASCII without ':': field names that we put up with */
	CHAR_BLANK = 32, /* HTAB, SP, and CR and LF of folds (RFC 9112, 5.2) */
};
extern const uint8_t http_chars[256];

static inline bool is_char(char c, unsigned classes)
{
	return http_chars[(unsigned char)c] & classes;
}

static inline bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct scan;

/* What differs between requests and responses. */
struct scan_kind {
	bool strict;
	int empty_lines; /* most of them skipped before the first line */
	const char *(*first_line)(struct scan *s, const char *line);
	bool (*plausible)(const char *p, const char *end); /* could this still become a first line? */
	int too_long; /* error when not even the first line fits the limit */
};

/* What the fields said, judged together when all are known. */
struct scan_notes {
	unsigned fields, hosts, lengths, codings; /* how many */
	struct sq_slice host, coding; /* the last of each */
	uint64_t length;
	int length_error;
	bool close, keep_alive, expect_continue, expect_other;
};

struct scan {
	const struct scan_kind *kind;
	struct http_head *h;
	const char *end;
	int error; /* 0 or negative */
	struct scan_notes notes;
};

/* Scans a head and returns what http_parse_request() does, but for judging the fields together. */
int scan_head(struct scan *s, const char *buf, size_t len, size_t limit, size_t *scanned);

/* Parses a field line with its folds and takes note of it. line < s->end. */
const char *scan_field(struct scan *s, const char *line);

/* Ends the function that parses this line, see above. Always NULL. */
const char *scan_fail(struct scan *s, const char *line, int code);

/* The part of scan_rest() that is seldom needed. */
const char *scan_odd_rest(struct scan *s, const char *line, const char *p, int code);

/* The next element of a comma-separated list, trimmed, taken off *list; false at the end. */
bool http_next_token(struct sq_slice *list, struct sq_slice *token);

/* Whether s is this word, in any case. */
bool http_is_word(struct sq_slice s, const char *word, size_t len);
#define http_is(slice, literal) http_is_word((slice), (literal), sizeof(literal) - 1)

/* Whether a connection persists (RFC 9112, 9.3). */
static inline bool scan_persists(const struct scan *s)
{
	return !s->notes.close && (s->h->minor > 0 || s->notes.keep_alive);
}

/* "HTTP/1.1" at p. Returns 0, HTTP_EBAD or HTTP_EVERSION. */
static inline int scan_version(struct scan *s, const char *p)
{
	if (s->end - p < 8 || memcmp(p, "HTTP/", 5) != 0 || !is_digit(p[5]) || p[6] != '.' || !is_digit(p[7]))
		return HTTP_EBAD;
	if (p[5] != '1')
		return HTTP_EVERSION;
	s->h->minor = p[7] > '0';
	return 0;
}

/* Behind the end of line at p, NULL if there is none. */
static inline const char *scan_line_end(const struct scan *s, const char *p)
{
	if (s->end - p >= 2 && p[0] == '\r' && p[1] == '\n')
		return p + 2;
	if (!s->kind->strict && p < s->end && *p == '\n')
		return p + 1;
	return NULL;
}

static inline const char *scan_while(const char *p, const char *end, unsigned classes)
{
	while (p < end && is_char(*p, classes))
		p++;
	return p;
}

/* Eight bytes, the first one lowest. */
static inline uint64_t load8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, 8);
	return le64toh(w);
}

#define EACH_BYTE(c) ((c)*UINT64_C(0x0101010101010101))
#define HIGH_BITS EACH_BYTE(0x80)

/* Sets the high bit of each byte that is below n; those of bytes from 0x80 on mean nothing. A borrow
 * may set more of them, but only above a byte that is below n: the lowest one tells the truth. */
static inline uint64_t below(uint64_t w, unsigned n)
{
	return w - EACH_BYTE(n);
}

/* The first byte from p on that is not CHAR_TEXT, or end. */
static inline const char *scan_text(const char *p, const char *end)
{
	while (end - p >= 8) {
		uint64_t w = load8(p);
		uint64_t stops = (below(w, ' ') | below(w ^ EACH_BYTE(0x7f), 1)) & ~w & HIGH_BITS;

		if (stops == 0) {
			p += 8;
			continue;
		}
		p += __builtin_ctzll(stops) / 8;
		if (*p != '\t')
			return p;
		p++;
	}
	return scan_while(p, end, CHAR_TEXT);
}

/* The first byte from p on that is not CHAR_NAME, or end. */
static inline const char *scan_name(const char *p, const char *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t w = load8(p);
		uint64_t stops = (below(w, '!') | below(w ^ EACH_BYTE(':'), 1) |
		                  below(w ^ EACH_BYTE(0x7f), 1) | w) &
		                 HIGH_BITS;

		if (stops != 0)
			return p + __builtin_ctzll(stops) / 8;
	}
	return scan_while(p, end, CHAR_NAME);
}

/* Skips text from p to the end of this line. */
static inline const char *scan_rest(struct scan *s, const char *line, const char *p, int code)
{
	p = scan_text(p, s->end);
	if (s->end - p >= 2 && p[0] == '\r' && p[1] == '\n')
		return p + 2;
	return scan_odd_rest(s, line, p, code);
}

#endif
