/* limits.c - plans against the most that may be asked for. */
#include "limits.h"

#include <errno.h>

#include "core/base/text.h"
#include "plan.h"
#include "plan_field.h"

#define MORE "more than this installation allows"

/* The closed model goes as fast as the target answers; what bounds it are its connections. */
#define MOST_CLOSED 1000

/* *ret_name: the field that has it. */
static size_t longest_body(const struct plan *p, const char **ret_name)
{
	size_t longest = p->body_len;

	*ret_name = "body";
	for (uint32_t i = 0; i < p->request_count; i++)
		if (p->requests[i].body_len > longest) {
			longest = p->requests[i].body_len;
			*ret_name = "requests";
		}
	return longest;
}

void limits_check(const struct limits *l, const struct plan *p, struct plan_problems *problems)
{
	char most[TEXT_MAX];
	const char *name;

	int64_t rate = plan_peak_rate(p);

	if (l->rate && rate > l->rate * PLAN_RATE_ONE)
		plan_problem(problems, "hits_per_sec", "is " MORE " (max_rate = %lld)", (long long)l->rate);
	else if (l->total_rate && rate > l->total_rate * PLAN_RATE_ONE)
		plan_problem(problems, "hits_per_sec", "is " MORE " (max_total_rate = %lld)",
		             (long long)l->total_rate);
	if (p->wire.allowed_targets)
		plan_problem(problems, "allowed_targets",
		             "is the operator's to say: it is an option of the "
		             "gateway and the orchestrator");
	if ((l->rate || l->total_rate) && p->mode == PLAN_CLOSED && p->connections > MOST_CLOSED)
		plan_problem(problems, "connections",
		             "are more than an installation with a limit of the rate (%s) allows in "
		             "the closed model (%d)",
		             l->rate ? "max_rate" : "max_total_rate", MOST_CLOSED);
	if (l->workers && p->workers > l->workers)
		plan_problem(problems, "workers", "are " MORE " (max_workers = %lld)", (long long)l->workers);
	else if (l->total_workers && p->workers > l->total_workers)
		plan_problem(problems, "workers", "are " MORE " (max_total_workers = %lld)",
		             (long long)l->total_workers);
	if (l->duration && plan_span(p) > l->duration)
		plan_problem(problems, "duration_sec", "is " MORE " (max_duration = %s)",
		             text_duration(most, l->duration));
	if (l->body && longest_body(p, &name) > (size_t)l->body)
		plan_problem(problems, name, "is " MORE " (max_request_body = %lld bytes)",
		             (long long)l->body);
}

void demand_add(struct demand *d, int64_t rate, int64_t workers)
{
	d->tests++;
	d->rate += rate;
	d->workers += workers;
}

void demand_remove(struct demand *d, int64_t rate, int64_t workers)
{
	d->tests--;
	d->rate -= rate;
	d->workers -= workers;
}

bool limits_fit(const struct limits *l, const struct demand *d, int64_t rate, int64_t workers,
                struct sq_err *why)
{
	char used[TEXT_MAX];

	if (l->total_rate && d->rate + rate > l->total_rate * PLAN_RATE_ONE) {
		sq_fail(why, -EBUSY,
		        "other tests ask for %s requests per second, and all together may ask for "
		        "max_total_rate = %lld",
		        text_number(used, (double)d->rate / PLAN_RATE_ONE), (long long)l->total_rate);
		return false;
	}
	if (l->total_workers && d->workers + workers > l->total_workers) {
		sq_fail(why, -EBUSY,
		        "other tests have %s workers, and all together may have max_total_workers = %lld",
		        text_count(used, (uint64_t)d->workers), (long long)l->total_workers);
		return false;
	}
	return true;
}
