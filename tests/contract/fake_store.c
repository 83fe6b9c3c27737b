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

static const struct sq_store store = {.size = sizeof store, .add = store_add, .cancel = store_cancel};

SQ_PLUGIN(store, SQ_STORE, fake, FAKE_LIFE, .vt.store = &store);
