/*
 * clock.h - the engine's clock: monotonic nanoseconds, the same that host->now() tells.
 *
 * The engine brings watchers of its own, so it reads the clock itself: twice per request, when it
 * is sent and when its answer was received.
 */
#ifndef WORKER_CLOCK_H
#define WORKER_CLOCK_H

#include <stdint.h>
#include <time.h>

#include <squall/util.h>

#define CLOCK_NEVER INT64_MAX

static inline int64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SQ_S + ts.tv_nsec;
}

#endif
