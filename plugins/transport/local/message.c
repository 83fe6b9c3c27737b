/* message.c - publish, take, settle, renew: one job each. */
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <squall/record.h>

#include "sql.h"

#define DAY_MS (24 * 3600 * 1000LL)
#define SEEN_MS (1 * DAY_MS) /* for as long a message published again is dropped */
#define DEAD_MS (30 * DAY_MS)

/* --- publish --- */

static int publish_check(const struct job *j)
{
	const struct sq_message *m = &((const struct sq_publish *)j->rq)->msg;

	if (m->id == NULL || strlen(m->id) > SQ_ID_MAX || (m->body.data == NULL && m->body.len > 0))
		return -EINVAL;
	return m->body.len > BODY_MAX ? -E2BIG : 0;
}

static bool is_seen(struct db *db, const struct sq_message *m)
{
	struct query q = db_query(db, SQL_SEEN);

	query_text(&q, m->id);
	query_int(&q, m->edition);
	query_int(&q, db->clock - SEEN_MS);
	return query_one(&q, 0) != 0;
}

static void see(struct db *db, const struct sq_message *m)
{
	struct query q = db_query(db, SQL_SEE);

	query_text(&q, m->id);
	query_int(&q, m->edition);
	query_int(&q, db->clock);
	query_run(&q);
}

static int publish_run(struct db *db, struct job *j)
{
	const struct sq_message *m = &((const struct sq_publish *)j->rq)->msg;
	struct query q;

	if (*m->id) { /* what has no name cannot be told from another */
		if (is_seen(db, m))
			return 0;
		see(db, m);
	}
	q = db_query(db, SQL_ADD);
	query_text(&q, m->id);
	query_int(&q, m->edition);
	query_int(&q, m->submitted_at);
	query_blob(&q, m->body);
	query_run(&q);
	return db->error;
}

const struct verb verb_publish = {sizeof(struct sq_publish), DB_WRITE, publish_check, publish_run};

/* --- take --- */

static struct query free_query(struct db *db, enum sql which)
{
	struct query q = db_query(db, which);

	query_text(&q, db->boot);
	query_int(&q, db->boot_now);
	return q;
}

static int peek_run(struct db *db, struct job *j)
{
	struct query q = free_query(db, SQL_FREE_ANY);
	int64_t found = query_one(&q, 0);

	(void)j;
	return db->error ? db->error : (int)found;
}

const struct verb verb_peek = {.mode = DB_READ, .run = peek_run};

enum { FREE_NUM, FREE_LOCK, FREE_ID, FREE_EDITION, FREE_SUBMITTED, FREE_ATTEMPT, FREE_BODY };

/* The current row, not locked yet. NULL without memory. */
static struct held *held_read(struct query *q, const struct terms *terms)
{
	size_t id_len = column_len(q, FREE_ID), body_len = column_len(q, FREE_BODY);
	struct held *h = calloc(1, sizeof *h + id_len + 1 + body_len);

	if (h == NULL || column_bytes(q, FREE_ID, h->data) < 0 ||
	    column_bytes(q, FREE_BODY, h->data + id_len + 1) < 0) {
		free(h);
		return NULL;
	}
	h->terms = terms;
	h->num = column_int(q, FREE_NUM);
	h->lock = column_int(q, FREE_LOCK);
	h->hold.delivery = (struct sq_delivery){.msg = {.id = h->data,
	                                                .edition = (uint32_t)column_int(q, FREE_EDITION),
	                                                .body = {h->data + id_len + 1, body_len},
	                                                .submitted_at = column_int(q, FREE_SUBMITTED)},
	                                        .attempt = (uint32_t)column_int(q, FREE_ATTEMPT),
	                                        .attempt_max = (uint32_t)terms->max_deliveries,
	                                        .driver = &h->hold};
	return h;
}

/* As many as there are and memory allows; -ENOMEM when not even one. */
static int take_read(struct db *db, struct taking *t)
{
	struct query q = free_query(db, SQL_FREE_LIST);
	struct held **last = &t->first;
	int r;

	query_int(&q, t->most);
	while ((r = query_row(&q)) > 0) {
		*last = held_read(&q, t->terms);
		if (*last == NULL)
			break;
		last = &(*last)->next;
		t->count++;
	}
	query_end(&q);
	return r > 0 && t->count == 0 ? -ENOMEM : db->error;
}

