/*
 * errors.h - what an error condition of Service Bus means, and what to do about it.
 *
 * The table follows Microsoft's clients (error table of the AMQP protocol guide; core-amqp's retry policy).
 * Pure.
 */
#ifndef SERVICEBUS_ERRORS_H
#define SERVICEBUS_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/backoff.h"

enum trouble {
	TROUBLE_NORMAL, /* a link or connection that was idle: attach again, quietly */
	TROUBLE_PASSING, /* try again soon; also whatever we have never heard of */
	TROUBLE_BUSY, /* throttled: leave it alone for a while */
	TROUBLE_ACCESS, /* no valid token, or not the right: a new token, then slowly (keys get rotated) */
	TROUBLE_SETUP, /* somebody has to create, enable or empty something: slowly */
	TROUBLE_LOCK, /* the lock is lost: the message is somebody else's */
	TROUBLE_SIZE, /* too large: never again */
	TROUBLE_BUG, /* not what we think the other side is: slowly */
};

struct error_rule {
	const char *condition; /* "amqp:not-found" */
	enum trouble trouble;
	const char *cure; /* for the log, or NULL */
};

/* Never NULL. condition may be NULL: a lost connection. */
const struct error_rule *error_rule(const char *condition);

/* The rule of a refused settlement: there amqp:not-found means that the lock is lost. */
const struct error_rule *error_rule_settling(const char *condition);

/* How long to wait before the next try; counts it. Never under the least that the trouble asks for. */
int64_t error_pause(enum trouble t, struct backoff *b);

/* What a CBS or management answer's status code means, if it names no condition. */
const char *error_of_status(int status);

#endif
