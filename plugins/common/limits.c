/* limits.c - a plan against the most that one test may ask for. */
#include "limits.h"

#include "core/base/text.h"
#include "plan.h"
#include "plan_field.h"

void limits_check(const struct limits *l, const struct plan *p, struct plan_problems *problems)
{
	char most[TEXT_MAX];

	if (l->rate && p->rate > l->rate * PLAN_RATE_ONE)
		plan_problem(problems, "hits_per_sec",
		             "is more than this installation allows (max_rate = %lld)", (long long)l->rate);
	if (p->wire.allowed_targets)
		plan_problem(problems, "allowed_targets",
		             "is the operator's to say: it is an option of the "
		             "gateway and the orchestrator");
	if (l->workers && p->workers > l->workers)
		plan_problem(problems, "workers",
		             "are more than this installation allows (max_workers = %lld)",
		             (long long)l->workers);
	if (l->duration && p->duration > l->duration)
		plan_problem(problems, "duration_sec",
		             "is more than this installation allows (max_duration = %s)",
		             text_duration(most, l->duration));
}
