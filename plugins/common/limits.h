/*
 * limits.h - the most that one test may ask for. Pure.
 *
 * Gateway and orchestrator have the same options: a message may come from a foreign gateway.
 */
#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

#include <stdint.h>

struct plan;
struct plan_problems;

/* 0 = no limit. */
struct limits {
	int64_t rate; /* requests per second over all workers */
	int64_t workers;
	int64_t duration; /* ns */
};

/* Adds a problem for each limit that the plan exceeds; it names the option. */
void limits_check(const struct limits *l, const struct plan *p, struct plan_problems *problems);

#endif
