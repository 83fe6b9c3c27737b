/*
 * queue.h - the deliveries of this process, whatever carries them: credit, looking for messages, locks that
 * run out, settling and renewing. Loop thread; no I/O of its own.
 *
 * While there is credit to spare the carrier is asked for free messages every 100 ms, and at once after a
 * publish, a settlement or more credit of our own.
 */
#ifndef COMMON_QUEUE_H
#define COMMON_QUEUE_H

#include <stdbool.h>

#include <squall/host.h>

struct queue;

/* One message in this process's hands, from its taking to its settlement. The carrier allocates it, fills
 * delivery (but lock_until), and frees it in drop(). */
struct hold {
	struct hold *next;
	struct sq_delivery delivery;
	struct queue *queue;
	struct sq_timer expire;
	struct sq_settling *settling, *renewing; /* the role's requests, on their way */
	enum sq_settle how;
	int64_t pause; /* ns for which it stays away after it came back */
	int64_t asked; /* monotonic ns at which the renewal was asked for */
	bool going; /* settled, or on its way back */
};

struct queue_carrier {
	bool (*is_open)(struct queue *q);
	/* Locks at most so many free messages, oldest first; queue_taken() follows, never inside. sure: there
	 * is one. */
	void (*take)(struct queue *q, uint32_t most, bool sure);
	/* h->how, with reason and description in h->settling, NULL when the queue itself gives it back.
	 * queue_settled() follows, never inside, or it is refused. */
	int (*settle)(struct hold *h);
	/* The same; queue_renewed(). */
	int (*renew)(struct hold *h);
	void (*drop)(struct hold *h);
};

struct queue {
	const struct sq_host *host;
	const struct queue_carrier *carrier;
	int64_t lock; /* ns that a delivery is locked */
	uint32_t credit; /* how many the role wants to hold */
	uint32_t out; /* how many it holds, those that are being settled included */
	struct hold *held; /* these, and those that go back unseen */
	int64_t *dead; /* metric */

	struct sq_timer poll;
	int64_t asked; /* monotonic ns at which the taking was asked for */
	bool looking; /* a taking is on its way */
	bool again; /* something happened meanwhile */
	bool stopped;
};

void queue_init(struct queue *q, const struct sq_host *host, const struct queue_carrier *carrier,
                int64_t lock);
void queue_free(struct queue *q);

/* --- for the transport's verbs --- */

void queue_credit(struct queue *q, uint32_t most);
/* Something was published by this process. */
void queue_published(struct queue *q);
int queue_settle(struct queue *q, struct sq_settling *rq);
int queue_renew(struct queue *q, struct sq_settling *rq);
/* Nothing is delivered any more; what the role still holds goes back, uncounted. Its memory stays
 * until queue_free. */
void queue_stop(struct queue *q);

/* --- for the carrier --- */

/* first: a chain, in order, now the queue's; more: there are more. */
void queue_taken(struct queue *q, int status, struct hold *first, bool more);
/* status 1: it was its last attempt, it is a dead letter. */
void queue_settled(struct hold *h, int status);
void queue_renewed(struct hold *h, int status);
/* A message that the carrier put aside, for a reason of its own. */
void queue_dead(struct queue *q, const char *id, const char *why);
/* The carrier can be asked again. */
void queue_opened(struct queue *q);

#endif
