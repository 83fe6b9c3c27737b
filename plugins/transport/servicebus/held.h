/*
 * held.h - one message in this process's hands, from its arrival to the end of its settlement.
 *
 *     held ----settle()----> pausing --(retry, release: a moment)--> settling ---the queue's word---> freed
 *       \------the lock ends-----> lost, freed
 *
 * The lock belongs to the message and not to the link: when the link is lost, delivery is NULL, and settling
 * and renewing go on through $management once there is a connection again.
 */
#ifndef SERVICEBUS_HELD_H
#define SERVICEBUS_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include <proton/delivery.h>

#include <squall/host.h>

#include "plugins/common/list.h"
#include "rpc.h"

struct receiver;

enum held_stage {
	HELD_PARKED, /* it came when there was no room: for a moment, so that it keeps its place */
	HELD_OUT, /* the role has it */
	HELD_PAUSING, /* to be settled in a moment: whoever could not use it shall not spin */
	HELD_WAITING, /* to be settled once there is a connection */
	HELD_SETTLING, /* the queue was told, and will answer */
	HELD_OVER, /* settled while this process stops; the role may look at it to the end */
};

struct held {
	struct link link; /* of receiver.held */
	struct receiver *receiver;
	struct sq_delivery delivery; /* msg points to id and body */
	pn_delivery_t *pn; /* NULL: its link is gone */
	uint8_t tag[16]; /* the lock token */
	bool has_tag;
	int64_t sequence, enqueued;
	enum held_stage stage;
	bool ours; /* the role never saw it, or is not asked any more: nobody waits for the outcome */
	bool counted; /* against the role's credit */

	struct sq_settling *settling, *renewing; /* the role's requests; NULL: none, or it gave up */
	enum sq_settle how;
	const char *reason, *description; /* of SQ_DEAD; of the request, or constants */
	char *own; /* what reason and description point into when the request is given up */
	struct sq_timer lock; /* its end */
	struct sq_timer pause;
	int64_t asked; /* monotonic ns at which the renewal was asked for */
	struct rpc_call settle_call, renew_call;
	char *body;
	char id[SQ_ID_MAX + 1];
};

#endif
