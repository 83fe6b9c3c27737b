/*
 * tick_mark.h - for tests: every request says which tick of the test it is, in the header X-Squall-Tick, so
 * that a target's log can prove that none is sent twice.
 *
 * It exists in builds with failpoints alone, and there when SQUALL_TICK_HEADER is in the environment. The
 * digits are written into the bytes that all requests share: they leave in one write, or the test is not
 * one of this header.
 */
#ifndef WORKER_TICK_MARK_H
#define WORKER_TICK_MARK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"

#define TICK_MARK "X-Squall-Tick: "
#define TICK_MARK_DIGITS 20

/* One header more, if asked for. */
static inline void tick_mark_render(struct buf *out)
{
#ifdef SQ_FAILPOINTS
	if (getenv("SQUALL_TICK_HEADER"))
		buf_printf(out, TICK_MARK "%0*d\r\n", TICK_MARK_DIGITS, 0);
#else
	(void)out;
#endif
}

/* Where its digits are in a request, NULL without. */
static inline char *tick_mark_find(struct sq_slice request)
{
#ifdef SQ_FAILPOINTS
	char *at = memmem(request.data, request.len, TICK_MARK, sizeof TICK_MARK - 1);

	return at ? at + sizeof TICK_MARK - 1 : NULL;
#else
	(void)request;
	return NULL;
#endif
}

static inline void tick_mark_write(char *at, uint64_t tick)
{
	for (int i = TICK_MARK_DIGITS; at && i > 0; tick /= 10)
		at[--i] = (char)('0' + tick % 10);
}

#endif
