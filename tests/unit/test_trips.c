/* test_trips.c - another clock's offset from round trips. */
#include "plugins/role/worker/trips.h"

#include <squall/util.h>

#include "tests/tap.h"

#define AHEAD (77 * SQ_S + 123)

/* A trip whose way there and way back took so long. */
static void trip(struct trips *t, int64_t at, int64_t there, int64_t back)
{
	trips_add(t, at, at + there + back, at + there + AHEAD);
}

int main(void)
{
	struct trips t = {0};

	is_int(trips_error(&t), -1, "no trip, no idea");
	trip(&t, SQ_S, 30 * SQ_MS, 10 * SQ_MS);
	is_int(trips_error(&t), 20 * SQ_MS, "off by half a trip at most");
	is_int(trips_convert(&t, AHEAD), -10 * SQ_MS, "  here: by half of the ways' difference");
	for (int i = 2; i < 6; i++)
		trip(&t, i * SQ_S, 5 * SQ_MS, 4 * SQ_MS);
	trip(&t, 6 * SQ_S, 100 * SQ_US, 100 * SQ_US);
	trip(&t, 7 * SQ_S, 50 * SQ_MS, SQ_MS);
	is_int(trips_convert(&t, 10 * SQ_S + AHEAD), 10 * SQ_S, "the shortest trip counts");
	is_int(trips_error(&t), 100 * SQ_US, "  and says how sure it is");
	is_int(t.worst, 51 * SQ_MS, "the longest is remembered");
	for (int i = 0; i < TRIPS_KEPT; i++)
		trip(&t, (8 + i) * SQ_S, SQ_MS, SQ_MS);
	is_int(trips_error(&t), SQ_MS, "old trips do not count: clocks drift");
	trips_forget(&t);
	is_int(trips_error(&t), -1, "another machine: all anew");
	trip(&t, 20 * SQ_S, 3 * SQ_MS, 3 * SQ_MS);
	is_int(trips_error(&t), 3 * SQ_MS, "  from its first trip on");
	is_int(t.worst, 51 * SQ_MS, "  but the longest stays");
	return tap_done();
}
