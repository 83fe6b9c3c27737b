/* fake_store.c - one counter in memory, answered inside the submitting call. */
#include "fake.h"

static int64_t total;

static int store_add(void *self, struct sq_store_count *rq)
{
	struct fake *f = self;

	if (f->conf->hang_ops)
		return 0;
	for (unsigned n = 0; n < rq->count; n++)
		rq->items[n].value = total += rq->items[n].n;
	f->host->op_done(f->host->ctx, &rq->op, 0);
	return 0;
}

static int store_cancel(void *self, struct sq_op *op)
{
	(void)self, (void)op;
	return 0;
}

/* A store has to have them all. */
#define REFUSE(verb, request)                                   \
	static int store_##verb(void *self, struct request *rq) \
	{                                                       \
		(void)self, (void)rq;                           \
		return -ENOSYS;                                 \
	}

REFUSE(info, sq_store_info)
REFUSE(read, sq_store_count)
REFUSE(reset, sq_store_count)
REFUSE(get, sq_store_get)
REFUSE(put, sq_store_put)
REFUSE(list, sq_store_list)
REFUSE(del, sq_store_delete)
REFUSE(lease, sq_store_lease)
REFUSE(release, sq_store_release)
REFUSE(append, sq_store_append)
REFUSE(merge, sq_store_merge)
REFUSE(range, sq_store_range)
REFUSE(part_put, sq_store_part_put)
REFUSE(parts, sq_store_parts)

static const struct sq_store store = {
    .size = sizeof store,
    .info = store_info,
    .add = store_add,
    .read = store_read,
    .reset = store_reset,
    .get = store_get,
    .put = store_put,
    .list = store_list,
    .del = store_del,
    .lease = store_lease,
    .release = store_release,
    .append = store_append,
    .merge = store_merge,
    .range = store_range,
    .part_put = store_part_put,
    .parts = store_parts,
    .cancel = store_cancel,
};

SQ_PLUGIN(store, SQ_STORE, fake, FAKE_LIFE, .vt.store = &store);
