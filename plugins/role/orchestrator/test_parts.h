/* test_parts.h - what the files that make up a test (test.h) share. */
#ifndef ORCHESTRATOR_TEST_PARTS_H
#define ORCHESTRATOR_TEST_PARTS_H

#include "test.h"

/* test.c */
/* Applies an event; a change of state is noted, saved, and starts its deadline. */
void test_apply(struct test *t, int64_t now, enum test_event e, const struct outcome *how);
void test_touch(struct test *t); /* something that the record must have */

/* barrier.c: ready, armed, T0 */
void barrier_tick(struct test *t, int64_t now);
void barrier_found(struct test *t, int64_t now, const struct standing *found); /* in the record */

/* loss.c: workers that are no more, or silent */
void loss_tick(struct test *t, int64_t now);
void loss_wake(struct test *t, int64_t gap); /* it was us who slept */
void loss_all_gone(struct test *t, int64_t now); /* the scheduler has nothing any more */
/* Right before the end: a test that was to be completed has failed when every worker is lost by now, unless it
 * was told to stop meanwhile. */
void loss_judge(struct test *t, int64_t now);

/* spread.c: until_tick, and slots that move */
void spread_tick(struct test *t, int64_t now);
/* Who is lost stays lost; and at the end, when nothing moves any more. */
void spread_declare(struct test *t, int64_t now);
/* What the worker of this place may be told now, which counts from then on. */
uint64_t spread_give(struct test *t, uint32_t place);
uint64_t spread_first(const struct test *t); /* the until_tick that is written with T0 */
uint32_t spread_spared(const struct test *t); /* losses that nobody made good */
void spread_measure(struct worker *w, const struct report *r); /* before r is taken over */

/* ending.c: how it stops, and when it is over */
void ending_tick(struct test *t, int64_t now);
/* detail_fmt may be NULL. */
void ending_stop(struct test *t, int64_t now, enum test_state state, const char *reason,
                 const char *detail_fmt, ...) SQ_PRINTF(5, 6);
void ending_leave(struct test *t); /* who is leaving, once nothing runs for it any more */
bool ending_halting(const struct test *t); /* workers are told to stop, and ended from outside as well */
bool ending_settled(const struct test *t); /* every worker is final and stored, or gone */

#endif
