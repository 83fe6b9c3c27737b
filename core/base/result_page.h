/*
 * result_page.h - what the parts of result_text.c share: lines of at most 80 columns, and members
 * of a document that nobody vouches for.
 */
#ifndef BASE_RESULT_PAGE_H
#define BASE_RESULT_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

#include "buf.h"

struct json_object;

#define PAGE_WIDTH 80
#define PAGE_MARGIN 7 /* behind PASS and FAIL */
#define PAGE_LABELS 10 /* behind the name of a line */

struct page {
	struct buf *out;
	bool color;
	bool failed; /* a FAIL line was written */
	bool new_block; /* an empty line before the next one, unless it is the first */
	unsigned column, indent; /* indent: where a line that is full goes on */
	size_t start; /* of the page in out */
};

#define PAGE_RED "31" /* parameters of ECMA-48's SGR */
#define PAGE_GREEN "32"
#define PAGE_YELLOW "33"

/* Begins a line: its name, then up to indent. color: one of the above, or NULL. */
void page_begin(struct page *p, const char *name, unsigned indent, const char *color);
void page_begin_fail(struct page *p);

void page_pad(struct page *p, unsigned column); /* spaces up to that column */

/* Text that belongs together, behind a gap of spaces; on the next line when this one is full. What
 * is longer than a line is cut into lines. */
void page_put(struct page *p, unsigned gap, const char *fmt, ...) SQ_PRINTF(3, 4);

void page_end(struct page *p);

/* The rest of a line, which may be broken at every space, and its end. */
void page_say(struct page *p, const char *fmt, ...) SQ_PRINTF(2, 3);

#define WORDS_MAX 600 /* of one foreign text; more is cut */

/* NULL when there is none, or o is no object. */
struct json_object *member_get(struct json_object *o, const char *name);
/* Whether there is such a text, and not an empty one; out, made safe, is "" otherwise. */
bool member_text(struct json_object *o, const char *name, char out[WORDS_MAX]);
bool member_is(struct json_object *o, const char *name, const char *text);
bool member_count(struct json_object *o, const char *name, uint64_t *ret);
bool member_number(struct json_object *o, const char *name, double *ret); /* finite */
/* A count, or the sum of a group of counts such as {"dns": 1, "tls": 2}; 0 if missing. */
uint64_t member_total(struct json_object *o, const char *name);

/* result_verdict.c: FAIL lines, the headline, WARN lines; and the thresholds that hold. */
void result_verdict(struct page *p, struct json_object *doc);
void result_thresholds(struct page *p, struct json_object *doc, bool failed);

/* result_requests.c: what became of each named request, and of checks. */
void result_requests(struct page *p, struct json_object *doc);

#endif
