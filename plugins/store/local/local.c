/*
 * local.c - the store for one machine: descriptor, options, life and death, health.
 *
 * Records, leases, logs and parts are rows of the SQLite file state_dir/store.db, which several
 * processes may share. Counters live in the memory of one process (counters.h). SQLite runs on a
 * pool thread (batch.h); on the loop it only opens the file, at start.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <squall/plugin.h>

#include "plugins/common/sqlite/batch.h"

#include "counters.h"
#include "reaper.h"
#include "record.h"

#define LOCAL_MAGIC 0x51534c53u
#define RETRY (1 * SQ_S) /* after an error of the disk */
#define DAY (24 * 3600 * SQ_S)

struct local_conf {
	int64_t retention, tombstone_ttl, busy_timeout, block;
};

static const struct sq_opt local_opts[] = {
    SQ_DURATION(struct local_conf, retention, "720h", 1 * SQ_S, 3650 * DAY,
                "How long an ended test is kept before it is deleted."),
    SQ_DURATION(
        struct local_conf, tombstone_ttl, "168h", 7 * DAY, 3650 * DAY,
        "How long the name of a deleted test stays taken. Must be longer than any message may wait in a"
        " queue.",
        .flags = SQ_F_EXPERT),
    SQ_INT(struct local_conf, block, "100000", 1, 1000000000,
           "Numbers that a counter reserves ahead. After a crash it goes on behind its block, so it may read "
           "high"
           " by less than this; a clean stop keeps it exact.",
           .flags = SQ_F_EXPERT),
    SQ_DURATION(struct local_conf, busy_timeout, "5s", 1 * SQ_MS, 60 * SQ_S,
                "Longest wait for another process that writes to the same file.", .flags = SQ_F_EXPERT),
    SQ_OPTS_END};

enum stage { CREATED, OPEN, DRAINING, CLOSING, CLOSED };

struct local {
	uint32_t magic;
	const struct sq_host *host;
	const struct local_conf *conf;
	enum stage stage;
	struct db db;
	struct batch batch;
	struct counters counters;
	struct reaper reaper;

	int failing; /* the disk's error that readiness tells of, 0 = none */
	struct sq_timer retry;
	struct job touch; /* finds out whether the disk takes writes again */
	bool touching;

	struct sq_op *drain;
	struct sq_work closing;
};

static struct local *local_of(void *self)
{
	struct local *l = self;

	assert(l && l->magic == LOCAL_MAGIC);
	return l;
}

/* --- health: one line and one change of readiness for each change of state --- */

static int touch_run(struct db *db, struct job *j)
{
	(void)j;
	return db->error; /* the transaction itself writes: the clock */
}

static void touch_done(struct job *j)
{
	sq_container(j, struct local, touch)->touching = false;
}

static const struct verb verb_touch = {.mode = DB_WRITE, .run = touch_run};

static void retry(struct sq_timer *t)
{
	struct local *l = sq_container(t, struct local, retry);

	if (l->failing && !l->touching && l->stage == OPEN) {
		l->touching = true;
		batch_add(&l->batch, &l->touch);
	}
}

static void health_bad(struct local *l, int error)
{
	const char *cure = error == -ENOSPC ? "free some space there" : "check the disk";

	if (l->failing != error) {
		SQ_ERROR(l->host, NULL, "cannot write %s/%s: %s: %s", l->host->state_dir, sql_schema.file,
		         l->batch.why, cure);
		l->host->ready(l->host->ctx, 0,
		               error == -ENOSPC ? "the store's disk is full" : "the store's disk fails");
	}
	l->failing = error;
	l->host->timer_start(l->host->ctx, &l->retry, RETRY);
}

static void batch_outcome(struct batch *b, int error)
{
	struct local *l = sq_container(b, struct local, batch);

	if (error == -ENOSPC || error == -EIO) {
		health_bad(l, error);
	} else if (l->failing && error == 0) {
		l->failing = 0;
		SQ_INFO(l->host, NULL, "%s/%s can be written again", l->host->state_dir, sql_schema.file);
		l->host->ready(l->host->ctx, 1, NULL);
	}
}

/* --- life --- */

static int close_run(struct sq_work *w)
{
	db_close(&sq_container(w, struct local, closing)->db);
	return 0;
}

static void close_done(struct sq_op *op, int status)
{
	struct local *l = sq_container(op, struct local, closing.op);

	(void)status;
	l->stage = CLOSED;
	l->host->op_done(l->host->ctx, l->drain, 0);
}

/* The stages of the end, each entered when nothing is on its way: the counters' last values, then
 * the file. Closing it may write: not on the loop. */
static void local_end(struct local *l)
{
	if (l->stage == DRAINING) {
		l->stage = CLOSING;
		counters_close(&l->counters);
	}
	if (l->stage == CLOSING && batch_empty(&l->batch) && l->host->work(l->host->ctx, &l->closing) < 0)
		l->host->op_done(l->host->ctx, l->drain, 0);
}

static void batch_idle(struct batch *b)
{
	struct local *l = sq_container(b, struct local, batch);

	if (l->stage != OPEN)
		local_end(l);
}

static int local_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct local *l = calloc(1, sizeof *l);

	if (l == NULL)
		return sq_fail(err, -ENOMEM, "no memory");
	l->magic = LOCAL_MAGIC;
	l->host = host;
	l->conf = conf;
	batch_init(&l->batch, host, &l->db);
	l->batch.outcome = batch_outcome;
	l->batch.idle = batch_idle;
	counters_init(&l->counters, host, &l->batch, l->conf->block);
	l->retry.fire = retry;
	l->touch.verb = &verb_touch;
	l->touch.done = touch_done;
	l->closing.run = close_run;
	l->closing.what = "closing SQLite";
	l->closing.lane = SQ_LANE_DISK;
	l->closing.op.done = close_done;
	*ret_self = l;
	return 0;
}

