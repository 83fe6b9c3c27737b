/*
 * machine.h - how much CPU this process may use, and what the machine took from it.
 *
 * Everything is read from files of the kernel under root: "" is this machine, a test puts a
 * folder of its own in place.
 */
#ifndef WORKER_MACHINE_H
#define WORKER_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "plugins/common/validity.h"

/* CPU quota of our cgroup (v1 or v2), the smallest on the way to the root, in thousandths of a
 * CPU. -1: none, or it cannot be read. */
int64_t machine_cpu_quota(const char *root);

/* Whether a thread of ours can run without a break: no quota below one CPU, and the machine has
 * a CPU left for the others. */
bool machine_whole_cpu(const char *root);

/* Counters at one moment; -1 = cannot be read. */
struct machine_marks {
	int64_t at; /* monotonic ns */
	int64_t cpu, throttled, run_queue, steal; /* ns */
	int64_t segments, retransmits; /* TCP, of the network namespace */
};

void machine_read(const char *root, int64_t now, struct machine_marks *m);

/* Nothing was measured. */
#define MACHINE_UNKNOWN                      \
	((struct health){.cpu = -1,          \
	                 .throttled = -1,    \
	                 .run_queue = -1,    \
	                 .steal = -1,        \
	                 .loop_lag_p99 = -1, \
	                 .retransmits = -1,  \
	                 .segments = -1})

/* What happened between two moments: fills all of *h that the marks know. */
void machine_between(const struct machine_marks *from, const struct machine_marks *to, struct health *h);

#endif
