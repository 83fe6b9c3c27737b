/* record.c - get, put and delete of records, and what the store says of itself. */
#include "record.h"

#include <errno.h>
#include <string.h>

static int get_check(const struct job *j)
{
	const struct sq_store_get *rq = j->rq;

	return name_ok(rq->id) ? 0 : -EINVAL;
}

static int get_run(struct db *db, struct job *j)
{
	struct sq_store_get *rq = j->rq;
	struct query q = db_query(db, SQL_RECORD_GET);
	int r;

	query_text(&q, rq->id);
	r = query_row(&q);
	if (r > 0)
		r = record_read(&q, &j->out, true, &rq->record);
	else if (r == 0)
		r = -ENOENT;
	query_end(&q);
	if (r == 0)
		rq->now = db->clock;
	return r;
}

const struct verb verb_get = {sizeof(struct sq_store_get), DB_READ, get_check, get_run};

/* A verb that writes: the clock it hands out is what ages of messages are counted from, so not
 * even another process may read an earlier one afterwards. */
static int info_run(struct db *db, struct job *j)
{
	struct sq_store_info *rq = j->rq;

	memcpy(rq->id, db->id, sizeof rq->id);
	rq->now = db->clock;
	return 0;
}

const struct verb verb_info = {sizeof(struct sq_store_info), DB_WRITE, NULL, info_run};

static int put_check(const struct job *j)
{
	const struct sq_store_put *rq = j->rq;
	int r;

	if (!name_ok(rq->id) || !name_ok(rq->state) || !number_ok(rq->version) || !number_ok(rq->fence))
		return -EINVAL;
	if (rq->life != SQ_LIVE && rq->life != SQ_TERMINAL)
		return -EINVAL;
	r = blob_check(&rq->body);
	for (uint32_t i = 0; r == 0 && i < rq->part_count; i++) {
		const struct sq_part *part = &rq->parts[i];

		r = name_ok(part->name) && number_ok(part->seq) ? blob_check(&part->data) : -EINVAL;
	}
	return r;
}

static void put_new(struct db *db, const struct sq_store_put *rq, struct head *h)
{
	struct query q = db_query(db, SQL_RECORD_ADD);

	query_text(&q, rq->id);
	query_text(&q, rq->state);
	query_int(&q, SQ_LIVE);
	query_int(&q, db->clock);
	query_blob(&q, rq->body);
	query_run(&q);
	h->num = sqlite3_last_insert_rowid(db->handle);
	h->version = 1;
}

static void put_again(struct db *db, const struct sq_store_put *rq, struct head *h)
{
	struct query q = db_query(db, SQL_RECORD_SET);

	query_int(&q, h->num);
	query_text(&q, rq->state);
	query_int(&q, db->clock);
	query_blob(&q, rq->body);
	query_run(&q);
	h->version++;
}

/* Ends the lease, and removes secrets, those that this very step brought among them. */
static void put_end(struct db *db, int64_t num)
{
	struct query q = db_query(db, SQL_RECORD_END);

	query_int(&q, num);
	query_run(&q);
	q = db_query(db, SQL_PART_SECRETS);
	query_int(&q, num);
	query_run(&q);
}

static int put_judge(struct db *db, struct sq_store_put *rq, struct head *h)
{
	int r = head_read(db, rq->id, h);

	if (r < 0)
		return r;
	if (h->num == 0 && rq->version == 0)
		return rq->fence == 0 ? 0 : -SQ_EFENCED;
	r = head_writable(h, rq->fence);
	if (r == 0 && rq->version != h->version)
		r = -SQ_ECONFLICT;
	rq->stored = h->version;
	return r;
}

static int put_run(struct db *db, struct job *j)
{
	struct sq_store_put *rq = j->rq;
	struct head h;
	int r = put_judge(db, rq, &h);

	if (r < 0)
		return r;
	if (h.num == 0)
		put_new(db, rq, &h);
	else
		put_again(db, rq, &h);
	for (uint32_t i = 0; i < rq->part_count && db->error == 0; i++)
		part_write(db, h.num, &rq->parts[i]);
	if (rq->life == SQ_TERMINAL)
		put_end(db, h.num);
	rq->stored = h.version;
	return db->error;
}

const struct verb verb_put = {sizeof(struct sq_store_put), DB_WRITE, put_check, put_run};

int record_bury(struct db *db, int64_t num, const char *id)
{
	struct query q = db_query(db, SQL_RECORD_BURY);

	query_int(&q, num);
	query_int(&q, db->clock);
	query_run(&q);
	q = db_query(db, SQL_LOG_WIPE);
	query_int(&q, num);
	query_run(&q);
	q = db_query(db, SQL_PART_WIPE);
	query_int(&q, num);
	query_run(&q);
	q = db_query(db, SQL_COUNTER_WIPE);
	query_text(&q, id);
	query_run(&q);
	return db->error;
}

static int del_check(const struct job *j)
{
	const struct sq_store_delete *rq = j->rq;

	return name_ok(rq->id) ? 0 : -EINVAL;
}

static int del_run(struct db *db, struct job *j)
{
	const struct sq_store_delete *rq = j->rq;
	struct head h;
	int r = head_read(db, rq->id, &h);

	if (r < 0)
		return r;
	if (h.num == 0)
		return -ENOENT;
	if (h.life == SQ_LIVE)
		return -EBUSY;
	return h.life == SQ_TOMBSTONE ? 0 : record_bury(db, h.num, rq->id);
}

const struct verb verb_del = {sizeof(struct sq_store_delete), DB_WRITE, del_check, del_run};
