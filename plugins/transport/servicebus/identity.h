/*
 * identity.h - which test a message is about, and the message-id that says so.
 *
 * Ours carry the test's id, edition and time in application properties. Their message-id is "ID" for edition
 * 1 and "ID/EDITION" for others, so that a queue with duplicate detection drops what was sent twice and
 * nothing else ('/' is in no id). A foreign message is about the test that its message-id names, else the
 * test_id of its JSON body, else the one named by its place in the queue. Pure.
 */
#ifndef SERVICEBUS_IDENTITY_H
#define SERVICEBUS_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/record.h>
#include <squall/util.h>

#define WIRE_ID_MAX (SQ_ID_MAX + 12) /* Service Bus takes 128 characters */

bool identity_valid(const char *s, size_t len); /* a name of the store */

/* 0, or -EIO when the system gives no random bytes for a message without a name. */
int identity_wire(const char *id, uint32_t edition, char out[WIRE_ID_MAX + 1]);

struct foreign {
	struct sq_slice message_id; /* as text; empty without one */
	struct sq_slice body;
	int64_t sequence, enqueued; /* x-opt-sequence-number, x-opt-enqueued-time (Unix ms) */
};

/* The same for every delivery of one message. 0 or -ENOMEM. */
int identity_foreign(const struct foreign *f, char out[SQ_ID_MAX + 1]);

#endif
