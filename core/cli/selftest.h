/*
 * selftest.h - what the measurements of a self-test mean. Pure.
 *
 * A target that answers at once is frozen for F in the middle of a constant load that lasts D. A request
 * that is due x after the beginning of the freeze is answered F - x after it was due, so the share of
 * requests that take longer than t is (F - t) / D, and the percentile p stands at F - D (1 - p). A tool
 * that waits for answers before it sends the next request would see one slow request for each of its
 * connections instead.
 *
 * It fails when the machine gives squall too little CPU to be on time, and says what was measured, against
 * which limit, and what helps; or when squall itself is wrong, which needs a report.
 */
#ifndef CLI_SELFTEST_H
#define CLI_SELFTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"

struct json_object;

/* ms; percent below 100, or 100 for the largest. What lies outside the freeze counts as 0. */
double selftest_theory(double frozen_ms, double duration_ms, double percent);

/* Whether a measured time is that: within 5 % of the freeze: the target needs a while to answer what has
 * piled up. */
bool selftest_agrees(double measured_ms, double theory_ms, double frozen_ms);

/* What is printed: {"schema": "squall.selftest/1", ...}, from the results of the two runs. NULL without
 * memory. */
struct json_object *selftest_judge(struct json_object *frozen_run, struct json_object *ceiling_run,
                                   double frozen_ms, long cpus);

/* The same for people, in lines of at most 80 columns; appended to out. */
void selftest_text(struct json_object *o, bool color, struct buf *out);

#endif
