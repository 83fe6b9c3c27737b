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
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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
	uint32_t lengths; /* bits: of the names that mean something here, see scan_note() */
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

/* The rest of it is set when there are lines to look at. */
static inline void scan_init(struct scan *s, const struct scan_kind *kind, struct http_head *h)
{
	s->kind = kind;
	s->h = h;
}

/* Scans a head and returns what http_parse_request() does, but for judging the fields together. */
int scan_head(struct scan *s, const char *buf, size_t len, size_t limit, size_t *scanned);

/* Parses field lines with their folds, from this one to the empty line or to s->end, and takes note of them.
 */
const char *scan_fields(struct scan *s, const char *line);

/* The bit of names as long as this one. */
#define SCAN_NAME(literal) (UINT32_C(1) << (sizeof(literal) - 1))

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

static inline uint32_t load4(const char *p)
{
	uint32_t w;

	memcpy(&w, p, 4);
	return w;
}

#define EACH_BYTE(c) ((c)*UINT64_C(0x0101010101010101))

/* Sixteen bytes at a time; a comparison makes each of them 0 or 0xff. */
#define SCAN_STEP 16
typedef uint8_t scan_bytes __attribute__((vector_size(SCAN_STEP)));

static inline scan_bytes scan_load(const char *p)
{
	scan_bytes v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* The first byte that stops is set for, SCAN_STEP if there is none. */
static inline unsigned scan_first(scan_bytes stops)
{
#ifdef __SSE2__
	return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8((__m128i)stops) | 1u << SCAN_STEP);
#else
	uint64_t w[2];

	memcpy(w, &stops, sizeof w);
	if (w[0])
		return (unsigned)__builtin_ctzll(le64toh(w[0])) / 8;
	return w[1] ? 8 + (unsigned)__builtin_ctzll(le64toh(w[1])) / 8 : SCAN_STEP;
#endif
}

/* Up to where a step may be taken, if one may be at p; else NULL. */
static inline const char *scan_last(const char *p, const char *end)
{
	return end - p >= SCAN_STEP ? end - SCAN_STEP : NULL;
}

/* The first byte from p on that is not CHAR_TEXT, or end. */
static inline const char *scan_text(const char *p, const char *end)
{
	const char *last = scan_last(p, end);

	while (p <= last) {
		scan_bytes v = scan_load(p);
		unsigned n = scan_first((scan_bytes)((v < ' ') | (v == 0x7f)));

		if (n == SCAN_STEP) {
			p += SCAN_STEP;
			continue;
		}
		if (p[n] != '\t')
			return p + n;
		p += n + 1;
	}
	return scan_while(p, end, CHAR_TEXT);
}

/* The first byte from p on that is no visible ASCII, or is this one, or end. */
static inline const char *scan_visible(const char *p, const char *end, char but, unsigned classes)
{
	for (const char *last = scan_last(p, end); p <= last; p += SCAN_STEP) {
		scan_bytes v = scan_load(p);
		unsigned n = scan_first((scan_bytes)((v < '!') | (v > '~') | (v == (uint8_t)but)));

		if (n < SCAN_STEP)
			return p + n;
	}
	return scan_while(p, end, classes);
}

/* The first byte from p on that is not CHAR_NAME, or end. */
static inline const char *scan_name(const char *p, const char *end)
{
	return scan_visible(p, end, ':', CHAR_NAME);
}

/* The first byte from p on that is not CHAR_TARGET, or end. */
static inline const char *scan_target(const char *p, const char *end)
{
	return scan_visible(p, end, '#', CHAR_TARGET);
}

/* The first byte from p on that is of none of these classes, or end. Each of them has letters, digits, '-'
 * and
 * '.', which go at once; others are looked at one by one. */
static inline const char *scan_word(const char *p, const char *end, unsigned classes)
{
	const char *last = scan_last(p, end);

	while (p <= last) {
		scan_bytes v = scan_load(p), letter = (v | 0x20) - 'a', other = v - '-';
		unsigned n = scan_first(
		    (scan_bytes)((letter > 'z' - 'a') & ((other > '9' - '-') | (v == '/'))));

		if (n == SCAN_STEP) {
			p += SCAN_STEP;
			continue;
		}
		if (!is_char(p[n], classes))
			return p + n;
		p += n + 1;
	}
	return scan_while(p, end, classes);
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
