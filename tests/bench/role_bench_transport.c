/*
 * role_bench_transport.c - how fast a queue is: publishes, or takes and acknowledges, so many messages, and
 * prints how long that took. For tests/bench/transport.py.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <squall/plugin.h>

#define FLIGHT 64 /* at the same time */

struct bench_conf {
	bool consume;
	int64_t count;
};

static const struct sq_opt bench_opts[] = {
    SQ_BOOL(struct bench_conf, consume, "false", "Takes messages; else it publishes."),
    SQ_INT(struct bench_conf, count, "1000", 1, 10000000, "How many."), SQ_OPTS_END};

struct bench {
	const struct sq_host *host;
	const struct bench_conf *conf;
	int64_t begun, started, ended, failed;
	struct slot {
		struct bench *bench;
		struct sq_publish publish;
		char id[32];
	} slots[FLIGHT];
};

struct ack {
	struct sq_settling settling;
	struct bench *bench;
};

static const char body[] = "{\"hits_per_sec\": 500, \"duration_sec\": 60, \"workers\": 5}";

static void one_more(struct bench *b, int status)
{
	int64_t now = b->host->now(b->host->ctx);

	b->failed += status < 0;
	if (++b->ended < b->conf->count)
		return;
	printf("%" PRId64 " messages in %.6f s, %" PRId64 " failed\n", b->ended,
	       (double)(now - b->begun) / 1e9, b->failed);
	fflush(stdout);
	b->host->stop(b->host->ctx, 0);
}

/* --- publishing --- */

static void publish(struct slot *s);

static void published(struct sq_op *op, int status)
{
	struct slot *s = sq_container(op, struct slot, publish.op);
	struct bench *b = s->bench;

	if (b->started < b->conf->count)
		publish(s);
	one_more(b, status);
}

static void publish(struct slot *s)
{
	struct bench *b = s->bench;
	int r;

	snprintf(s->id, sizeof s->id, "b-%" PRId64, b->started++);
	memset(&s->publish, 0, sizeof s->publish);
	s->publish.op.done = published;
	s->publish.msg = (struct sq_message){.id = s->id, .edition = 1, .body = {body, sizeof body - 1}};
	r = b->host->transport->publish(b->host->transport_self, &s->publish);
	if (r < 0)
		one_more(b, r);
}

/* --- consuming --- */

static void acked(struct sq_op *op, int status)
{
	struct ack *a = sq_container(op, struct ack, settling.op);
	struct bench *b = a->bench;

	free(a);
	one_more(b, status);
}

static void bench_deliver(void *self, struct sq_delivery *d)
{
	struct bench *b = self;
	struct ack *a = calloc(1, sizeof *a);

	if (!a)
		abort();
	if (b->started++ == 0)
		b->begun = b->host->now(b->host->ctx);
	a->bench = b;
	a->settling = (struct sq_settling){.op.done = acked, .delivery = d, .how = SQ_ACK};
	if (b->host->transport->settle(b->host->transport_self, &a->settling) < 0)
		abort();
}

static void bench_lost(void *self, struct sq_delivery *d)
{
	(void)self;
	(void)d;
}

/* --- life --- */

static int bench_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct bench *b = calloc(1, sizeof *b);

	if (!b)
		return sq_fail(err, -ENOMEM, "no memory");
	b->host = host;
	b->conf = conf;
	*ret_self = b;
	return 0;
}

static int bench_start(void *self, struct sq_err *err)
{
	struct bench *b = self;

	(void)err;
	b->begun = b->host->now(b->host->ctx);
	if (b->conf->consume) {
		b->host->transport->credit(b->host->transport_self, FLIGHT);
		return 0;
	}
	for (unsigned i = 0; i < FLIGHT && b->started < b->conf->count; i++) {
		b->slots[i].bench = b;
		publish(&b->slots[i]);
	}
	return 0;
}

static void bench_drain(void *self, struct sq_op *op)
{
	struct bench *b = self;

	b->host->op_done(b->host->ctx, op, 0);
}

static void bench_destroy(void *self)
{
	free(self);
}

static const struct sq_role bench_role = {.size = sizeof(struct sq_role),
                                          .needs = SQ_NEEDS_TRANSPORT,
                                          .deliver = bench_deliver,
                                          .lost = bench_lost};

SQ_PLUGIN(role, SQ_ROLE, bench_transport, .version = "test", .summary = "Measures a transport",
          .opts = bench_opts, .conf_size = sizeof(struct bench_conf), .create = bench_create,
          .start = bench_start, .drain = bench_drain, .destroy = bench_destroy, .vt.role = &bench_role);
