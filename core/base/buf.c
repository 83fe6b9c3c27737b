/* buf.c - a growing byte buffer. */
#include "buf.h"

#include <stdint.h>
#include <stdlib.h>

#define BUF_SMALLEST 256

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		*b->data = '\0';
}

char *buf_room(struct buf *b, size_t len)
{
	size_t need, cap;
	char *data;

	if (b->failed)
		return NULL;
	if (__builtin_add_overflow(b->len, len, &need) || need > PTRDIFF_MAX / 2)
		goto failed;
	need++; /* the NUL */
	if (need > b->cap) {
		cap = b->cap ? b->cap : BUF_SMALLEST;
		while (cap < need)
			cap *= 2;
		data = realloc(b->data, cap);
		if (!data)
			goto failed;
		b->data = data;
		b->cap = cap;
	}
	return b->data + b->len;

failed:
	b->failed = true;
	return NULL;
}

void buf_add_more(struct buf *b, const void *data, size_t len)
{
	char *room = buf_room(b, len);

	if (!room)
		return;
	if (len > 0)
		memcpy(room, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *room;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	room = len < 0 ? NULL : buf_room(b, (size_t)len);
	if (!room) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(room, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
}

void buf_drop(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
	} else {
		b->len -= len;
		memmove(b->data, b->data + len, b->len);
	}
	if (b->data)
		b->data[b->len] = '\0';
}
