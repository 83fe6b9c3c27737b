/*
 * failmalloc.h - make the n-th allocation fail.
 *
 * Link with failmalloc.c and $(failmalloc_ldflags). Only calls from the program's own objects
 * (and the convenience libraries linked into it) are counted, not those inside shared libraries.
 * Link with failjson.c and $(failjson_ldflags) as well, and calls into json-c that allocate are
 * counted and fail like allocations.
 *
 *     for (int n = 1; ; n++) {
 *             failmalloc_after(n);
 *             r = thing_under_test();
 *             if (!failmalloc_stop())
 *                     break;          // it ran through without meeting the n-th allocation
 *             ok(r == -ENOMEM, ...);
 *     }
 */
#ifndef TESTS_FAILMALLOC_H
#define TESTS_FAILMALLOC_H

#include <stdbool.h>

void failmalloc_after(unsigned n); /* the n-th allocation from now (1 = the next) fails, later ones succeed */
bool failmalloc_stop(void); /* back to normal; whether one did fail */
bool failmalloc_now(void); /* for wrappers: counts one more allocation; whether it has to fail */

#endif
