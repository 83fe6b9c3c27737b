/*
 * validity.h - whether the generator's own numbers can be trusted. Pure: measurements in,
 * verdict out. Each reason carries its measured value, its limit and the cure.
 */
#ifndef COMMON_VALIDITY_H
#define COMMON_VALIDITY_H

#include <stdbool.h>
#include <stdint.h>

#include "books.h"

struct json_object;

enum validity { VALID, SUSPECT, INVALID };

/* What a worker saw of its own machine during the test. Negative = could not be measured. */
struct health {
	int64_t elapsed; /* ns of wall time observed */
	int64_t cpu; /* ns of CPU this process used */
	int64_t throttled; /* ns that the cgroup's CPU quota stopped us (v1 and v2) */
	int64_t run_queue; /* ns this thread was runnable without a CPU (/proc/self/schedstat) */
	int64_t steal; /* ns that the hypervisor took, over all CPUs, divided by their number */
	int64_t loop_lag_p99; /* ns */
	int64_t retransmits; /* TCP segments sent again, whole network namespace */
	int64_t segments; /* TCP segments sent, the same */
	int64_t fd_exhausted; /* times that no file descriptor was left */
	int64_t port_exhausted; /* times that no local port was left */
};

/* What the generator was asked to do. */
struct load {
	uint64_t offered; /* ticks that were due while the test ran */
	double per_worker; /* requests per second that one worker was asked for; 0 = unknown */
	uint32_t workers, lost; /* planned, and those of them that were lost */
	bool redistributes; /* others take over what a lost one had to send ... */
	uint32_t spared; /* ... but for so many of them */
	int64_t clock_error; /* ns: how far a worker's idea of T0 may be off; negative = unknown */
	int64_t start_skew; /* ns: between the first sends of two workers; the same */
	bool closed; /* as fast as the connections go: not by a schedule */
	bool rests; /* but each of them pauses between its requests */
};

/* What a lag is measured against: 1 ms, or 5 % of the median service time if that is more. */
int64_t validity_lag_limit(const struct books *b);

/*
 * Judges closed books by the table in validity.c. Whether the target or the plan let requests fail
 * is not asked here: a run of which nothing was sent is valid unless the machine was the reason.
 * *ret_reasons: [{"what","value","limit","cure","status"}], texts; "what value (limit limit)" is a
 * sentence; status is the word for this reason alone. NULL without memory.
 */
enum validity validity_judge(const struct books *b, const struct health *h, const struct load *l,
                             struct json_object **ret_reasons);

const char *validity_word(enum validity v); /* "valid" "suspect" "invalid" */

/*
 * Who was at the limit, of a run of this health: "generator" (most requests were looked at late), "target"
 * (looked at in time, but most waited for connections, or many gave up waiting) or "none". In the closed
 * model somebody always is, unless connections rest: the generator when its workers used their CPU up, else
 * the target.
 */
const char *validity_saturated(const struct books *b, const struct health *h, const struct load *l);

#endif
