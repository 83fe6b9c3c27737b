/* listing.h - every job in reach: ours, then those of other processes, whose workers are not looked at. */
#ifndef FORK_LISTING_H
#define FORK_LISTING_H

#include "job.h"

struct listing {
	struct sq_job_state *states;
	uint32_t count;
	/* private */
	const struct job *own;
	char (*ids)[SQ_ID_MAX + 1]; /* of each state */
	bool failed;
};

/* l is zeroed. 0, or -ENOMEM with count 0; listing_free() follows in any case. */
int listing_make(struct listing *l, const struct job_site *site, struct job *own);
void listing_free(struct listing *l);

#endif
