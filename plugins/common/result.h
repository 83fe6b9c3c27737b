/*
 * result.h - the result document, schema "squall.result/1" (design 6), from closed books.
 *
 * Pure. Members that a run cannot have (history, audit of a foreign target) are present with
 * the word for that ("n/a", empty lists), so that readers need no special cases.
 */
#ifndef COMMON_RESULT_H
#define COMMON_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "books.h"
#include "plan.h"
#include "validity.h"

struct json_object;

struct result_input {
	const char *test_id;
	const char *state, *reason; /* "completed", NULL */
	const struct plan *plan;
	struct json_object *plan_as_given; /* borrowed; NULL = the effective one */
	const struct books *books; /* closed */
	const struct health *health;
	int64_t submitted, started, ended; /* Unix ms, 0 = did not happen */
	int64_t elapsed; /* ns from T0 to the end of the schedule, or to the stop */
	uint32_t planned, armed, reported; /* workers */
	const char *audit; /* "equal" "within" "broken" "n/a" */
	uint64_t audit_counted;
};

/* NULL without memory. */
struct json_object *result_write(const struct result_input *in);

/* The exit code that this document asks for (design 12): 0, 97, 98, 99. */
int result_exit_code(struct json_object *doc, bool strict, bool allow_invalid);

#endif
