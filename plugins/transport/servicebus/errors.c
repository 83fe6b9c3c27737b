/* errors.c - the table. */
#include "errors.h"

#include <string.h>

#include <squall/util.h>

static const struct error_rule rules[] = {
    {"amqp:link:detach-forced", TROUBLE_NORMAL, NULL},
    {"amqp:connection:forced", TROUBLE_NORMAL, NULL},
    {"amqp:internal-error", TROUBLE_PASSING, NULL},
    {"amqp:link:transfer-limit-exceeded", TROUBLE_PASSING, NULL},
    {"com.microsoft:timeout", TROUBLE_PASSING, NULL},
    {"com.microsoft:operation-cancelled", TROUBLE_PASSING, NULL},
    {"com.microsoft:server-busy", TROUBLE_BUSY,
     "the namespace is throttled: use fewer readers, or the Premium tier"},
    {"amqp:unauthorized-access", TROUBLE_ACCESS,
     "check the key and that its policy has the rights Send and Listen"},
    {"com.microsoft:auth-failed", TROUBLE_ACCESS,
     "check the key and that its policy has the rights Send and Listen"},
    {"amqp:not-found", TROUBLE_SETUP, "create the queue, or correct SERVICE_BUS_QUEUE_NAME"},
    {"com.microsoft:entity-disabled", TROUBLE_SETUP, "enable the queue"},
    {"amqp:resource-limit-exceeded", TROUBLE_SETUP,
     "the queue or a quota of the namespace is full: empty it or raise it"},
    {"com.microsoft:message-lock-lost", TROUBLE_LOCK, NULL},
    {"amqp:link:message-size-exceeded", TROUBLE_SIZE, "send a smaller plan, or use the Premium tier"},
    {"amqp:not-implemented", TROUBLE_BUG, "is this Azure Service Bus?"},
    {"amqp:invalid-field", TROUBLE_BUG, "is this Azure Service Bus?"},
    {"amqp:decode-error", TROUBLE_BUG, "is this Azure Service Bus?"},
    {"amqp:not-allowed", TROUBLE_BUG, "a queue without sessions and partition rules is needed"},
};
static const struct error_rule unknown = {"", TROUBLE_PASSING, NULL};
static const struct error_rule lost = {"amqp:not-found", TROUBLE_LOCK, NULL};

const struct error_rule *error_rule(const char *condition)
{
	for (unsigned i = 0; condition && i < SQ_LEN(rules); i++)
		if (strcmp(rules[i].condition, condition) == 0)
			return &rules[i];
	return &unknown;
}

const struct error_rule *error_rule_settling(const char *condition)
{
	return condition && strcmp(condition, lost.condition) == 0 ? &lost : error_rule(condition);
}

int64_t error_pause(enum trouble t, struct backoff *b)
{
	static const int64_t least[] = {[TROUBLE_BUSY] = 2 * SQ_S,
	                                [TROUBLE_ACCESS] = 5 * SQ_S,
	                                [TROUBLE_SETUP] = 15 * SQ_S,
	                                [TROUBLE_BUG] = 30 * SQ_S};
	int64_t pause = backoff_next(b);

	return pause + (t < SQ_LEN(least) ? least[t] : 0);
}

const char *error_of_status(int status)
{
	switch (status) {
	case 401:
	case 403:
		return "amqp:unauthorized-access";
	case 404:
		return "amqp:not-found";
	case 408:
		return "com.microsoft:timeout";
	case 410:
		return "com.microsoft:message-lock-lost";
	case 429:
	case 503:
		return "com.microsoft:server-busy";
	default:
		return status >= 500 ? "amqp:internal-error" : "amqp:invalid-field";
	}
}
