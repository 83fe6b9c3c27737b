/*
 * lifecycle.h - the states of a test, as data. Pure.
 *
 *     queued -> provisioning -> ready -> armed -> running -> draining -> an end
 *
 * An end is completed, failed, cancelled or timed_out, and final. One table says which event
 * leads where; one function applies it, and what is not in the table changes nothing, so that
 * redelivered and reordered events are harmless.
 *
 * Once workers may exist, every way out leads through draining: an end is written only when every
 * worker acknowledged stop, delivered its final report, or is confirmed gone, or draining's
 * deadline passed (design 4). Which end it will be is the outcome, and the first one stays.
 */
#ifndef COMMON_LIFECYCLE_H
#define COMMON_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

enum test_state {
	T_QUEUED, /* the record exists; its message may be published */
	T_PROVISIONING, /* an orchestrator owns it; workers are being started */
	T_READY, /* all workers registered; T0 is being agreed */
	T_ARMED, /* T0 is committed: from here on the test never starts again */
	T_RUNNING, /* T0 has passed */
	T_DRAINING, /* nothing more becomes due; answers and final reports are awaited */
	T_COMPLETED,
	T_FAILED,
	T_CANCELLED,
	T_TIMED_OUT,
	T_STATES
};

enum test_event {
	E_OWNED, /* lease and compare-and-swap won */
	E_ALL_READY, /* every worker registered and is ready */
	E_T0_COMMITTED, /* T0 stands in the record, confirmed */
	E_T0_PASSED,
	E_SCHEDULE_OVER, /* T0 + duration has passed, or every worker gave its final */
	E_STOP, /* cancel, abort, fatal error, shutdown: the outcome comes with the event */
	E_ALL_GONE, /* nothing of ours can send load any more */
	E_DEADLINE, /* of the present state */
	E_EVENTS
};

/* How a test ends. Words live as long as the test. */
struct outcome {
	enum test_state state; /* a terminal one, or T_STATES while undecided */
	const char *reason; /* "cancelled", "queue_timeout", "workers_lost", ...; NULL for completed */
};

struct lifecycle {
	enum test_state state;
	struct outcome outcome;
};

#define LIFECYCLE_NEW               \
	{                           \
		T_QUEUED,           \
		{                   \
			T_STATES, 0 \
		}                   \
	}

/* Applies e; how: the outcome that comes with E_STOP, NULL otherwise. Whether the state changed. */
bool lifecycle_apply(struct lifecycle *l, enum test_event e, const struct outcome *how);

const char *lifecycle_word(enum test_state s); /* "queued", ... "timed_out" */
int lifecycle_parse(const char *word); /* enum test_state, or -EINVAL */
bool lifecycle_terminal(enum test_state s);

struct lifecycle_limits {
	int64_t queued, provisioning, ready, armed, running, draining; /* ns */
};

/* Defaults: 24 h, 10 min, 30 s, 5 s beyond T0, duration + 30 s, drain + 30 s. */
struct lifecycle_limits lifecycle_limits(int64_t duration, int64_t drain);
/* Longest stay in s, ns, 0 for an end. armed and running count from T0, the others from entry. */
int64_t lifecycle_limit(const struct lifecycle_limits *l, enum test_state s);

#endif
