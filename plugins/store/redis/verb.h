/*
 * verb.h - one verb on records: what is well formed, what the script is told, what it answers. Pure.
 */
#ifndef STORE_REDIS_VERB_H
#define STORE_REDIS_VERB_H

#include "redis.h"

#define BLOB_MAX ((size_t)16 << 20) /* bytes of a body, an entry or a part */
#define ANSWER_BYTES (4 << 20) /* a page of records or entries ends behind this */

struct verb {
	const char *name;
	bool reads; /* changes nothing, so that a lost answer leaves nothing in doubt */
	int (*check)(const void *rq);
	void (*tell)(struct args *a, const void *rq, const struct store *s);
	/* Takes the outputs from an answer of this status: 0, -SQ_ECONFLICT or -SQ_EFINAL. The status, or
	 * -ENOMEM, or -EIO when the answer is none. NULL: there are none. */
	int (*take)(void *rq, const struct reply *r, struct arena *out, int status);
};

extern const struct verb verb_info, verb_get, verb_put, verb_list, verb_del, verb_lease, verb_release;
extern const struct verb verb_append, verb_merge, verb_range, verb_part_put, verb_parts;

/* --- request.c --- */

int blob_check(struct sq_slice s); /* 0, -EINVAL without data, -E2BIG */
int part_check(const struct sq_part *p);
void tell_part(struct args *a, const struct sq_part *p);

#endif
