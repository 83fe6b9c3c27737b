/* limits.c - a plan against the most that one test may ask for. */
#include "limits.h"

#include "core/base/text.h"
#include "plan.h"
#include "plan_field.h"

/* The closed model goes as fast as the target answers; what bounds it are its connections. */
#define MOST_CLOSED 1000

void limits_check(const struct limits *l, const struct plan *p, struct plan_problems *problems)
{
	char most[TEXT_MAX];

	if (l->rate && plan_peak_rate(p) > l->rate * PLAN_RATE_ONE)
		plan_problem(problems, "hits_per_sec",
		             "is more than this installation allows (max_rate = %lld)", (long long)l->rate);
	if (l->rate && p->mode == PLAN_CLOSED && p->connections > MOST_CLOSED)
		plan_problem(problems, "connections",
		             "are more than an installation with a limit of the rate (max_rate) allows in "
		             "the closed model (%d)",
		             MOST_CLOSED);
	if (l->workers && p->workers > l->workers)
		plan_problem(problems, "workers",
		             "are more than this installation allows (max_workers = %lld)",
		             (long long)l->workers);
	if (l->duration && plan_span(p) > l->duration)
		plan_problem(problems, "duration_sec",
		             "is more than this installation allows (max_duration = %s)",
		             text_duration(most, l->duration));
}
