/*
 * result.h - the result document, schema "squall.result/1" (design 6), from closed books.
 *
 * Pure. Members that a run cannot have are present with the word for that ("n/a", empty lists,
 * null for a number that was not measured), so that readers need no special cases. Times are in
 * ms, written exactly to the ns.
 */
#ifndef COMMON_RESULT_H
#define COMMON_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "books.h"
#include "plan.h"
#include "validity.h"

struct json_object;
struct threshold_watch;

struct result_input {
	const char *test_id;
	const char *state, *reason; /* "completed", NULL */
	const struct plan *plan;
	struct json_object *plan_as_given; /* borrowed; NULL = the effective one */
	const struct books *books; /* closed */
	const struct books *warmup; /* closed; NULL: there was none */
	const struct books *const *requests; /* closed, in the plan's order; NULL entries: nothing is known */
	uint32_t request_count; /* 0, or as many as the plan has */
	const struct health *health;
	int64_t submitted, started, ended; /* Unix ms, 0 = did not happen */
	/* ns from T0 to the end of the schedule or to the stop, or to the last request that was sent if
	 * that was later. */
	int64_t elapsed;
	uint32_t planned, armed, reported, lost, spared; /* workers; spared: struct load */
	int64_t clock_error, start_skew; /* as in struct load */
	const char *audit; /* "equal" "within" "broken" "n/a" */
	uint64_t audit_counted;
	const struct threshold_watch *watch; /* NULL: nobody watched, windows are undecided */
};

/*
 * The verdict: "fail" for a run that was completed without one ok answer, whatever else; "none" for one
 * that was not completed, that the generator spoiled (validity "invalid"), or whose books do not
 * close; else "fail" when a threshold does not hold, is undecided, or ended the test; else "pass". "balanced"
 * in the ledger is books_closed(). NULL without memory.
 */
struct json_object *result_write(const struct result_input *in);

#endif
