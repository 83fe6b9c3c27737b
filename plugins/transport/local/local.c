/*
 * local.c - the work queue for one machine: descriptor, options, life and death.
 *
 * Messages are rows of the SQLite file state_dir/queue.db, which several processes share. SQLite runs
 * on a pool thread (plugins/common/sqlite); on the loop it only opens the file, at start.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <squall/plugin.h>

#include "carrier.h"
#include "sql.h"

#define LOCAL_MAGIC 0x51544c53u
#define CLEAN_EVERY (3600 * SQ_S)

struct local_conf {
	int64_t lock, max_deliveries, busy_timeout;
};

static const struct sq_opt local_opts[] = {
    SQ_DURATION(struct local_conf, lock, "30s", 100 * SQ_MS, 3600 * SQ_S,
                "How long a message belongs to the process that took it. When that dies, it comes back after "
                "this time."),
    SQ_INT(struct local_conf, max_deliveries, "10", 1, 1000000,
           "How often a message may fail or run out before it is put aside as a dead letter. One that ran out "
           "each time is delivered once more, only so that the reason is written into its test."),
    SQ_DURATION(struct local_conf, busy_timeout, "5s", 1 * SQ_MS, 60 * SQ_S,
                "Longest wait for another process that writes to the same file.", .flags = SQ_F_EXPERT),
    SQ_OPTS_END};

struct local {
	uint32_t magic;
	const struct sq_host *host;
	const struct local_conf *conf;
	struct disk disk;
	struct carrier carrier;
	struct sq_timer clean_timer;
	struct job clean;
};

static struct local *local_of(void *self)
{
	struct local *l = self;

	assert(l && l->magic == LOCAL_MAGIC);
	return l;
}

/* --- life --- */

static void clean(struct sq_timer *t)
{
	struct local *l = sq_container(t, struct local, clean_timer);

	batch_add(&l->disk.batch, &l->clean);
}

static void cleaned(struct job *j)
{
	struct local *l = sq_container(j, struct local, clean);

	if (disk_is_open(&l->disk))
		l->host->timer_start(l->host->ctx, &l->clean_timer, CLEAN_EVERY);
}

static int local_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct local *l = calloc(1, sizeof *l);

	if (l == NULL)
		return sq_fail(err, -ENOMEM, "no memory");
	l->magic = LOCAL_MAGIC;
	l->host = host;
	l->conf = conf;
	disk_init(&l->disk, host, &sql_schema, "transport");
	carrier_init(&l->carrier, host, &l->disk, (struct terms){l->conf->lock, l->conf->max_deliveries});
	l->clean_timer.fire = clean;
	l->clean.verb = &verb_clean;
	l->clean.done = cleaned;
	*ret_self = l;
	return 0;
}

static int local_start(void *self, struct sq_err *err)
{
	struct local *l = local_of(self);
	int r = disk_open(&l->disk, l->conf->busy_timeout, err);

	if (r == 0)
		l->host->timer_start(l->host->ctx, &l->clean_timer, 0);
	return r;
}

static void local_drain(void *self, struct sq_op *op)
{
	struct local *l = local_of(self);

	l->host->timer_stop(l->host->ctx, &l->clean_timer);
	queue_stop(&l->carrier.queue);
	disk_drain(&l->disk, op);
}

static void local_destroy(void *self)
{
	struct local *l = local_of(self);

	l->host->timer_stop(l->host->ctx, &l->clean_timer);
	carrier_free(&l->carrier);
	disk_free(&l->disk);
	l->magic = 0;
	free(l);
}

static void local_probe(void *self, struct sq_op *op, struct sq_err *err)
{
	struct local *l = local_of(self);

	l->host->op_done(l->host->ctx, op, disk_probe(&l->disk, err));
}

/* --- verbs --- */

static int local_publish(void *self, struct sq_publish *rq)
{
	struct local *l = local_of(self);
	int r = disk_submit(&l->disk, &rq->op, &verb_publish);

	if (r == 0)
		queue_published(&l->carrier.queue);
	return r;
}

static void local_credit(void *self, uint32_t most)
{
	queue_credit(&local_of(self)->carrier.queue, most);
}

static int local_settle(void *self, struct sq_settling *rq)
{
	return queue_settle(&local_of(self)->carrier.queue, rq);
}

static int local_renew(void *self, struct sq_settling *rq)
{
	return queue_renew(&local_of(self)->carrier.queue, rq);
}

/* Only a publish that waits for its turn can be called back. The others change a lock that nobody
 * else can touch, and the disk answers soon. */
static int local_cancel(void *self, struct sq_op *op)
{
	return batch_cancel(&local_of(self)->disk.batch, op);
}

static const struct sq_transport local_transport = {.size = sizeof(struct sq_transport),
                                                    .publish = local_publish,
                                                    .credit = local_credit,
                                                    .settle = local_settle,
                                                    .renew = local_renew,
                                                    .cancel = local_cancel};

SQ_PLUGIN(transport, SQ_TRANSPORT, local, .version = PACKAGE_VERSION,
          .summary = "A work queue in a SQLite file of this machine", .opts = local_opts,
          .conf_size = sizeof(struct local_conf), .create = local_create, .start = local_start,
          .drain = local_drain, .destroy = local_destroy, .probe = local_probe,
          .vt.transport = &local_transport);
