/*
 * carrier.h - what the queue of this process (plugins/common/queue.h) does in the file. Loop thread.
 *
 * Free messages are looked for by a query and not by PRAGMA data_version, for a lock that runs out changes
 * nothing in the file.
 */
#ifndef TRANSPORT_LOCAL_CARRIER_H
#define TRANSPORT_LOCAL_CARRIER_H

#include "plugins/common/sqlite/disk.h"

#include "message.h"

struct carrier {
	struct queue queue;
	struct disk *disk;
	struct terms terms;
	struct job peek;
	struct taking taking;
};

void carrier_init(struct carrier *c, const struct sq_host *host, struct disk *disk, struct terms terms);
void carrier_free(struct carrier *c);

#endif
