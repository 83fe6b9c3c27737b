/* part.c - named blobs of a record. */
#include "record.h"

#include <errno.h>
#include <string.h>

/* 1: written, 0: a stored one with this or a higher seq stayed. */
int part_write(struct db *db, int64_t num, const struct sq_part *part)
{
	struct query q = db_query(db, SQL_PART_PUT);

	query_int(&q, num);
	query_text(&q, part->name);
	query_int(&q, (int64_t)part->seq);
	query_blob(&q, part->data);
	return query_run(&q);
}

static int part_drop(struct db *db, int64_t num, const char *name)
{
	struct query q = db_query(db, SQL_PART_DROP);

	query_int(&q, num);
	query_text(&q, name);
	query_run(&q);
	return db->error;
}

static int part_put_check(const struct job *j)
{
	const struct sq_store_part_put *rq = j->rq;

	if (!name_ok(rq->id) || !name_ok(rq->part.name) || !number_ok(rq->fence) || !number_ok(rq->part.seq))
		return -EINVAL;
	return rq->remove ? 0 : blob_check(&rq->part.data);
}

static int part_put_run(struct db *db, struct job *j)
{
	struct sq_store_part_put *rq = j->rq;
	struct head h;
	int r = head_open(db, rq->id, rq->fence, &h);

	if (r < 0)
		return r;
	rq->kept = false;
	if (rq->remove)
		return part_drop(db, h.num, rq->part.name);
	r = part_write(db, h.num, &rq->part);
	rq->kept = r == 0;
	return r < 0 ? r : 0;
}

const struct verb verb_part_put = {sizeof(struct sq_store_part_put), DB_WRITE, part_put_check, part_put_run};

static int parts_check(const struct job *j)
{
	const struct sq_store_parts *rq = j->rq;

	if (!name_ok(rq->id) || rq->prefix == NULL)
		return -EINVAL;
	return *rq->prefix == '\0' || name_ok(rq->prefix) ? 0 : -EINVAL;
}

/* The number of parts is not known ahead: twice the room each time it is used up. */
static struct sq_part *parts_room(struct arena *a, struct sq_part *have, uint32_t count)
{
	struct sq_part *more;

	if (count & (count - 1)) /* full at powers of two only */
		return have;
	more = arena_alloc(a, (count ? 2 * count : 1) * sizeof *more);
	if (more && count > 0)
		memcpy(more, have, count * sizeof *more);
	return more;
}

static int parts_run(struct db *db, struct job *j)
{
	struct sq_store_parts *rq = j->rq;
	struct sq_part *parts = NULL, *p;
	struct query q;
	struct head h;
	uint32_t count = 0;
	int r = head_find(db, rq->id, &h);

	if (r < 0)
		return r;
	q = db_query(db, SQL_PART_LIST);
	query_int(&q, h.num);
	query_text(&q, rq->prefix);
	while ((r = query_row(&q)) > 0) {
		parts = parts_room(&j->out, parts, count);
		if (parts == NULL)
			break;
		p = &parts[count++];
		p->name = column_copy(&q, 0, &j->out, NULL);
		p->seq = (uint64_t)column_int(&q, 1);
		p->data.data = column_copy(&q, 2, &j->out, &p->data.len);
		if (p->name == NULL || p->data.data == NULL)
			break;
	}
	query_end(&q);
	if (r != 0)
		return r < 0 ? r : -ENOMEM;
	rq->parts = parts;
	rq->count = count;
	return 0;
}

const struct verb verb_parts = {sizeof(struct sq_store_parts), DB_READ, parts_check, parts_run};
