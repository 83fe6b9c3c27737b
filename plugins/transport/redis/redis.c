/* redis.c - the work queue in a Redis stream: descriptor, options, life and death. */
#include "redis.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

#define TRANSPORT_MAGIC 0x52515351u

static const struct sq_opt transport_opts[] = {
    REDIS_OPTIONS,
    SQ_DURATION(struct transport_conf, lock, "30s", 100 * SQ_MS, 3600 * SQ_S,
                "How long a message belongs to the process that took it. When that dies, it comes back after "
                "this time."),
    SQ_INT(struct transport_conf, max_deliveries, "10", 1, 1000000,
           "How often a message may fail or run out before it is put aside as a dead letter. One that ran out "
           "each time is delivered once more, only so that the reason is written into its test."),
    SQ_INT(struct transport_conf, max_waiting, "100000", 1, 1000000000,
           "Most messages that wait; what is published beyond it is refused.", .flags = SQ_F_EXPERT),
    SQ_INT(struct transport_conf, max_dead, "10000", 1, 1000000000,
           "About how many dead letters are kept; each for 30 days at most.", .flags = SQ_F_EXPERT),
    SQ_OPTS_END};

static struct transport *transport_of(void *self)
{
	struct transport *t = self;

	assert(t && t->magic == TRANSPORT_MAGIC);
	return t;
}

static int greeted(struct redis_link *l, const struct reply *r, struct sq_err *err)
{
	int64_t format = reply_number(reply_item(r, 1), 0);

	(void)l;
	if (format < 1)
		return sq_fail(err, -EIO, "its answer to our script makes no sense");
	if (format > QUEUE_FORMAT)
		return sq_fail(err, -EINVAL,
		               "the queue that it holds has format %lld, this program reads up to %d: use a "
		               "newer squall",
		               (long long)format, QUEUE_FORMAT);
	return 0;
}

static void changed(struct redis_link *l)
{
	if (redis_link_is_up(l))
		queue_opened(&sq_container(l, struct transport, link)->queue);
}

/* --- life --- */

static int transport_check(const void *conf, struct sq_err *err)
{
	return redis_conf_check(&((const struct transport_conf *)conf)->redis, err);
}

static struct sq_slice word(const char *text)
{
	return (struct sq_slice){text, strlen(text)};
}

static int transport_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct transport *t = calloc(1, sizeof *t);

	_Static_assert(offsetof(struct transport_conf, redis) == 0, "REDIS_OPTIONS count on it");
	if (t == NULL)
		return sq_fail(err, -ENOMEM, "no memory");
	t->magic = TRANSPORT_MAGIC;
	t->host = host;
	t->conf = conf;
	snprintf(t->script_key, sizeof t->script_key, "squall:{%s}:jobs", t->conf->redis.space);
	t->greet[REDIS_EVAL_HEAD] = word(t->script_key);
	t->greet[REDIS_EVAL_HEAD + 1] = word("hello");
	t->greet[REDIS_EVAL_HEAD + 2] = word("1");
	redis_link_init(&t->link, host, &t->conf->redis);
	t->link.script = queue_script;
	t->link.greet = t->greet;
	t->link.greet_count = SQ_LEN(t->greet);
	t->link.greeted = greeted;
	t->link.changed = changed;
	queue_init(&t->queue, host, &redis_carrier, t->conf->lock);
	messages_init(t);
	*ret_self = t;
	return 0;
}

static int transport_start(void *self, struct sq_err *err)
{
	struct transport *t = transport_of(self);

	clean_start(t);
	return redis_link_start(&t->link, err);
}

static void drained(struct redis_link *l)
{
	struct transport *t = sq_container(l, struct transport, link);

	t->host->op_done(t->host->ctx, t->op, 0);
}

static void transport_drain(void *self, struct sq_op *op)
{
	struct transport *t = transport_of(self);

	t->op = op;
	messages_stop(t);
	queue_stop(&t->queue);
	redis_link_drain(&t->link, drained);
}

static void transport_destroy(void *self)
{
	struct transport *t = transport_of(self);

	messages_stop(t);
	redis_link_free(&t->link);
	queue_free(&t->queue);
	t->magic = 0;
	free(t);
}

static void probed(struct redis_link *l)
{
	struct transport *t = sq_container(l, struct transport, link);
	struct sq_op *op = t->op;
	int r = 0;

	if (!redis_link_is_up(l))
		r = sq_fail(t->err, -ENOTCONN, "Redis at %s: %s", redis_link_place(l), l->why);
	l->changed = NULL;
	t->op = NULL;
	t->host->op_done(t->host->ctx, op, r);
}

/* Looks, and so asks no script that writes. */
static void transport_probe(void *self, struct sq_op *op, struct sq_err *err)
{
	struct transport *t = transport_of(self);
	int r;

	t->op = op;
	t->err = err;
	t->link.quiet = true;
	t->link.script = NULL;
	t->link.greet = NULL;
	t->link.greeted = NULL;
	t->link.changed = probed;
	r = redis_link_start(&t->link, err);
	if (r < 0)
		t->host->op_done(t->host->ctx, op, r);
}

/* --- verbs --- */

static int transport_publish(void *self, struct sq_publish *rq)
{
	struct transport *t = transport_of(self);
	int r = messages_publish(t, rq);

	if (r == 0)
		queue_published(&t->queue);
	return r;
}

static void transport_credit(void *self, uint32_t most)
{
	queue_credit(&transport_of(self)->queue, most);
}

static int transport_settle(void *self, struct sq_settling *rq)
{
	return queue_settle(&transport_of(self)->queue, rq);
}

static int transport_renew(void *self, struct sq_settling *rq)
{
	return queue_renew(&transport_of(self)->queue, rq);
}

/* A publish stands between others that are wanted, so it leaves, or has left. What concerns a delivery
 * ends by itself, at the latest when the server has been silent for too long. */
static int transport_cancel(void *self, struct sq_op *op)
{
	struct sq_publish **waiting = op->driver;

	transport_of(self);
	if (!waiting)
		return -EBUSY;
	*waiting = NULL;
	return 1;
}

static const struct sq_transport redis_transport = {.size = sizeof(struct sq_transport),
                                                    .publish = transport_publish,
                                                    .credit = transport_credit,
                                                    .settle = transport_settle,
                                                    .renew = transport_renew,
                                                    .cancel = transport_cancel};

SQ_PLUGIN(transport, SQ_TRANSPORT, redis, .version = PACKAGE_VERSION,
          .summary = "A work queue in a Redis stream", .opts = transport_opts,
          .conf_size = sizeof(struct transport_conf), .check = transport_check, .create = transport_create,
          .start = transport_start, .drain = transport_drain, .destroy = transport_destroy,
          .probe = transport_probe, .vt.transport = &redis_transport);
