/*
 * local.c - the store for one machine: descriptor, options, life and death.
 *
 * Records, leases, logs and parts are rows of the SQLite file state_dir/store.db, which several
 * processes may share. Counters live in the memory of one process (counters.h). SQLite runs on a
 * pool thread (plugins/common/sqlite); on the loop it only opens the file, at start.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <squall/plugin.h>

#include "plugins/common/sqlite/disk.h"

#include "counters.h"
#include "reaper.h"
#include "record.h"

#define LOCAL_MAGIC 0x51534c53u
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

struct local {
	uint32_t magic;
	const struct sq_host *host;
	const struct local_conf *conf;
	struct disk disk;
	struct counters counters;
	struct reaper reaper;
};

static struct local *local_of(void *self)
{
	struct local *l = self;

	assert(l && l->magic == LOCAL_MAGIC);
	return l;
}

/* --- life --- */

static void last_values(struct disk *d)
{
	counters_close(&sq_container(d, struct local, disk)->counters);
}

static int local_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct local *l = calloc(1, sizeof *l);

	if (l == NULL)
		return sq_fail(err, -ENOMEM, "no memory");
	l->magic = LOCAL_MAGIC;
	l->host = host;
	l->conf = conf;
	disk_init(&l->disk, host, &sql_schema, "store");
	l->disk.last = last_values;
	counters_init(&l->counters, host, &l->disk.batch, l->conf->block);
	*ret_self = l;
	return 0;
}

static int local_start(void *self, struct sq_err *err)
{
	struct local *l = local_of(self);
	int r = disk_open(&l->disk, l->conf->busy_timeout, err);

	if (r == 0)
		reaper_start(&l->reaper, l->host, &l->disk.batch, l->conf->retention, l->conf->tombstone_ttl);
	return r;
}

static void local_drain(void *self, struct sq_op *op)
{
	struct local *l = local_of(self);

	reaper_stop(&l->reaper);
	disk_drain(&l->disk, op);
}

static void local_destroy(void *self)
{
	struct local *l = local_of(self);

	reaper_stop(&l->reaper);
	counters_free(&l->counters);
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

static int local_submit(void *self, struct sq_op *op, const struct verb *verb)
{
	return disk_submit(&local_of(self)->disk, op, verb);
}

static int local_count(void *self, struct sq_store_count *rq, enum count_verb verb)
{
	struct local *l = local_of(self);

	return disk_is_open(&l->disk) ? counters_submit(&l->counters, verb, rq) : -ENOTCONN;
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

	return r == -ENOENT ? batch_cancel(&l->disk.batch, op) : r;
}

static const struct sq_store local_store = {.size = sizeof(struct sq_store),
                                            .caps = SQ_STORE_MACHINE,
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
