/*
 * timeline.h - one point of a test's timeline: a second, by difference of cumulative books. Pure.
 */
#ifndef COMMON_TIMELINE_H
#define COMMON_TIMELINE_H

#include <stdint.h>

#include <squall/util.h>

#include "books.h"

struct json_object;
struct timeline;

/* cpu: what all workers used before the first second, as in struct timeline_now. NULL without memory. */
struct timeline *timeline_new(int64_t cpu);
void timeline_free(struct timeline *t);

struct timeline_now {
	uint64_t second; /* 0 = the first after T0 */
	uint64_t offered; /* ticks that were due so far */
	const struct books *books; /* merged, so far */
	uint32_t workers; /* that take part */
	int64_t cpu; /* ns of CPU that all workers used so far, negative = not known */
};

/*
 * The point for what happened since the last one:
 *     {"t","offered","sent","ok","errors","p50","p90","p95","p99","p99_9","max","lag_p99","in_flight",
 *      "workers","cpu","hist"}
 * Latencies are response times in ms, null when nothing ended; errors are the requests that ended
 * otherwise than ok, sent or not, but for dropped ones; cpu is what each worker used of one CPU since the
 * last point, in percent, or null; hist is the blob of the response times. NULL without memory, and then it
 * may be asked for again.
 */
struct json_object *timeline_point(struct timeline *t, const struct timeline_now *now);

/*
 * Two neighbours, as they were stored, in one: it has the later one's t, and stands for both. begin: the
 * second that the earlier one begins with. Counts are added, latencies are those of both; but lag_p99 is the
 * higher one, as no lags are stored, and cpu a mean over the seconds. 0, -ENOMEM, or -EBADMSG: one of them is
 * no point.
 */
int timeline_merge(struct sq_slice earlier, struct sq_slice later, uint64_t begin, struct json_object **ret);

#endif
