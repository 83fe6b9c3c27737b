/* schedule_poisson.c - where each tick falls when all are thrown at random: by halves, from a hash. */
#include <math.h>

#include "schedule.h"

#define COINS 4096 /* of one split; more ticks than that share them */
#define WORD 64

/* The interval's name: no two intervals, of whatever depth below 64, have the same. */
static uint64_t node_hash(const struct schedule *s, const struct schedule_node *n, int depth)
{
	return schedule_mix(schedule_mix(s->seed) ^ (n->low | 1ULL << (63 - depth)));
}

/* How many of this many fair coins show heads. */
static uint64_t heads(uint64_t hash, uint64_t coins)
{
	uint64_t n = 0;

	for (; coins >= WORD; coins -= WORD, hash++)
		n += (uint64_t)__builtin_popcountll(schedule_mix(hash));
	if (coins > 0)
		n += (uint64_t)__builtin_popcountll(schedule_mix(hash) >> (WORD - coins));
	return n;
}

/* Whole square root; the guess is off by one at most, for n below 2^63. */
static uint64_t root(uint64_t n)
{
	uint64_t r = (uint64_t)sqrt((double)n);

	while (r * r > n)
		r--;
	while ((r + 1) * (r + 1) <= n)
		r++;
	return r;
}

/*
 * How many of n ticks fall into the left half. The heads of n coins have the variance n / 4, those of
 * COINS coins COINS / 4; their distance from the mean is scaled by the root of the ratio, and reaches
 * n / 2 at most.
 */
static uint64_t left_of(const struct schedule *s, const struct schedule_node *n, int depth)
{
	uint64_t hash = node_hash(s, n, depth);
	int64_t distance;

	if (n->count <= COINS)
		return heads(hash, n->count);
	distance = (int64_t)heads(hash, COINS) - COINS / 2;
	return n->count / 2 + (uint64_t)(distance * (int64_t)root(n->count) / 64);
}

static void descend(struct schedule_walk *w, uint64_t k)
{
	struct schedule_node n = w->path[w->depth];
	uint64_t left = left_of(w->s, &n, w->depth);

	if (k - n.first < left) {
		n.count = left;
	} else {
		n.low += 1ULL << (63 - w->depth);
		n.first += left;
		n.count -= left;
	}
	w->path[++w->depth] = n;
}

uint64_t schedule_poisson(struct schedule_walk *w, uint64_t k)
{
	const struct schedule_node *n;

	while (w->depth > 0 &&
	       (k < w->path[w->depth].first || k - w->path[w->depth].first >= w->path[w->depth].count))
		w->depth--;
	while (w->path[w->depth].count > 1 && w->depth < 64)
		descend(w, k);
	n = &w->path[w->depth];
	/* Alone in it: anywhere. 2^64 places are enough for all others. */
	return w->depth < 64 ? n->low + (node_hash(w->s, n, w->depth) >> w->depth) : n->low;
}
