/* slab.c - objects of one size, in blocks. */
#include "slab.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>

#define SLAB_BLOCK 64 /* objects in a block */

struct slab_block {
	struct slab_block *next;
	alignas(max_align_t) char objects[];
};

void slab_init(struct slab *s, size_t size)
{
	size_t unit = alignof(max_align_t);

	assert(size >= sizeof(void *));
	s->size = (size + unit - 1) / unit * unit;
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
	struct slab_block *b = malloc(sizeof *b + SLAB_BLOCK * s->size);

	if (!b)
		return -1;
	b->next = s->blocks;
	s->blocks = b;
	for (size_t i = SLAB_BLOCK; i-- > 0;)
		slab_give(s, b->objects + i * s->size);
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
