/*
 * slab.h - objects of one size, taken and given back without the allocator: memory grows in
 * blocks and is returned all at once.
 */
#ifndef WORKER_SLAB_H
#define WORKER_SLAB_H

#include <stddef.h>

struct slab {
	size_t size; /* of an object */
	void *free; /* each free object begins with a pointer to the next one */
	void *blocks; /* each block begins with a pointer to the next one */
};

void slab_init(struct slab *s, size_t size);
void slab_free(struct slab *s); /* every object with it */
void *slab_take(struct slab *s); /* its bytes are undefined; NULL without memory */
void slab_give(struct slab *s, void *object);

#endif
