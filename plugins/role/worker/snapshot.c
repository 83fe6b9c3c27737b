/* snapshot.c - taking the books away from the loop, piece by piece. */
#include "snapshot.h"

#include <errno.h>
#include <string.h>

int snapshot_init(struct snapshot *s)
{
	s->total = books_new(0);
	s->taken = books_new(0);
	return s->total && s->taken ? 0 : -ENOMEM;
}

void snapshot_fini(struct snapshot *s)
{
	books_free(s->total);
	books_free(s->taken);
	*s = (struct snapshot){0};
}

void snapshot_take(struct snapshot *s, struct books *b)
{
	struct hist *empty[H_COUNT];

	memcpy(empty, s->taken->hist, sizeof empty);
	*s->taken = *b;
	memcpy(b->hist, empty, sizeof empty);
}

void snapshot_add(struct snapshot *s)
{
	struct hist *sums[H_COUNT];

	memcpy(sums, s->total->hist, sizeof sums);
	for (int i = 0; i < H_COUNT; i++) {
		hist_merge(sums[i], s->taken->hist[i]);
		hist_reset(s->taken->hist[i]);
	}
	*s->total = *s->taken;
	memcpy(s->total->hist, sums, sizeof sums);
}
