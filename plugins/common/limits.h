/*
 * limits.h - the most that one test, and all together, may ask for. Pure.
 *
 * Gateway and orchestrator have the same options: a message may come from a foreign gateway.
 */
#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

struct plan;
struct plan_problems;

/* 0 = no limit. */
struct limits {
	int64_t rate; /* requests per second over all workers */
	int64_t workers;
	int64_t duration; /* ns */
	int64_t body; /* bytes of a request's */
	int64_t total_rate, total_workers; /* of all tests at the same time */
};

/* Adds a problem for each limit that the plan exceeds by itself, totals included; it names the option. */
void limits_check(const struct limits *l, const struct plan *p, struct plan_problems *problems);

/* What tests ask for together. */
struct demand {
	uint64_t tests;
	int64_t rate, workers; /* as in struct plan */
};
void demand_add(struct demand *d, int64_t rate, int64_t workers);
void demand_remove(struct demand *d, int64_t rate, int64_t workers);

/* Whether one of rate and workers may be added; if not, why says what is used up, with the option. */
bool limits_fit(const struct limits *l, const struct demand *d, int64_t rate, int64_t workers,
                struct sq_err *why);

#endif
