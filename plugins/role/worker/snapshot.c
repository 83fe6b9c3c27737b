/* snapshot.c - taking the books away from the loop, piece by piece. */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
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

/* --- all of them ------------------------------------------------------------------------------ */

static int snapshots_make(struct snapshots *s, const struct accounts *a)
{
	int r = 0;

	s->load = calloc(a->count, sizeof *s->load);
	s->totals = calloc(a->count, sizeof *s->totals);
	if (!s->load || !s->totals)
		return -ENOMEM;
	for (; r == 0 && s->count < a->count; s->count++) {
		r = snapshot_init(&s->load[s->count]);
		s->totals[s->count] = s->load[s->count].total;
	}
	if (r == 0 && a->warmup)
		r = snapshot_init(&s->warmup);
	if (r == 0 && a->count > 1 && !(s->sum = books_new(0)))
		r = -ENOMEM;
	return r;
}

int snapshots_init(struct snapshots *s, const struct accounts *a)
{
	int r;

	*s = (struct snapshots){0};
	r = snapshots_make(s, a);
	if (r < 0)
		snapshots_fini(s);
	return r;
}

void snapshots_fini(struct snapshots *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		snapshot_fini(&s->load[i]);
	snapshot_fini(&s->warmup);
	free(s->load);
	free(s->totals);
	books_free(s->sum);
	*s = (struct snapshots){0};
}

void snapshots_take(struct snapshots *s, struct accounts *a)
{
	for (uint32_t i = 0; i < s->count; i++)
		snapshot_take(&s->load[i], a->load[i]);
	if (a->warmup)
		snapshot_take(&s->warmup, a->warmup);
}

void snapshots_add(struct snapshots *s, struct report *r)
{
	for (uint32_t i = 0; i < s->count; i++)
		snapshot_add(&s->load[i]);
	if (s->warmup.total)
		snapshot_add(&s->warmup);
	if (s->sum)
		books_reset(s->sum);
	for (uint32_t i = 0; s->sum && i < s->count; i++)
		books_merge(s->sum, s->totals[i]);
	r->books = s->sum ? s->sum : s->totals[0];
	r->warmup = s->warmup.total;
	r->requests = s->totals;
	r->request_count = s->count - 1; /* without common */
}
