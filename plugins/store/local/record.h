/*
 * record.h - the verbs on records and what hangs on them; run on a pool thread.
 */
#ifndef STORE_LOCAL_RECORD_H
#define STORE_LOCAL_RECORD_H

#include <squall/store.h>

#include "plugins/common/sqlite/batch.h"
#include "plugins/common/well_formed.h"

#include "sql.h"

extern const struct verb verb_info;
extern const struct verb verb_get, verb_put, verb_list, verb_del;
extern const struct verb verb_lease, verb_release;
extern const struct verb verb_append, verb_merge, verb_range;
extern const struct verb verb_part_put, verb_parts;

#define BLOB_MAX (64 << 20) /* bytes of a body, an entry or a part */
#define ANSWER_BYTES (4 << 20) /* a page of records or entries ends behind this */

/* Columns of SQL_RECORD_GET and the lists. */
enum {
	RECORD_NUM,
	RECORD_VERSION,
	RECORD_FENCE,
	RECORD_LIFE,
	RECORD_STATE,
	RECORD_CREATED,
	RECORD_UPDATED,
	RECORD_BOOT,
	RECORD_UNTIL,
	RECORD_OWNER,
	RECORD_ADDRESS,
	RECORD_ID,
	RECORD_BODY
};

/* 0, -EINVAL without data, -E2BIG. */
int blob_check(const struct sq_slice *s);

/* What decides whether a record may be written. num = 0: there is none. */
struct head {
	int64_t num;
	uint64_t version, fence;
	enum sq_life life;
	bool leased; /* by a lease that is valid now */
	int64_t until; /* its end by the store's clock, or when it was; 0 = none */
	char owner[SQ_ID_MAX + 1], address[256];
};
int head_read(struct db *db, const char *id, struct head *ret);
/* The order of refusals in squall/record.h, up to -SQ_EFENCED. */
int head_writable(const struct head *h, uint64_t fence);
/* Reads it and judges; for logs and parts of a record that exists. */
int head_open(struct db *db, const char *id, uint64_t fence, struct head *ret);
/* For readers of logs and parts: -ENOENT or -SQ_EGONE. */
int head_find(struct db *db, const char *id, struct head *ret);

/* The current row; 0 or -ENOMEM. */
int record_read(struct query *q, struct arena *a, bool body, struct sq_record *ret);

int64_t lease_until(const struct db *db, const char *boot, int64_t until);

/* Shared with put: writes a part by the rule of seq. */
int part_write(struct db *db, int64_t num, const struct sq_part *part);
/* A terminal record becomes a tombstone; shared with the reaper. */
int record_bury(struct db *db, int64_t num, const char *id);

#endif
