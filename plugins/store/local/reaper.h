/*
 * reaper.h - retention: ended records become tombstones, old tombstones go. In small steps.
 */
#ifndef STORE_LOCAL_REAPER_H
#define STORE_LOCAL_REAPER_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/host.h>

#include "plugins/common/sqlite/batch.h"

struct reaper {
	const struct sq_host *host;
	struct batch *batch;
	int64_t retention, tombstone_ttl; /* ns */
	struct sq_timer timer;
	struct job job;
	bool stopped;
};

void reaper_start(struct reaper *r, const struct sq_host *host, struct batch *batch, int64_t retention,
                  int64_t tombstone_ttl);
void reaper_stop(struct reaper *r); /* a step that is on its way ends; no other follows */

#endif
