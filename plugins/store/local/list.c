/* list.c - pages of records, newest first. */
#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The cursor is the number of the last record shown. "" and 0 on failure alike are told apart by
 * the caller: numbers begin at 1. */
static int64_t cursor_read(const char *text)
{
	int64_t num = 0;

	if (*text == '\0')
		return INT64_MAX;
	for (; *text >= '0' && *text <= '9' && num < INT64_MAX / 10 - 1; text++)
		num = num * 10 + (*text - '0');
	return *text == '\0' ? num : 0;
}

static int list_check(const struct job *j)
{
	const struct sq_store_list *rq = j->rq;

	if (rq->state && !name_ok(rq->state))
		return -EINVAL;
	if (rq->limit < 1 || rq->limit > 1000 || rq->cursor == NULL || cursor_read(rq->cursor) == 0)
		return -EINVAL;
	return 0;
}

static void list_bind(struct query *q, const struct sq_store_list *rq)
{
	query_int(q, cursor_read(rq->cursor));
	query_text(q, rq->state);
	query_int(q, rq->unleased_only);
	query_text(q, q->db->boot);
	query_int(q, q->db->boot_now);
	query_int(q, (int64_t)rq->limit + 1); /* one more tells whether another page follows */
}

/* Fills the page, *ret_last = number of the last record on it; 1: more follow. */
static int list_rows(struct query *q, const struct sq_store_list *rq, struct arena *a, struct sq_record *page,
                     uint32_t *ret_count, int64_t *ret_last)
{
	size_t bytes = 0;
	int r;

	*ret_count = 0;
	while ((r = query_row(q)) > 0) {
		if (*ret_count == rq->limit || bytes > ANSWER_BYTES)
			return 1;
		r = record_read(q, a, !rq->heads_only, &page[*ret_count]);
		if (r < 0)
			return r;
		bytes += page[(*ret_count)++].body.len;
		*ret_last = column_int(q, RECORD_NUM);
	}
	return r;
}

static int list_run(struct db *db, struct job *j)
{
	struct sq_store_list *rq = j->rq;
	struct sq_record *page = arena_alloc(&j->out, rq->limit * sizeof *page);
	struct query q = db_query(db, rq->live_only ? SQL_LIST_LIVE : SQL_LIST_ALL);
	char next[24] = "";
	int64_t last = 0;
	uint32_t count;
	int r;

	list_bind(&q, rq);
	r = page ? list_rows(&q, rq, &j->out, page, &count, &last) : -ENOMEM;
	query_end(&q);
	if (r < 0)
		return r;
	if (r > 0)
		snprintf(next, sizeof next, "%lld", (long long)last);
	rq->next = arena_copy(&j->out, next, strlen(next));
	if (rq->next == NULL)
		return -ENOMEM;
	rq->records = page;
	rq->count = count;
	rq->now = db->clock;
	return 0;
}

const struct verb verb_list = {sizeof(struct sq_store_list), DB_READ, list_check, list_run};
