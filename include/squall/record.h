/*
 * record.h - the record of a test in the store, with its logs and parts.
 *
 * It is changed by compare-and-swap on its version. Who owns it is a lease, judged by the store's
 * clock, and every grant raises its fence by one. Versions, fences and sequence numbers start at 1.
 *
 * A write to a record (put, append, merge, part_put) is checked in this order, in one atomic step:
 *     -ENOENT         no such record
 *     -SQ_EGONE       a tombstone
 *     -SQ_EFINAL      terminal: nothing but deletion is possible
 *     -SQ_EFENCED     it names a fence (not 0) that is not the highest ever granted
 *     -SQ_ECONFLICT   put: the stored version is another; append: the number is taken
 * Writes that name no fence are for those who do not own it (a gateway that asks for a cancel).
 *
 * The store alone reaps: a terminal record becomes a tombstone after its retention time, which stays
 * for at least 7 days, longer than any message may wait in a queue.
 */
#ifndef SQUALL_RECORD_H
#define SQUALL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/op.h>
#include <squall/util.h>

/* Most bytes of the name of a record, owner, log, part or counter: [A-Za-z0-9._:-]. */
#define SQ_ID_MAX 64

enum sq_life {
	SQ_LIVE, /* may be written, leased, logged to */
	SQ_TERMINAL, /* final: only deletion is possible; kept for the store's retention time */
	SQ_TOMBSTONE /* deleted: keeps id, version and fence so that nothing can come back to life */
};

struct sq_record {
	const char *id;
	uint64_t version; /* of the last write */
	uint64_t fence; /* highest ever granted */
	enum sq_life life;
	const char *state; /* the caller's word, for filters: "queued", "running", ... */
	int64_t created, updated; /* store's clock, Unix ms */
	int64_t lease_until; /* the same; a lease is valid while this is in the store's future; 0 = none */
	const char *owner, *address; /* the last lease's, or "" */
	struct sq_slice body; /* JSON text; empty for a tombstone */
};

/* Parts: named blobs of a record (a worker's snapshot, a slot map, secret headers). Those whose
 * name begins with "secret." are deleted by the very step that makes the record terminal. */
struct sq_part {
	const char *name;
	uint64_t seq; /* 0 = always replaces what is stored */
	struct sq_slice data;
};

struct sq_store_get {
	struct sq_op op;
	const char *id; /* in */
	struct sq_record record; /* out; -ENOENT when there is none. A tombstone is found */
	int64_t now; /* out: the store's clock */
};

/* Compare-and-swap. version = 0: the record must not exist (-SQ_ECONFLICT if it does). Becoming
 * terminal ends the lease. */
struct sq_store_put {
	struct sq_op op;
	const char *id, *state; /* in */
	uint64_t version; /* in: expected */
	uint64_t fence; /* in: the writer's lease, 0 for none */
	enum sq_life life; /* in: SQ_LIVE or SQ_TERMINAL */
	struct sq_slice body; /* in */
	const struct sq_part *parts; /* in: written in the same atomic step, or NULL */
	uint32_t part_count; /* in */
	uint64_t stored; /* out: the version now; also on -SQ_ECONFLICT and -SQ_EFINAL */
};

/* Newest first, without tombstones. cursor: "" for the first page, then what the last answer gave;
 * no record that exists throughout is skipped or repeated. */
struct sq_store_list {
	struct sq_op op;
	const char *state; /* in: only these, NULL = all */
	bool live_only; /* in */
	bool unleased_only; /* in: only records without a valid lease: what a sweep adopts */
	bool heads_only; /* in: leave body empty */
	const char *cursor; /* in */
	uint32_t limit; /* in: 1 .. 1000 */
	const struct sq_record *records; /* out */
	uint32_t count; /* out */
	const char *next; /* out: cursor of the next page, "" at the end */
	int64_t now; /* out: the store's clock */
};

/* A terminal record, its logs and parts become a tombstone. -EBUSY: it is live; a tombstone: 0. */
struct sq_store_delete {
	struct sq_op op;
	const char *id; /* in */
};

/* Logs: entries numbered from 1 in each (id, log), in rising order; merging leaves gaps. */

struct sq_store_append {
	struct sq_op op;
	const char *id, *log; /* in */
	uint64_t fence; /* in */
	uint64_t at; /* in: 0, or the number it must get, higher than any stored: makes it repeatable */
	struct sq_slice entry; /* in */
	uint64_t seq; /* out: its number; on -SQ_ECONFLICT the highest stored */
};

/* The entries first .. last become one, numbered last, which must exist (-EINVAL): thins a timeline. */
struct sq_store_merge {
	struct sq_op op;
	const char *id, *log; /* in */
	uint64_t fence, first, last; /* in */
	struct sq_slice entry; /* in */
};

struct sq_entry {
	uint64_t seq;
	struct sq_slice data;
};

struct sq_store_range {
	struct sq_op op;
	const char *id, *log; /* in */
	uint64_t from; /* in: first number wanted */
	uint32_t limit; /* in: 1 .. 10000; fewer may come, the store bounds the bytes */
	const struct sq_entry *entries; /* out */
	uint32_t count; /* out */
	bool more; /* out */
	uint64_t last; /* out: highest number stored, 0 = empty */
};

struct sq_store_part_put {
	struct sq_op op;
	const char *id; /* in */
	uint64_t fence; /* in */
	struct sq_part part; /* in */
	bool remove; /* in: delete it, whatever its seq */
	bool kept; /* out: a stored part with this or a higher seq stayed */
};

struct sq_store_parts {
	struct sq_op op;
	const char *id, *prefix; /* in: "" = all */
	const struct sq_part *parts; /* out, by name */
	uint32_t count; /* out */
};

#endif
