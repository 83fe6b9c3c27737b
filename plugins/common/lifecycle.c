/* lifecycle.c - the transition table of a test, and the one function that applies it. */
#include "lifecycle.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <squall/util.h>

#define OUTCOME T_STATES /* in the table: to whatever end was decided */

static const char *const words[T_STATES] = {"queued",   "provisioning", "ready",  "armed",     "running",
                                            "draining", "completed",    "failed", "cancelled", "timed_out"};

/* outcome and reason: decided by this row if nothing was decided before. */
static const struct row {
	enum test_state from;
	enum test_event event;
	enum test_state to;
	struct outcome outcome;
} table[] = {
    {T_QUEUED, E_OWNED, T_PROVISIONING, {OUTCOME, NULL}},
    {T_QUEUED, E_STOP, OUTCOME, {OUTCOME, NULL}},
    {T_QUEUED, E_DEADLINE, OUTCOME, {T_TIMED_OUT, "queue_timeout"}},

    {T_PROVISIONING, E_ALL_READY, T_READY, {OUTCOME, NULL}},
    {T_PROVISIONING, E_STOP, T_DRAINING, {OUTCOME, NULL}},
    {T_PROVISIONING, E_DEADLINE, T_DRAINING, {T_TIMED_OUT, "provisioning_timeout"}},

    {T_READY, E_T0_COMMITTED, T_ARMED, {OUTCOME, NULL}},
    {T_READY, E_STOP, T_DRAINING, {OUTCOME, NULL}},
    {T_READY, E_DEADLINE, T_DRAINING, {T_FAILED, "not_armed"}},

    {T_ARMED, E_T0_PASSED, T_RUNNING, {OUTCOME, NULL}},
    {T_ARMED, E_STOP, T_DRAINING, {OUTCOME, NULL}},
    {T_ARMED, E_DEADLINE, T_DRAINING, {T_FAILED, "not_started"}},

    {T_RUNNING, E_SCHEDULE_OVER, T_DRAINING, {T_COMPLETED, NULL}},
    {T_RUNNING, E_STOP, T_DRAINING, {OUTCOME, NULL}},
    {T_RUNNING, E_DEADLINE, T_DRAINING, {T_FAILED, "overrun"}},

    {T_DRAINING, E_STOP, T_DRAINING, {OUTCOME, NULL}},
    {T_DRAINING, E_ALL_GONE, OUTCOME, {T_COMPLETED, NULL}},
    {T_DRAINING, E_DEADLINE, OUTCOME, {T_COMPLETED, NULL}},
};

bool lifecycle_apply(struct lifecycle *l, enum test_event e, const struct outcome *how)
{
	enum test_state before = l->state;

	for (size_t i = 0; i < SQ_LEN(table); i++) {
		const struct row *r = &table[i];
		const struct outcome *o = how ? how : &r->outcome;

		if (r->from != before || r->event != e)
			continue;
		if (l->outcome.state == OUTCOME)
			l->outcome = *o;
		if (r->to != OUTCOME)
			l->state = r->to;
		else if (l->outcome.state != OUTCOME)
			l->state = l->outcome.state;
		break;
	}
	return l->state != before;
}

const char *lifecycle_word(enum test_state s)
{
	return s < T_STATES ? words[s] : "";
}

int lifecycle_parse(const char *word)
{
	for (int i = 0; i < T_STATES; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -EINVAL;
}

bool lifecycle_terminal(enum test_state s)
{
	return s >= T_COMPLETED && s < T_STATES;
}

struct lifecycle_limits lifecycle_limits(int64_t duration, int64_t drain)
{
	return (struct lifecycle_limits){
	    .queued = 24 * 3600 * SQ_S,
	    .provisioning = 600 * SQ_S,
	    .ready = 30 * SQ_S,
	    .armed = 5 * SQ_S,
	    .running = duration + 30 * SQ_S,
	    .draining = drain + 30 * SQ_S,
	};
}

int64_t lifecycle_limit(const struct lifecycle_limits *l, enum test_state s)
{
	switch (s) {
	case T_QUEUED:
		return l->queued;
	case T_PROVISIONING:
		return l->provisioning;
	case T_READY:
		return l->ready;
	case T_ARMED:
		return l->armed;
	case T_RUNNING:
		return l->running;
	case T_DRAINING:
		return l->draining;
	default:
		return 0;
	}
}