static int bury(struct db *db, const struct held *h, const char *reason, const char *description)
{
	struct query q = db_query(db, SQL_BURY);
	int r;

	query_int(&q, h->num);
	query_int(&q, h->lock);
	query_text(&q, reason);
	query_text(&q, description);
	query_int(&q, db->clock);
	r = query_run(&q);
	if (r <= 0)
		return r;
	q = db_query(db, SQL_ACK);
	query_int(&q, h->num);
	query_int(&q, h->lock);
	return query_run(&q);
}

static void take_one(struct db *db, struct held *h)
{
	struct query q;

	if (h->hold.delivery.attempt > h->terms->max_deliveries) {
		h->dead = true;
		bury(db, h, "max_deliveries", "every delivery of it ran out unsettled");
		return;
	}
	q = db_query(db, SQL_LOCK);
	query_int(&q, h->num);
	query_text(&q, db->boot);
	query_int(&q, db->boot_now + h->terms->lock);
	query_run(&q);
	h->hold.delivery.attempt++;
	h->lock++;
}

static int take_run(struct db *db, struct job *j)
{
	struct taking *t = sq_container(j, struct taking, job);
	int r;

	taking_drop(t); /* of a run before that was rolled back */
	r = take_read(db, t);
	for (struct held *h = t->first; r == 0 && h; h = h->next) {
		take_one(db, h);
		r = db->error;
	}
	return r;
}

const struct verb verb_take = {.mode = DB_WRITE, .run = take_run};

void taking_drop(struct taking *t)
{
	while (t->first) {
		struct held *h = t->first;

		t->first = h->next;
		free(h);
	}
	t->count = 0;
}

/* --- settle and renew --- */

static int give_back(struct db *db, const struct held *h)
{
	struct query q = db_query(db, SQL_BACK);

	query_int(&q, h->num);
	query_int(&q, h->lock);
	query_text(&q, db->boot);
	query_int(&q, db->boot_now + h->hold.pause);
	query_int(&q, h->hold.how == SQ_RELEASE);
	return query_run(&q);
}

static int settle(struct db *db, const struct held *h)
{
	const struct sq_settling *rq = h->hold.settling;
	struct query q;

	if (h->hold.how == SQ_DEAD)
		return bury(db, h, rq->reason, rq->description ? rq->description : "");
	if (h->hold.how != SQ_ACK)
		return give_back(db, h);
	q = db_query(db, SQL_ACK);
	query_int(&q, h->num);
	query_int(&q, h->lock);
	return query_run(&q);
}

/* A number of rows as the outcome: none means that the lock was another's by now. */
static int outcome(struct db *db, int rows)
{
	if (db->error)
		return db->error;
	return rows > 0 ? 0 : -SQ_EGONE;
}

static int settle_run(struct db *db, struct job *j)
{
	const struct held *h = sq_container(j, struct held, settle);
	int r;

	if (h->hold.how != SQ_RETRY || h->hold.delivery.attempt < h->hold.delivery.attempt_max)
		return outcome(db, settle(db, h));
	r = outcome(db, bury(db, h, "max_deliveries", "it failed at its last delivery"));
	return r == 0 ? 1 : r;
}

const struct verb verb_settle = {.mode = DB_WRITE, .run = settle_run};

static int renew_run(struct db *db, struct job *j)
{
	const struct held *h = sq_container(j, struct held, renew);
	struct query q = db_query(db, SQL_RENEW);

	query_int(&q, h->num);
	query_int(&q, h->lock);
	query_text(&q, db->boot);
	query_int(&q, db->boot_now + h->terms->lock);
	return outcome(db, query_run(&q));
}

const struct verb verb_renew = {.mode = DB_WRITE, .run = renew_run};

/* --- clean --- */

static int clean_run(struct db *db, struct job *j)
{
	struct query q = db_query(db, SQL_OLD_SEEN);

	(void)j;
	query_int(&q, db->clock - SEEN_MS);
	query_run(&q);
	q = db_query(db, SQL_OLD_DEAD);
	query_int(&q, db->clock - DEAD_MS);
	query_run(&q);
	return db->error;
}

const struct verb verb_clean = {.mode = DB_WRITE, .run = clean_run};
