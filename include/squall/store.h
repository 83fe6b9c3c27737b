/*
 * store.h - what outlives a process: counters, records, leases, logs and parts.
 *
 * Every verb is a request that embeds a struct sq_op (op.h): fill the "in" fields, submit, read
 * the "out" fields inside done(). Inputs are borrowed until done(); outputs belong to the store
 * and are valid inside done() only: copy what you keep. Outputs are set only when status >= 0,
 * unless a verb says otherwise. All calls come on the loop thread.
 *
 * Requests of one process on one record take effect in the order of submission. A store that is
 * not connected refuses with -ENOTCONN (nothing was sent), it does not hold. Others: -EINVAL (a
 * name that is empty, too long or of other characters), -E2BIG, -ENOSPC, -EIO. A verb that an
 * older plugin lacks is refused by the host with -ENOSYS. Records and what hangs on them: record.h.
 */
#ifndef SQUALL_STORE_H
#define SQUALL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/op.h>
#include <squall/record.h>
#include <squall/util.h>

struct sq_store_info {
	struct sq_op op;
	char id[SQ_ID_MAX + 1]; /* out: names this store; the same for all who share it, for ever */
	int64_t now; /* out: the store's clock, Unix ms: what submitted_at is taken from */
};

/* Counters: signed 64 bit, made at 0 by the first use. */

#define SQ_COUNTER_HITS "total_hits" /* the one that REDIS_KEY names in the redis store */

struct sq_counter {
	const char *name; /* in */
	const char *record; /* in: the record it is deleted with, NULL = for ever */
	int64_t n; /* in: what to add, >= 0 */
	int64_t value; /* out: after the addition; so this caller's numbers are value-n+1 .. value */
};

/* Each item is one step, the request is not: after -SQ_EUNCERTAIN any of them may have been added.
 * Between two resets no two requests see the same number, also across kill -9; numbers may be
 * skipped then (the store's own documentation says how many). add and reset: -EBUSY when the store
 * lets one process alone own the counters and that is another one, -ERANGE beyond 2^63-1. */
struct sq_store_count {
	struct sq_op op;
	struct sq_counter *items; /* caller's, in and out, untouched by the caller until done() */
	unsigned count;
};

/*
 * Leases. fence = 0 asks for the lease: granted, with a new fence, when nobody else holds a valid
 * one; also to the owner that holds it, so that an uncertain answer can be asked again.
 * -SQ_ECONFLICT when somebody else does. fence = the one held renews: -SQ_EFENCED when it is no
 * longer the highest. The owner trusts host->now() at submission + ttl, never until.
 */
struct sq_store_lease {
	struct sq_op op;
	const char *id; /* in */
	const char *owner; /* in: host->instance */
	const char *address; /* in: URL where the owner is reached, at most 255 bytes, or "" */
	int64_t ttl; /* in: ns, 100 ms .. 1 h */
	uint64_t fence; /* in and out */
	uint64_t version; /* out: the record's, so that foreign writes are noticed */
	int64_t until; /* out: when it ends, by the store's clock; also on -SQ_ECONFLICT */
	const char *holder, *holder_address; /* out on -SQ_ECONFLICT */
};

/* Gives a lease up now. Ends 0 also when it was no longer ours. */
struct sq_store_release {
	struct sq_op op;
	const char *id;
	uint64_t fence;
};

#define SQ_STORE_MACHINE 0x01u /* only processes of this machine see what is in it */

struct sq_store {
	uint32_t size; /* sizeof(struct sq_store) */
	uint32_t caps; /* SQ_STORE_* */

	int (*info)(void *self, struct sq_store_info *rq);

	int (*add)(void *self, struct sq_store_count *rq); /* answered when the store has it */
	int (*read)(void *self, struct sq_store_count *rq); /* n is ignored */
	int (*reset)(void *self, struct sq_store_count *rq); /* to 0; value = what it was */

	int (*get)(void *self, struct sq_store_get *rq);
	int (*put)(void *self, struct sq_store_put *rq);
	int (*list)(void *self, struct sq_store_list *rq);
	int (*del)(void *self, struct sq_store_delete *rq);

	int (*lease)(void *self, struct sq_store_lease *rq);
	int (*release)(void *self, struct sq_store_release *rq);

	int (*append)(void *self, struct sq_store_append *rq);
	int (*merge)(void *self, struct sq_store_merge *rq);
	int (*range)(void *self, struct sq_store_range *rq);

	int (*part_put)(void *self, struct sq_store_part_put *rq);
	int (*parts)(void *self, struct sq_store_parts *rq);

	int (*cancel)(void *self, struct sq_op *op); /* 0, 1 or -EBUSY as op.h says */
};

#endif
