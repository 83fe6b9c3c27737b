/*
 * threshold.h - what a plan wants its measurements to be, in k6's words, and whether they are. Pure.
 *
 *     http_req_duration   p(99)<250        times: avg min med max p(N); numbers are ms, 250ms 1.5s 300us do
 *     http_req_failed     rate<0.01        shares: rate; a number of 0 .. 1, or 1%
 *     dropped_iterations  count==0         counts: count, and rate for each second
 *
 * Operators: < <= > >= == != (=== and !== as well). The metrics are a table in threshold.c.
 *
 * A threshold holds, fails, or cannot be decided, which is never green. What was never answered (in flight
 * at the end, broken off, a lost worker's) is a lower bound of its time: if the outcome hangs on it, the
 * threshold is undecided. A time-out took as long as it was waited for, which decides a limit that is no
 * longer than that; of a longer one it is a lower bound as well. Of an answer that never began, receiving may
 * have taken anything. Nor does a percentile decide that holds, but with fewer than ten samples beyond it.
 */
#ifndef COMMON_THRESHOLD_H
#define COMMON_THRESHOLD_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

#include "books.h"

#define THRESHOLD_TEXT 64 /* bytes of an expression with its NUL */
#define THRESHOLD_BARE "http_req_response_time" /* what an expression without a metric is about */
#define THRESHOLD_BEYOND 10 /* samples beyond a percentile without which it says nothing */

enum threshold_aggregate { AGG_AVG, AGG_MIN, AGG_MED, AGG_MAX, AGG_P, AGG_RATE, AGG_COUNT };
enum threshold_op { OP_LT, OP_LE, OP_GT, OP_GE, OP_EQ, OP_NE };

struct threshold_metric;

struct threshold {
	const struct threshold_metric *metric; /* static */
	enum threshold_aggregate aggregate;
	enum threshold_op op;
	double percent; /* of AGG_P and AGG_MED: 0 .. 100 */
	double limit; /* ms, a share of 1, a count, or a number a second */
	bool abort; /* abortOnFail: the test ends when it fails */
	int64_t delay; /* delayAbortEval: ns after the start before which it does not */
	int64_t window; /* ns: has to hold in every span of so long; 0 = over the whole test */
	char expression[THRESHOLD_TEXT]; /* as written */
};

/* Fills all but abort, delay and window. metric: of len bytes. 0 or -EINVAL with the reason. */
int threshold_parse(struct threshold *out, const char *metric, size_t len, const char *expression,
                    struct sq_err *err);
/* An expression that begins with what is computed is about THRESHOLD_BARE; else the metric comes first:
 * "http_req_failed rate<0.01". */
int threshold_parse_line(struct threshold *out, const char *line, struct sq_err *err);

const char *threshold_metric_name(const struct threshold *t);
/* "ms" "share" "count" "per_second" */
const char *threshold_unit(const struct threshold *t);
/* The histogram that it looks at, or -1. */
int threshold_hist(const struct threshold *t);

/* What thresholds look at, beside histograms. Cumulative, so that a span is a difference. */
struct threshold_counts {
	uint64_t ok, failed; /* ended so; failed: sent or not */
	uint64_t unknown; /* whose end nobody knows */
	uint64_t sent, dropped, checks_failed;
	uint64_t ended; /* of those that were sent: in a class */
	uint64_t timeouts, cut; /* of these without a whole answer: timed out, and all others */
	uint64_t bytes_sent, bytes_received;
};
struct threshold_counts threshold_count(const struct books *b);
struct threshold_counts threshold_counts_since(const struct threshold_counts *now,
                                               const struct threshold_counts *before);

struct threshold_data {
	struct threshold_counts counts;
	const struct hist *hist; /* that of threshold_hist(), NULL for none */
	int64_t elapsed; /* ns that it is about */
	int64_t timeout; /* ns that a request was waited for at least before it timed out */
};

enum threshold_state { THRESHOLD_HOLDS, THRESHOLD_FAILS, THRESHOLD_UNDECIDED };

struct threshold_finding {
	enum threshold_state state;
	bool enough; /* samples for more than an impression */
	bool measured;
	double value; /* in the unit; if measured */
	char why[160]; /* it is undecided; else "" */
};

void threshold_judge(const struct threshold *t, const struct threshold_data *d,
                     struct threshold_finding *out);

/* Whether a failure with this value in mid-test is one for good: counts only grow. */
bool threshold_is_final(const struct threshold *t, double value);

#endif
