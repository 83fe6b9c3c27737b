/*
 * transport.h - the work queue: tests waiting for an orchestrator.
 *
 * At-least-once delivery with competing readers. The common part of Azure Service Bus (link
 * credit, peek-lock, second-mode settlement) and Redis streams (consumer group, pending list).
 * All calls come on the loop thread, all completions leave through host->op_done().
 */
#ifndef SQUALL_TRANSPORT_H
#define SQUALL_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include <squall/op.h>
#include <squall/util.h>

struct sq_message {
	const char *id; /* the test; "" when a foreign message has none */
	uint32_t edition; /* 1; a sweep that publishes anew uses a new number. Only a message of equal id
	                   * and edition may be dropped as a duplicate */
	struct sq_slice body; /* JSON text */
	int64_t submitted_at; /* Unix ms by the store's clock; copied, not renewed, by republishing; 0 =
	                         unknown */
};

/*
 * One message in this process's hands. The carrier's memory, the role's to use until one of
 *   settle() accepted   the carrier frees it after done(), whatever the status: -SQ_EGONE = the lock
 *                       was lost, -SQ_EUNCERTAIN = expect it again. No lost() follows. A refused
 *                       settle() leaves it with the role.
 *   lost()              the lock expired; a pending renew has ended with -SQ_EGONE before.
 */
struct sq_delivery {
	struct sq_message msg;
	uint32_t attempt; /* 1 for the first */
	uint32_t attempt_max; /* SQ_RETRY at this attempt is SQ_DEAD; 0 = unknown. A carrier that can delivers
	                       * an expired last attempt once more, so that the role can say why it is dead */
	int64_t lock_until; /* monotonic ns; renew or settle before it */
	void *driver; /* the carrier's */
};

enum sq_settle {
	SQ_ACK, /* done with it, for good */
	SQ_RETRY, /* failed: comes back with attempt + 1, dead after max_deliveries */
	SQ_RELEASE, /* not our turn: comes back without counting as an attempt */
	SQ_DEAD, /* never again: to the dead-letter queue, with the reason */
};

struct sq_publish {
	struct sq_op op;
	struct sq_message msg; /* borrowed until done() */
};

struct sq_settling {
	struct sq_op op;
	struct sq_delivery *delivery;
	enum sq_settle how;
	const char *reason, *description; /* SQ_DEAD: borrowed until done() */
};

#define SQ_TRANSPORT_REMOTE 0x01u /* its messages reach processes on other machines */

struct sq_transport {
	uint32_t size; /* sizeof(struct sq_transport) */
	uint32_t caps; /* SQ_TRANSPORT_* */

	/* Ends with 0 when the queue has confirmed the message. -SQ_EUNCERTAIN: send it again, the
	 * same id and edition. -ENOTCONN: not connected, nothing was sent; a carrier does not hold it. */
	int (*publish)(void *self, struct sq_publish *rq);

	/* How many unsettled deliveries this process may hold: the only back-pressure there is.
	 * Starts at 0; may be raised and lowered at any time; what comes beyond it is released by the
	 * carrier, never delivered. Deliveries go to host->deliver(). */
	void (*credit)(void *self, uint32_t most);

	/* Each delivery is settled exactly once, or comes back after its lock expires. */
	int (*settle)(void *self, struct sq_settling *rq);

	/* Extends the lock of rq->delivery (how is ignored) and sets lock_until. One at a time; settle()
	 * cancels a pending one. -SQ_EGONE: too late, the lock is lost. */
	int (*renew)(void *self, struct sq_settling *rq);

	/* Forget an op that was accepted and not completed: 0, 1 or -EBUSY as op.h says. */
	int (*cancel)(void *self, struct sq_op *op);
};

#endif
