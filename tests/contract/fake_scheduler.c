/* fake_scheduler.c - nothing to run: says so at once, and tells that it ended. */
#include "fake.h"

static int any(void *self, struct sq_job_rq *rq)
{
	struct fake *f = self;

	if (rq->fence == 0)
		return -EINVAL;
	rq->state = (struct sq_job_state){.id = rq->id, .phase = SQ_JOB_ENDED, .fence = rq->fence};
	f->host->job_changed(f->host->ctx, &rq->state);
	f->host->op_done(f->host->ctx, &rq->op, 0);
	return 0;
}

static int list(void *self, struct sq_job_list *rq)
{
	struct fake *f = self;

	rq->count = 0;
	f->host->op_done(f->host->ctx, &rq->op, 0);
	return 0;
}

static int cancel(void *self, struct sq_op *op)
{
	(void)self, (void)op;
	return 0;
}

static const struct sq_scheduler scheduler = {.size = sizeof scheduler,
                                              .prepare = any,
                                              .resume = any,
                                              .claim = any,
                                              .stop = any,
                                              .list = list,
                                              .cancel = cancel};

SQ_PLUGIN(scheduler, SQ_SCHEDULER, fake, FAKE_LIFE, .vt.scheduler = &scheduler);
