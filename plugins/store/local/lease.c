/*
 * lease.c - who owns a record.
 *
 * A lease ends at a point of CLOCK_BOOTTIME, which no one can set and which goes on while the
 * machine sleeps, and names the boot it belongs to: after a restart of the machine its owner is
 * gone, and so is the lease.
 */
#include "record.h"

#include <errno.h>
#include <string.h>

static int lease_check(const struct job *j)
{
	const struct sq_store_lease *rq = j->rq;

	if (!name_ok(rq->id) || !name_ok(rq->owner) || !number_ok(rq->fence))
		return -EINVAL;
	if (rq->address == NULL || strlen(rq->address) > 255)
		return -EINVAL;
	return rq->ttl < 100 * SQ_MS || rq->ttl > 3600 * SQ_S ? -EINVAL : 0;
}

static int lease_conflict(struct job *j, const struct head *h)
{
	struct sq_store_lease *rq = j->rq;

	rq->holder = arena_copy(&j->out, h->owner, strlen(h->owner));
	rq->holder_address = arena_copy(&j->out, h->address, strlen(h->address));
	rq->until = h->until;
	return rq->holder && rq->holder_address ? -SQ_ECONFLICT : -ENOMEM;
}

static int lease_grant(struct db *db, struct sq_store_lease *rq, const struct head *h, uint64_t fence)
{
	struct query q = db_query(db, SQL_LEASE_SET);
	int64_t until = db->boot_now + rq->ttl;

	query_int(&q, h->num);
	query_int(&q, (int64_t)fence);
	query_text(&q, db->boot);
	query_int(&q, until);
	query_text(&q, rq->owner);
	query_text(&q, rq->address);
	query_run(&q);
	rq->fence = fence;
	rq->version = h->version;
	rq->until = lease_until(db, db->boot, until);
	return db->error;
}

/* A renewal depends on owner and fence, not on the version: a cancel that a gateway wrote must
 * not cost the owner its lease. */
static int lease_run(struct db *db, struct job *j)
{
	struct sq_store_lease *rq = j->rq;
	struct head h;
	int r = head_open(db, rq->id, rq->fence, &h);

	if (r < 0)
		return r;
	if (rq->fence != 0)
		return strcmp(h.owner, rq->owner) == 0 ? lease_grant(db, rq, &h, rq->fence) : -SQ_EFENCED;
	if (h.leased && strcmp(h.owner, rq->owner) != 0)
		return lease_conflict(j, &h);
	return lease_grant(db, rq, &h, h.fence + 1);
}

const struct verb verb_lease = {sizeof(struct sq_store_lease), DB_WRITE, lease_check, lease_run};

static int release_check(const struct job *j)
{
	const struct sq_store_release *rq = j->rq;

	return name_ok(rq->id) && number_ok(rq->fence) ? 0 : -EINVAL;
}

static int release_run(struct db *db, struct job *j)
{
	const struct sq_store_release *rq = j->rq;
	struct query q = db_query(db, SQL_LEASE_END);

	query_text(&q, rq->id);
	query_int(&q, (int64_t)rq->fence);
	query_run(&q);
	return db->error;
}

const struct verb verb_release = {sizeof(struct sq_store_release), DB_WRITE, release_check, release_run};
