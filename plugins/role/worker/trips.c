/* trips.c - the offset between two clocks from the shortest of the last round trips. */
#include "trips.h"

#include <assert.h>

void trips_add(struct trips *t, int64_t sent, int64_t answered, int64_t theirs)
{
	uint32_t i = t->count++ % TRIPS_KEPT;

	t->kept[i].length = answered - sent;
	t->kept[i].middle = sent + (answered - sent) / 2;
	t->kept[i].theirs = theirs;
	if (t->kept[i].length > t->worst)
		t->worst = t->kept[i].length;
}

void trips_forget(struct trips *t)
{
	t->count = 0;
}

static uint32_t trips_best(const struct trips *t)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < t->count && i < TRIPS_KEPT; i++)
		if (t->kept[i].length < t->kept[best].length)
			best = i;
	return best;
}

int64_t trips_convert(const struct trips *t, int64_t theirs)
{
	uint32_t best = trips_best(t);

	assert(t->count > 0);
	return theirs - t->kept[best].theirs + t->kept[best].middle;
}

int64_t trips_error(const struct trips *t)
{
	return t->count ? t->kept[trips_best(t)].length / 2 : -1;
}
