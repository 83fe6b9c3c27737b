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

enum validity validity_judge(const struct books *b, const struct health *h, uint64_t offered,
                             struct json_object **ret_reasons);
/* Reasons: [{"what","value","limit","cure"}], texts. NULL without memory. */

const char *validity_word(enum validity v); /* "valid" "suspect" "invalid" */

#endif
