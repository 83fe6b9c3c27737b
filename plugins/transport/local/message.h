/*
 * message.h - what is done to the messages in the file; run on a pool thread.
 */
#ifndef TRANSPORT_LOCAL_MESSAGE_H
#define TRANSPORT_LOCAL_MESSAGE_H

#include "held.h"

#define BODY_MAX (1 << 20) /* bytes */

extern const struct verb verb_publish;

/* Is there a message to take? Status 1: yes. */
extern const struct verb verb_peek;

/* Locks and reads messages, oldest first. */
struct taking {
	struct job job;
	const struct terms *terms;
	uint32_t most; /* in: how many */
	struct held *first; /* out, malloc()ed, in order; the caller's */
	uint32_t count;
};
extern const struct verb verb_take;
void taking_drop(struct taking *t); /* forgets what was taken: the locks will expire */

/* Jobs of a struct held: settle and renew. settle's status 1: it is a dead letter, by max_deliveries. */
extern const struct verb verb_settle, verb_renew;

/* Forgets old dead letters, and what a repeated publish is told by. */
extern const struct verb verb_clean;

#endif
