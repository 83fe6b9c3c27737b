/* reaper.c - retention. */
#include "reaper.h"

#include "record.h"

#define PAUSE (50 * SQ_MS) /* between steps while there is more to do: others want the disk too */
#define TOMBSTONES 100 /* in one step; of records, with all their logs, one */

/* How often to look: retention is kept to a tenth, and nobody waits for less than a second. */
static int64_t reaper_interval(const struct reaper *r)
{
	int64_t tenth = r->retention / 10;

	if (tenth < SQ_S)
		return SQ_S;
	return tenth > 60 * SQ_S ? 60 * SQ_S : tenth;
}

static int64_t bury_one(struct db *db, int64_t before)
{
	struct query q = db_query(db, SQL_OLD_ENDED);
	char id[SQ_ID_MAX + 1];
	int64_t num = 0;

	query_int(&q, before);
	query_int(&q, 1);
	if (query_row(&q) > 0) {
		num = column_int(&q, 0);
		column_text(&q, 1, id, sizeof id);
	}
	query_end(&q);
	if (num == 0)
		return 0;
	record_bury(db, num, id);
	return 1;
}

static int reap_run(struct db *db, struct job *j)
{
	struct reaper *r = sq_container(j, struct reaper, job);
	int64_t buried = bury_one(db, db->clock - r->retention / SQ_MS);
	struct query q = db_query(db, SQL_OLD_BURIED);
	int dropped;

	query_int(&q, db->clock - r->tombstone_ttl / SQ_MS);
	query_int(&q, TOMBSTONES);
	dropped = query_run(&q);
	return db->error ? db->error : buried > 0 || dropped == TOMBSTONES;
}

static void reap_done(struct job *j)
{
	struct reaper *r = sq_container(j, struct reaper, job);

	if (!r->stopped)
		r->host->timer_start(r->host->ctx, &r->timer, j->status > 0 ? PAUSE : reaper_interval(r));
}

static const struct verb verb_reap = {.mode = DB_WRITE, .run = reap_run};

static void reap(struct sq_timer *t)
{
	struct reaper *r = sq_container(t, struct reaper, timer);

	batch_add(r->batch, &r->job);
}

void reaper_start(struct reaper *r, const struct sq_host *host, struct batch *batch, int64_t retention,
                  int64_t tombstone_ttl)
{
	r->host = host;
	r->batch = batch;
	r->retention = retention;
	r->tombstone_ttl = tombstone_ttl;
	r->timer.fire = reap;
	r->job.verb = &verb_reap;
	r->job.done = reap_done;
	host->timer_start(host->ctx, &r->timer, reaper_interval(r));
}

void reaper_stop(struct reaper *r)
{
	r->stopped = true;
	if (r->host)
		r->host->timer_stop(r->host->ctx, &r->timer);
}
