/*
 * buf.h - a growing byte buffer.
 *
 * After a failed allocation the buffer keeps what it had, drops the rest and remembers: callers
 * append freely and ask buf_failed() once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <squall/util.h>

struct buf {
	char *data; /* NUL behind the last byte once anything was appended; NULL before */
	size_t len, cap;
	bool failed;
};

void buf_free(struct buf *b); /* back to empty; may be used again */
void buf_reset(struct buf *b); /* empty, keeps the memory and clears failed */
void buf_printf(struct buf *b, const char *fmt, ...) SQ_PRINTF(2, 3);
/* len writable bytes behind the end, NULL if no memory; the caller adds what it wrote to len. */
char *buf_room(struct buf *b, size_t len);
void buf_drop(struct buf *b, size_t len); /* forgets the first len bytes */
static inline bool buf_failed(const struct buf *b)
{
	return b->failed;
}

void buf_add_more(struct buf *b, const void *data, size_t len); /* buf_add() when there is no room yet */
static inline void buf_add(struct buf *b, const void *data, size_t len)
{
	if (len == 0 || len >= b->cap - b->len || b->failed) {
		buf_add_more(b, data, len);
		return;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

static inline void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

#endif
