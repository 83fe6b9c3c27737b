/*
 * backoff.h - delays between tries: exponential with full jitter below a ceiling, and never
 * less than half of the base, so that neither a crowd nor a lone client storms a peer.
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t base, ceiling; /* ns */
	uint32_t tries; /* since the last success */
	uint64_t seed; /* any number; different in each process */
};

int64_t backoff_next(struct backoff *b); /* ns to wait now; counts the try */
static inline void backoff_reset(struct backoff *b)
{
	b->tries = 0;
}

#endif
