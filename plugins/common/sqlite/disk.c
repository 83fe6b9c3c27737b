/* disk.c - the life and the health of a plugin's SQLite file. */
#include "disk.h"

#include <errno.h>
#include <stdio.h>

#define RETRY (1 * SQ_S) /* after an error */

/* --- health --- */

static int touch_run(struct db *db, struct job *j)
{
	(void)j;
	return db->error; /* the transaction itself writes: the clock */
}

static void touch_done(struct job *j)
{
	sq_container(j, struct disk, touch)->touching = false;
}

static const struct verb verb_touch = {.mode = DB_WRITE, .run = touch_run};

static void retry(struct sq_timer *t)
{
	struct disk *d = sq_container(t, struct disk, retry);

	if (d->failing && !d->touching && disk_is_open(d)) {
		d->touching = true;
		batch_add(&d->batch, &d->touch);
	}
}

static void health_bad(struct disk *d, int error)
{
	bool full = error == -ENOSPC;
	char why[64];

	if (d->failing != error) {
		SQ_ERROR(d->host, NULL, "cannot write %s/%s: %s: %s", d->host->state_dir, d->schema->file,
		         d->batch.why, full ? "free some space there" : "check the disk");
		snprintf(why, sizeof why, "the %s's disk %s", d->who, full ? "is full" : "fails");
		d->host->ready(d->host->ctx, 0, why);
	}
	d->failing = error;
	d->host->timer_start(d->host->ctx, &d->retry, RETRY);
}

static void batch_outcome(struct batch *b, int error)
{
	struct disk *d = sq_container(b, struct disk, batch);

	if (error == -ENOSPC || error == -EIO) {
		health_bad(d, error);
	} else if (d->failing && error == 0) {
		d->failing = 0;
		SQ_INFO(d->host, NULL, "%s/%s can be written again", d->host->state_dir, d->schema->file);
		d->host->ready(d->host->ctx, 1, NULL);
	}
}

/* --- life --- */

static int close_run(struct sq_work *w)
{
	db_close(&sq_container(w, struct disk, closing)->db);
	return 0;
}

static void close_done(struct sq_op *op, int status)
{
	struct disk *d = sq_container(op, struct disk, closing.op);

	(void)status;
	d->stage = DISK_CLOSED;
	d->host->op_done(d->host->ctx, d->drain, 0);
}

/* The stages of the end, each entered when nothing is on its way: the last jobs, then the file.
 * Closing it may write: not on the loop. */
static void disk_end(struct disk *d)
{
	if (d->stage == DISK_DRAINING) {
		d->stage = DISK_CLOSING;
		if (d->last)
			d->last(d);
	}
	if (d->stage == DISK_CLOSING && batch_empty(&d->batch) &&
	    d->host->work(d->host->ctx, &d->closing) < 0)
		d->host->op_done(d->host->ctx, d->drain, 0);
}

static void batch_idle(struct batch *b)
{
	struct disk *d = sq_container(b, struct disk, batch);

	if (d->stage != DISK_OPEN)
		disk_end(d);
}

void disk_init(struct disk *d, const struct sq_host *host, const struct db_schema *schema, const char *who)
{
	d->host = host;
	d->schema = schema;
	d->who = who;
	batch_init(&d->batch, host, &d->db);
	d->batch.outcome = batch_outcome;
	d->batch.idle = batch_idle;
	d->retry.fire = retry;
	d->touch.verb = &verb_touch;
	d->touch.done = touch_done;
	d->closing.run = close_run;
	d->closing.what = "closing SQLite";
	d->closing.lane = SQ_LANE_DISK;
	d->closing.op.done = close_done;
}

static int need_state_dir(const struct disk *d, struct sq_err *err)
{
	if (d->host->state_dir)
		return 0;
	return sq_fail(err, -EINVAL,
	               "the %s local keeps its file in state_dir: set state_dir at the top of the .conf",
	               d->who);
}

int disk_open(struct disk *d, int64_t busy_timeout, struct sq_err *err)
{
	int r = need_state_dir(d, err);

	if (r == 0)
		r = db_open(&d->db, d->schema, d->host->state_dir, busy_timeout, err);
	if (r == 0)
		d->stage = DISK_OPEN;
	return r;
}

int disk_probe(const struct disk *d, struct sq_err *err)
{
	int r = need_state_dir(d, err);

	return r < 0 ? r : db_probe(d->schema, d->host->state_dir, err);
}

int disk_submit(struct disk *d, struct sq_op *op, const struct verb *verb)
{
	return disk_is_open(d) ? batch_submit(&d->batch, op, verb) : -ENOTCONN;
}

void disk_drain(struct disk *d, struct sq_op *op)
{
	if (d->stage != DISK_OPEN) {
		d->host->op_done(d->host->ctx, op, 0);
		return;
	}
	d->drain = op;
	d->stage = DISK_DRAINING;
	d->host->timer_stop(d->host->ctx, &d->retry);
	if (batch_empty(&d->batch))
		disk_end(d);
}

void disk_free(struct disk *d)
{
	d->host->timer_stop(d->host->ctx, &d->retry);
	batch_free(&d->batch);
	db_close(&d->db);
}
