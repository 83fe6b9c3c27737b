/*
 * schedule.h - when each request is due, and whose it is. Pure integer arithmetic, no clock.
 *
 * Tick k (0, 1, 2, ...) is one request of the whole test. Its due time depends on k alone, so any
 * number of workers agree without talking: worker totals add up exactly whatever the rate and
 * the number of workers, and they interleave evenly.
 *
 * The rate r(t) is piecewise linear. With A(t) = the integral of r from 0 to t, in requests, tick k is due
 * at the last moment at which A(t) <= k, floored to whole ns:
 *
 *     constant    A(t) = r t                           due(k) = floor(k / r)
 *     a stage     A(t) = A0 + a t + (b - a) t^2 / 2D   from rate a to rate b within D
 *
 * No request is due while the rate is 0. The total is the number of k with due(k) < duration, which is
 * ceil(A(duration)), whatever the arrivals. All of it is exact in 128 bits: areas are counted in halves of
 * 1e-15 requests, of which a stage has (a + b) D, a whole number; the root of the quadratic is guessed in
 * floating point and then corrected by exact comparison, so that no machine's rounding shows.
 *
 * Poisson arrivals are those of a Poisson process that is known to have that total: all ticks are thrown
 * at random into [0, A(duration)] and sorted. So that due(k) needs no walk over the ticks before k, the
 * throwing is by halves: of n ticks in an interval as many fall into its left half as n fair coins show
 * heads (n > 4096: 4096 coins, scaled to the variance of n), then each half alone; the coins are a hash of
 * (seed, interval). due(k) costs at most 64 splits, and a walk in order about two for each tick. Times
 * follow from A, so that ramps work as well.
 *
 * A warm-up comes before the load: ticks 0 .. warm - 1, evenly at a rate of its own. Times of the
 * load count from its end.
 *
 * In the closed model requests are not due by a schedule: ticks are only their names, without times, and
 * more of them than will ever be used; how many requests there are is counted elsewhere (closed.h).
 */
#ifndef BASE_SCHEDULE_H
#define BASE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_NEVER UINT64_MAX
#define SCHEDULE_STAGES_MAX 100
#define SCHEDULE_TICKS_MAX 1000000000000ULL /* of one test: 11 days at a million per second */

/* In a straight line from the rate before it to this one. */
struct stage {
	int64_t duration; /* ns, >= 0; 0 = a step */
	int64_t rate; /* at its end, millionths of a request per second, >= 0 */
};

struct schedule_setup {
	int64_t rate; /* at the start, the same unit; > 0 without stages */
	int64_t duration; /* ns, > 0; that of the stages together, if there are any */
	const struct stage *stages; /* borrowed for the call */
	uint32_t stage_count; /* 0: constant */
	bool poisson;
	uint64_t seed;
	uint64_t max; /* most requests of the load, 0 = no limit */
	int64_t warmup; /* ns, 0 = none */
	bool closed;
};

struct schedule {
	uint64_t total; /* ticks, those of the warm-up included */
	uint64_t warm; /* ticks of the warm-up */
	int64_t warmup; /* ns from T0 to the load */
	int64_t duration; /* ns of the load */
	int64_t end; /* ns of it until nothing more is due: duration, or earlier when max was reached */
	bool closed, poisson;

	int64_t warm_rate;
	uint64_t seed, full; /* ticks of the load if max were none */
	uint32_t count;
	struct schedule_piece {
		int64_t start, duration; /* ns of the load */
		int64_t from, to; /* rates */
		unsigned __int128 before; /* twice the area before it, 1e-15 requests */
	} pieces[SCHEDULE_STAGES_MAX];
};

void schedule_init(struct schedule *s, const struct schedule_setup *setup);

/* total = the number of k with due(k) < duration, = ceil(duration * rate / 1e15) in 128 bit. */
void schedule_constant(struct schedule *s, int64_t rate, int64_t duration);

/* ns after T0. Not of a closed schedule. Random access; who goes through the ticks in order takes a walk. */
int64_t schedule_due(const struct schedule *s, uint64_t tick);

/* How many ticks are due at or before this many ns after T0 (0 when negative), at most total. Not of a
 * closed schedule. */
uint64_t schedule_ticks_until(const struct schedule *s, int64_t offset);

/* The same for the load alone: its ticks that are due at or before this many ns after its beginning. */
uint64_t schedule_offered(const struct schedule *s, int64_t since);

/* The same due times; remembers its way, so that the next ticks cost little. */
struct schedule_walk {
	const struct schedule *s; /* must outlive the walk */
	int depth;
	struct schedule_node {
		uint64_t low; /* where the interval begins, in 2^-64 of the area; 2^(64 - depth) long */
		uint64_t first, count; /* ticks of the load in it */
	} path[65]; /* from the whole down to where the last tick was */
};

void schedule_walk_init(struct schedule_walk *w, const struct schedule *s);
int64_t schedule_walk_due(struct schedule_walk *w, uint64_t tick);

/* schedule_poisson.c: where tick k of the load stands, in 2^-64 of the area. */
uint64_t schedule_poisson(struct schedule_walk *w, uint64_t k);

/* A good hash of 64 bits, for everything that is to look random and be the same on every worker: the
 * finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static inline uint64_t schedule_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

#endif
