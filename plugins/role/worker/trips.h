/*
 * trips.h - how far another machine's clock is from ours, from round trips to it. Pure.
 *
 * It says what its clock showed (theirs, Unix ns) between the moments when we sent and heard (ours,
 * monotonic ns), so the shorter the trip, the less can be wrong: the best of the last eight counts, and
 * is off by half of its length at most.
 */
#ifndef WORKER_TRIPS_H
#define WORKER_TRIPS_H

#include <stdint.h>

#define TRIPS_KEPT 8

struct trips {
	uint32_t count; /* since trips_forget() */
	int64_t worst; /* the longest ever, ns; 0 = none yet */
	struct {
		int64_t length, theirs, middle;
	} kept[TRIPS_KEPT];
};

void trips_add(struct trips *t, int64_t sent, int64_t answered, int64_t theirs);
void trips_forget(struct trips *t); /* another clock answers from now on */

/* Their time in ours; at least one trip was made. */
int64_t trips_convert(const struct trips *t, int64_t theirs);
int64_t trips_error(const struct trips *t); /* most that this is off, ns; -1 without a trip */

#endif
