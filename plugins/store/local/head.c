/* head.c - names, sizes, and what decides whether a record may be written. */
#include "record.h"

#include <errno.h>
#include <string.h>

int blob_check(const struct sq_slice *s)
{
	if (s->data == NULL && s->len > 0)
		return -EINVAL;
	return s->len > BLOB_MAX ? -E2BIG : 0;
}

/* A lease of another boot is over: its end lies in no future. Rounded up, so that a lease that is
 * valid never reads as ended. */
int64_t lease_until(const struct db *db, const char *boot, int64_t until)
{
	int64_t left = until - db->boot_now;

	if (until == 0)
		return 0;
	if (strcmp(boot, db->boot) != 0 || left <= 0)
		return db->clock;
	return db->clock + (left + SQ_MS - 1) / SQ_MS;
}

int head_read(struct db *db, const char *id, struct head *ret)
{
	struct query q = db_query(db, SQL_RECORD_GET);
	char boot[sizeof db->boot];
	int r;

	memset(ret, 0, sizeof *ret);
	query_text(&q, id);
	r = query_row(&q);
	if (r > 0) {
		ret->num = column_int(&q, RECORD_NUM);
		ret->version = (uint64_t)column_int(&q, RECORD_VERSION);
		ret->fence = (uint64_t)column_int(&q, RECORD_FENCE);
		ret->life = (enum sq_life)column_int(&q, RECORD_LIFE);
		column_text(&q, RECORD_BOOT, boot, sizeof boot);
		ret->until = lease_until(db, boot, column_int(&q, RECORD_UNTIL));
		ret->leased = ret->until > db->clock;
		column_text(&q, RECORD_OWNER, ret->owner, sizeof ret->owner);
		column_text(&q, RECORD_ADDRESS, ret->address, sizeof ret->address);
	}
	query_end(&q);
	return r < 0 ? r : 0;
}

int head_writable(const struct head *h, uint64_t fence)
{
	if (h->num == 0)
		return -ENOENT;
	if (h->life == SQ_TOMBSTONE)
		return -SQ_EGONE;
	if (h->life == SQ_TERMINAL)
		return -SQ_EFINAL;
	return fence != 0 && fence != h->fence ? -SQ_EFENCED : 0;
}

int head_open(struct db *db, const char *id, uint64_t fence, struct head *ret)
{
	int r = head_read(db, id, ret);

	return r < 0 ? r : head_writable(ret, fence);
}

int head_find(struct db *db, const char *id, struct head *ret)
{
	int r = head_read(db, id, ret);

	if (r < 0)
		return r;
	if (ret->num == 0)
		return -ENOENT;
	return ret->life == SQ_TOMBSTONE ? -SQ_EGONE : 0;
}

int record_read(struct query *q, struct arena *a, bool body, struct sq_record *ret)
{
	struct db *db = q->db;
	const char *boot;

	*ret = (struct sq_record){.version = (uint64_t)column_int(q, RECORD_VERSION),
	                          .fence = (uint64_t)column_int(q, RECORD_FENCE),
	                          .life = (enum sq_life)column_int(q, RECORD_LIFE),
	                          .created = column_int(q, RECORD_CREATED),
	                          .updated = column_int(q, RECORD_UPDATED)};
	ret->id = column_copy(q, RECORD_ID, a, NULL);
	ret->state = column_copy(q, RECORD_STATE, a, NULL);
	ret->owner = column_copy(q, RECORD_OWNER, a, NULL);
	ret->address = column_copy(q, RECORD_ADDRESS, a, NULL);
	boot = column_copy(q, RECORD_BOOT, a, NULL);
	ret->body.data = body ? column_copy(q, RECORD_BODY, a, &ret->body.len) : "";
	if (!ret->id || !ret->state || !ret->owner || !ret->address || !boot || !ret->body.data)
		return -ENOMEM;
	ret->lease_until = lease_until(db, boot, column_int(q, RECORD_UNTIL));
	return 0;
}
