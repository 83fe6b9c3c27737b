/* arena.c - the memory of one answer. */
#include "plugins/common/arena.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 4096

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

static struct arena_chunk *arena_grow(struct arena *a, size_t len)
{
	size_t size = len > CHUNK ? len : CHUNK;
	struct arena_chunk *c = malloc(sizeof *c + size);

	if (c == NULL)
		return NULL;
	c->next = a->first;
	c->used = 0;
	c->size = size;
	a->first = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t len)
{
	size_t need = (len + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	struct arena_chunk *c = a->first;
	void *p;

	if (c == NULL || c->size - c->used < need)
		c = arena_grow(a, need);
	if (c == NULL)
		return NULL;
	p = c->data + c->used;
	c->used += need;
	return p;
}

char *arena_copy(struct arena *a, const void *data, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (p == NULL)
		return NULL;
	if (len > 0)
		memcpy(p, data, len);
	p[len] = '\0';
	return p;
}

void arena_free(struct arena *a)
{
	while (a->first) {
		struct arena_chunk *c = a->first;

		a->first = c->next;
		free(c);
	}
}
