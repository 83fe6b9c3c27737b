/* slab.c - objects of one size, in blocks. */
#include "slab.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#define SLAB_BLOCK 64 /* objects in a block */
#define SLAB_LINE 64 /* of cache, bytes; each object begins with one */

struct slab_block {
	struct slab_block *next;
	char bytes[];
};

void slab_init(struct slab *s, size_t size)
{
	assert(size >= sizeof(void *));
	s->size = (size + SLAB_LINE - 1) / SLAB_LINE * SLAB_LINE;
	s->free = NULL;
	s->blocks = NULL;
}

void slab_free(struct slab *s)
{
	struct slab_block *b = s->blocks, *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
	s->free = s->blocks = NULL;
}

static int slab_grow(struct slab *s)
{
	struct slab_block *b = malloc(sizeof *b + SLAB_LINE + SLAB_BLOCK * s->size);
	char *first;

	if (!b)
		return -1;
	b->next = s->blocks;
	s->blocks = b;
	first = b->bytes + SLAB_LINE - (uintptr_t)b->bytes % SLAB_LINE;
	for (size_t i = SLAB_BLOCK; i-- > 0;)
		slab_give(s, first + i * s->size);
	return 0;
}

void *slab_take(struct slab *s)
{
	void *object;

	if (!s->free && slab_grow(s) < 0)
		return NULL;
	object = s->free;
	s->free = *(void **)object;
	return object;
}

void slab_give(struct slab *s, void *object)
{
	*(void **)object = s->free;
	s->free = object;
}
