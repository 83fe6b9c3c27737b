/* fake_transport.c - a queue of one message, which comes back to whoever has credit. */
#include "fake.h"

struct carrier {
	struct fake *fake;
	struct sq_post deliver;
	struct sq_delivery delivery;
	uint32_t credit;
	int64_t published;
	bool held; /* published and not settled */
};

static struct carrier carrier; /* a process has one transport */

static void deliver(struct sq_post *p)
{
	(void)p;
	carrier.fake->host->deliver(carrier.fake->host->ctx, &carrier.delivery);
}

static void deliver_later(void)
{
	const struct sq_host *host = carrier.fake->host;

	if (!carrier.held || carrier.credit == 0)
		return;
	carrier.delivery.msg = (struct sq_message){.id = "t1", .edition = 1, .body = {"{}", 2}};
	carrier.delivery.attempt = 1;
	carrier.deliver.run = deliver;
	host->later(host->ctx, &carrier.deliver);
}

static int publish(void *self, struct sq_publish *rq)
{
	struct fake *f = carrier.fake = self;
	const struct sq_message *m = &rq->msg;
	bool uncertain = carrier.published++ < f->conf->uncertain;

	if (f->conf->away)
		return -ENOTCONN;
	SQ_INFO(f->host, NULL, "published %s edition %u submitted %lld: %.*s", m->id, m->edition,
	        (long long)m->submitted_at, (int)m->body.len, m->body.data);
	if (f->conf->hang_ops)
		return 0;
	carrier.held = true;
	deliver_later();
	f->host->op_done(f->host->ctx, &rq->op, uncertain ? -SQ_EUNCERTAIN : 0);
	return 0;
}

static void credit(void *self, uint32_t most)
{
	struct fake *f = carrier.fake = self;

	SQ_INFO(f->host, NULL, "credit is %u", most);
	carrier.credit = most;
	deliver_later();
}

static int settle(void *self, struct sq_settling *rq)
{
	struct fake *f = self;

	carrier.held = false;
	f->host->op_done(f->host->ctx, &rq->op, 0);
	return 0;
}

static int cancel(void *self, struct sq_op *op)
{
	(void)self, (void)op;
	return 1;
}

static const struct sq_transport transport = {.size = sizeof transport,
                                              .publish = publish,
                                              .credit = credit,
                                              .settle = settle,
                                              .renew = settle,
                                              .cancel = cancel};

SQ_PLUGIN(transport, SQ_TRANSPORT, fake, FAKE_LIFE, .vt.transport = &transport);
