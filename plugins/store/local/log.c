/* log.c - numbered entries of a record: append, merge, range. */
#include "record.h"

#include <errno.h>

static int64_t log_last(struct db *db, int64_t num, const char *log)
{
	struct query q = db_query(db, SQL_LOG_LAST);

	query_int(&q, num);
	query_text(&q, log);
	return query_one(&q, 0);
}

static int log_add(struct db *db, int64_t num, const char *log, int64_t seq, struct sq_slice entry)
{
	struct query q = db_query(db, SQL_LOG_ADD);

	query_int(&q, num);
	query_text(&q, log);
	query_int(&q, seq);
	query_blob(&q, entry);
	query_run(&q);
	return db->error;
}

static int append_check(const struct job *j)
{
	const struct sq_store_append *rq = j->rq;

	if (!name_ok(rq->id) || !name_ok(rq->log) || !number_ok(rq->fence) || !number_ok(rq->at))
		return -EINVAL;
	return blob_check(&rq->entry);
}

static int append_run(struct db *db, struct job *j)
{
	struct sq_store_append *rq = j->rq;
	struct head h;
	int64_t last, seq;
	int r = head_open(db, rq->id, rq->fence, &h);

	if (r < 0)
		return r;
	last = log_last(db, h.num, rq->log);
	if (last == INT64_MAX || (rq->at != 0 && (int64_t)rq->at <= last)) {
		rq->seq = (uint64_t)last;
		return -SQ_ECONFLICT;
	}
	seq = rq->at != 0 ? (int64_t)rq->at : last + 1;
	rq->seq = (uint64_t)seq;
	return log_add(db, h.num, rq->log, seq, rq->entry);
}

const struct verb verb_append = {sizeof(struct sq_store_append), DB_WRITE, append_check, append_run};

static int merge_check(const struct job *j)
{
	const struct sq_store_merge *rq = j->rq;

	if (!name_ok(rq->id) || !name_ok(rq->log) || !number_ok(rq->fence))
		return -EINVAL;
	if (rq->first == 0 || rq->first > rq->last || !number_ok(rq->last))
		return -EINVAL;
	return blob_check(&rq->entry);
}

/* An entry numbered last must be there, else the merged one would stand where none was. */
static int merge_run(struct db *db, struct job *j)
{
	struct sq_store_merge *rq = j->rq;
	struct query q;
	struct head h;
	int r = head_open(db, rq->id, rq->fence, &h);

	if (r < 0)
		return r;
	q = db_query(db, SQL_LOG_HAS);
	query_int(&q, h.num);
	query_text(&q, rq->log);
	query_int(&q, (int64_t)rq->last);
	if (query_one(&q, 0) == 0)
		return db->error ? db->error : -EINVAL;
	q = db_query(db, SQL_LOG_CUT);
	query_int(&q, h.num);
	query_text(&q, rq->log);
	query_int(&q, (int64_t)rq->first);
	query_int(&q, (int64_t)rq->last);
	query_run(&q);
	return log_add(db, h.num, rq->log, (int64_t)rq->last, rq->entry);
}

const struct verb verb_merge = {sizeof(struct sq_store_merge), DB_WRITE, merge_check, merge_run};

static int range_check(const struct job *j)
{
	const struct sq_store_range *rq = j->rq;

	if (!name_ok(rq->id) || !name_ok(rq->log) || !number_ok(rq->from))
		return -EINVAL;
	return rq->limit < 1 || rq->limit > 10000 ? -EINVAL : 0;
}

/* 1: the page is full and more follow. */
static int range_rows(struct query *q, struct arena *a, struct sq_entry *page, uint32_t limit,
                      uint32_t *ret_count)
{
	size_t bytes = 0;
	int r;

	*ret_count = 0;
	while ((r = query_row(q)) > 0) {
		struct sq_entry *e = &page[*ret_count];

		if (*ret_count == limit || bytes > ANSWER_BYTES)
			return 1;
		e->seq = (uint64_t)column_int(q, 0);
		e->data.data = column_copy(q, 1, a, &e->data.len);
		if (e->data.data == NULL)
			return -ENOMEM;
		bytes += e->data.len;
		++*ret_count;
	}
	return r;
}

static int range_run(struct db *db, struct job *j)
{
	struct sq_store_range *rq = j->rq;
	struct sq_entry *page = arena_alloc(&j->out, rq->limit * sizeof *page);
	struct query q;
	struct head h;
	uint32_t count;
	int r = page ? head_find(db, rq->id, &h) : -ENOMEM;

	if (r < 0)
		return r;
	q = db_query(db, SQL_LOG_RANGE);
	query_int(&q, h.num);
	query_text(&q, rq->log);
	query_int(&q, (int64_t)rq->from);
	query_int(&q, (int64_t)rq->limit + 1);
	r = range_rows(&q, &j->out, page, rq->limit, &count);
	query_end(&q);
	if (r < 0)
		return r;
	rq->entries = page;
	rq->count = count;
	rq->more = r > 0;
	rq->last = (uint64_t)log_last(db, h.num, rq->log);
	return db->error;
}

const struct verb verb_range = {sizeof(struct sq_store_range), DB_READ, range_check, range_run};
