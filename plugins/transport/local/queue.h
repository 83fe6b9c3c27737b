/*
 * queue.h - the deliveries of this process: credit, looking for messages, locks. Loop thread.
 *
 * While there is credit to spare the file is asked for free messages every 100 ms, and at once after
 * a publish, a settlement or more credit of our own. That is a query and not a look at
 * PRAGMA data_version, for a lock that runs out changes nothing in the file.
 */
#ifndef TRANSPORT_LOCAL_QUEUE_H
#define TRANSPORT_LOCAL_QUEUE_H

#include "plugins/common/sqlite/disk.h"

#include "message.h"

struct queue {
	const struct sq_host *host;
	struct disk *disk;
	struct terms terms;
	uint32_t credit; /* how many the role wants to hold */
	uint32_t out; /* how many it holds, those that are being settled included */
	struct held *held; /* these, and those that go back unseen */
	int64_t *dead; /* metric */

	struct sq_timer poll;
	struct job peek;
	struct taking taking;
	int64_t asked; /* monotonic ns at which the taking was asked for */
	bool looking; /* peek or taking is on its way */
	bool again; /* something happened meanwhile */
};

void queue_init(struct queue *q, const struct sq_host *host, struct disk *disk, struct terms terms);
void queue_credit(struct queue *q, uint32_t most);
/* Something was published: it may be taken in the same transaction. */
void queue_published(struct queue *q);
int queue_settle(struct queue *q, struct sq_settling *rq);
int queue_renew(struct queue *q, struct sq_settling *rq);
/* Nothing is delivered any more; what the role still holds goes back, uncounted. Its memory stays
 * until queue_free. */
void queue_stop(struct queue *q);
void queue_free(struct queue *q);

#endif