static int need_state_dir(const struct local *l, struct sq_err *err)
{
	if (l->host->state_dir)
		return 0;
	return sq_fail(err, -EINVAL,
	               "the store local keeps its file in state_dir: set state_dir at the top of the .conf");
}

static int local_start(void *self, struct sq_err *err)
{
	struct local *l = local_of(self);
	int r = need_state_dir(l, err);

	if (r == 0)
		r = db_open(&l->db, &sql_schema, l->host->state_dir, l->conf->busy_timeout, err);
	if (r < 0)
		return r;
	l->stage = OPEN;
	reaper_start(&l->reaper, l->host, &l->batch, l->conf->retention, l->conf->tombstone_ttl);
	return 0;
}

static void local_drain(void *self, struct sq_op *op)
{
	struct local *l = local_of(self);

	if (l->stage != OPEN) {
		l->host->op_done(l->host->ctx, op, 0);
		return;
	}
	l->drain = op;
	l->stage = DRAINING;
	reaper_stop(&l->reaper);
	l->host->timer_stop(l->host->ctx, &l->retry);
	if (batch_empty(&l->batch))
		local_end(l);
}

static void local_destroy(void *self)
{
	struct local *l = local_of(self);

	reaper_stop(&l->reaper);
	l->host->timer_stop(l->host->ctx, &l->retry);
	counters_free(&l->counters);
	batch_free(&l->batch);
	db_close(&l->db);
	l->magic = 0;
	free(l);
}

static void local_probe(void *self, struct sq_op *op, struct sq_err *err)
{
	struct local *l = local_of(self);
	int r = need_state_dir(l, err);

	if (r == 0)
		r = db_probe(&sql_schema, l->host->state_dir, err);
	l->host->op_done(l->host->ctx, op, r);
}

/* --- verbs --- */

static int local_submit(void *self, struct sq_op *op, const struct verb *verb)
{
	struct local *l = local_of(self);

	return l->stage == OPEN ? batch_submit(&l->batch, op, verb) : -ENOTCONN;
}

static int local_count(void *self, struct sq_store_count *rq, enum count_verb verb)
{
	struct local *l = local_of(self);

	return l->stage == OPEN ? counters_submit(&l->counters, verb, rq) : -ENOTCONN;
}

static int local_add(void *self, struct sq_store_count *rq)
{
	return local_count(self, rq, COUNT_ADD);
}

static int local_read(void *self, struct sq_store_count *rq)
{
	return local_count(self, rq, COUNT_READ);
}

static int local_reset(void *self, struct sq_store_count *rq)
{
	return local_count(self, rq, COUNT_RESET);
}

static int local_info(void *self, struct sq_store_info *rq)
{
	return local_submit(self, &rq->op, &verb_info);
}

static int local_get(void *self, struct sq_store_get *rq)
{
	return local_submit(self, &rq->op, &verb_get);
}

static int local_put(void *self, struct sq_store_put *rq)
{
	return local_submit(self, &rq->op, &verb_put);
}

static int local_list(void *self, struct sq_store_list *rq)
{
	return local_submit(self, &rq->op, &verb_list);
}

static int local_del(void *self, struct sq_store_delete *rq)
{
	return local_submit(self, &rq->op, &verb_del);
}

static int local_lease(void *self, struct sq_store_lease *rq)
{
	return local_submit(self, &rq->op, &verb_lease);
}

static int local_release(void *self, struct sq_store_release *rq)
{
	return local_submit(self, &rq->op, &verb_release);
}

static int local_append(void *self, struct sq_store_append *rq)
{
	return local_submit(self, &rq->op, &verb_append);
}

static int local_merge(void *self, struct sq_store_merge *rq)
{
	return local_submit(self, &rq->op, &verb_merge);
}

static int local_range(void *self, struct sq_store_range *rq)
{
	return local_submit(self, &rq->op, &verb_range);
}

static int local_part_put(void *self, struct sq_store_part_put *rq)
{
	return local_submit(self, &rq->op, &verb_part_put);
}

static int local_parts(void *self, struct sq_store_parts *rq)
{
	return local_submit(self, &rq->op, &verb_parts);
}

static int local_cancel(void *self, struct sq_op *op)
{
	struct local *l = local_of(self);
	int r = counters_cancel(&l->counters, op);

	return r == -ENOENT ? batch_cancel(&l->batch, op) : r;
}

static const struct sq_store local_store = {.size = sizeof(struct sq_store),
                                            .info = local_info,
                                            .add = local_add,
                                            .read = local_read,
                                            .reset = local_reset,
                                            .get = local_get,
                                            .put = local_put,
                                            .list = local_list,
                                            .del = local_del,
                                            .lease = local_lease,
                                            .release = local_release,
                                            .append = local_append,
                                            .merge = local_merge,
                                            .range = local_range,
                                            .part_put = local_part_put,
                                            .parts = local_parts,
                                            .cancel = local_cancel};

SQ_PLUGIN(store, SQ_STORE, local, .version = PACKAGE_VERSION,
          .summary = "Counters, records and logs in a SQLite file of this machine", .opts = local_opts,
          .conf_size = sizeof(struct local_conf), .create = local_create, .start = local_start,
          .drain = local_drain, .destroy = local_destroy, .probe = local_probe, .vt.store = &local_store);
