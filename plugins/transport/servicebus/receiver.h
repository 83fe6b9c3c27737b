/*
 * receiver.h - deliveries: link credit, locks, and how a delivery ends.
 *
 *     receiver.c   the link, credit and arrivals; the role's verbs
 *     settle.c     settling and renewing, by the link or through $management
 *
 * The link has as much credit as the role has room. Less room drains the link, and what comes all the same
 * goes back unseen. An attempt over max_deliveries comes once more, so that the role can say why the message
 * is dead, and then it is put aside here. Loop thread only.
 */
#ifndef SERVICEBUS_RECEIVER_H
#define SERVICEBUS_RECEIVER_H

#include <squall/transport.h>

#include "held.h"
#include "rpc.h"

#define REMEMBERED 64

/* A settlement whose outcome nobody knows: if the message comes again, it is settled the same way. */
struct remembered {
	int64_t sequence, enqueued;
	int64_t until; /* monotonic ns; 0 = free */
	enum sq_settle how;
};

struct receiver {
	struct bus *bus;
	struct endpoint endpoint;
	struct rpc *management;
	const char *name; /* of the queue */
	int64_t lock; /* ns a lock holds; 0: as the service says */
	int64_t max_deliveries;
	uint32_t asked, credit; /* what the role wants to hold: said last, and in force */
	uint32_t out; /* what it holds */
	struct link held; /* of struct held */
	bool draining, stopped;
	bool unheard; /* stopped, and the link's credit was not taken back in time */
	struct sq_timer drain; /* its time-out */
	struct sq_post flow;
	struct sq_timer raise; /* asked comes into force */
	struct remembered remembered[REMEMBERED];
	unsigned next; /* to be overwritten */
	bool clock_told;
	int64_t *dead; /* metric */
};

struct receiver_terms {
	int64_t lock, max_deliveries;
};

void receiver_init(struct receiver *r, struct bus *bus, const char *queue, struct rpc *management,
                   struct receiver_terms terms, int64_t *dead);
void receiver_credit(struct receiver *r, uint32_t most);
int receiver_settle(struct receiver *r, struct sq_settling *rq);
int receiver_renew(struct receiver *r, struct sq_settling *rq);
int receiver_cancel(struct receiver *r, struct sq_op *op); /* -ENOENT: it is none of its own */
void receiver_session(struct receiver *r);
void receiver_lost(struct receiver *r); /* the connection */
/* Nothing is delivered any more; what the role still holds goes back. Its memory stays until receiver_free().
 */
void receiver_stop(struct receiver *r);
bool receiver_quiet(
    const struct receiver *r); /* nothing can come any more, and no settlement is on its way */
void receiver_free(struct receiver *r);

/* settle.c */
void held_settle(struct held *h); /* how is set */
void held_settled(struct held *h); /* its delivery was updated by the other side */
void held_unlinked(struct held *h); /* its link is gone */
void held_connected(struct held *h); /* there is a connection again */
void held_watch(struct held *h, int64_t until); /* the lock ends then, monotonic ns */
int held_renew(struct held *h, struct sq_settling *rq);
void held_free(struct held *h);
/* What the dead letter will say that d is going to be; description may be NULL. */
void settle_reason(pn_delivery_t *d, const char *reason, const char *description);

/* receiver.c */
void receiver_left(struct receiver *r, struct held *h); /* h ended: room for another */
void receiver_remember(struct receiver *r, const struct held *h);
int64_t receiver_lock_end(struct receiver *r, int64_t asked, int64_t until_ms);

#endif
