/*
 * arena.h - the memory of one answer: made in pieces, freed at once.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *first;
};

void *arena_alloc(struct arena *a, size_t len); /* aligned for anything; NULL without memory */
char *arena_copy(struct arena *a, const void *data, size_t len); /* with a NUL behind it; the same */
void arena_free(struct arena *a); /* back to empty; may be used again */

#endif
