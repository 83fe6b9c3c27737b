/* backoff.c - delays between tries. */
#include "backoff.h"

/* splitmix64 (Sebastiano Vigna, public domain algorithm): one addition and three mixes a number. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int64_t backoff_next(struct backoff *b)
{
	int64_t most = b->base < b->ceiling ? b->base : b->ceiling;
	int64_t least = most < b->base / 2 ? most : b->base / 2;

	for (uint32_t i = 0; i < b->tries && most < b->ceiling; i++)
		most = most > b->ceiling / 2 ? b->ceiling : most * 2;
	if (b->tries < UINT32_MAX)
		b->tries++;
	return least + (int64_t)(next_random(&b->seed) % ((uint64_t)(most - least) + 1));
}
