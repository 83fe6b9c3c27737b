/*
 * fake.h - the life of the fake plugins: they fail, hang or are late where their options say.
 *
 * Each includes this once; SQ_PLUGIN(..., FAKE_LIFE, ...) fills the descriptor.
 */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H

#include <errno.h>
#include <stdlib.h>

#include <squall/plugin.h>

enum fake_fail { FAIL_NEVER, FAIL_CREATE, FAIL_START };
static const char *const fake_fail_words[] = {"never", "create", "start", NULL};

struct fake_conf {
	int fail;
	bool hang_drain, hang_ops, away;
	int64_t uncertain;
	int64_t ready_after; /* 0 = says nothing about being ready */
};

static const struct sq_opt fake_opts[] = {
    SQ_ENUM(struct fake_conf, fail, "never", fake_fail_words, "Where to fail."),
    SQ_BOOL(struct fake_conf, hang_drain, "false", "Never end drain()."),
    SQ_BOOL(struct fake_conf, hang_ops, "false", "Never complete an operation."),
    SQ_BOOL(struct fake_conf, away, "false", "Refuse operations as not connected."),
    SQ_INT(struct fake_conf, uncertain, "0", 0, 100,
           "How many operations end uncertain before one does not."),
    SQ_DURATION(struct fake_conf, ready_after, "0", 0, 3600 * SQ_S, "Time until it says that it is ready."),
    SQ_OPTS_END};

struct fake {
	const struct sq_host *host;
	const struct fake_conf *conf;
	struct sq_timer timer;
};

static void fake_ready(struct sq_timer *t)
{
	struct fake *f = sq_container(t, struct fake, timer);

	f->host->ready(f->host->ctx, 1, NULL);
}

static int fake_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	const struct fake_conf *c = conf;
	struct fake *f;

	if (c->fail == FAIL_CREATE)
		return sq_fail(err, -EINVAL, "asked to fail in create");
	f = calloc(1, sizeof *f);
	if (!f)
		return sq_fail(err, -ENOMEM, "not enough memory");
	f->host = host;
	f->conf = c;
	f->timer.fire = fake_ready;
	*ret_self = f;
	return 0;
}

static int fake_start(void *self, struct sq_err *err)
{
	struct fake *f = self;

	if (f->conf->fail == FAIL_START)
		return sq_fail(err, -EIO, "asked to fail in start");
	if (f->conf->ready_after > 0) {
		f->host->ready(f->host->ctx, 0, "still \"connecting\"");
		f->host->timer_start(f->host->ctx, &f->timer, f->conf->ready_after);
	}
	return 0;
}

static void fake_drain(void *self, struct sq_op *op)
{
	struct fake *f = self;

	if (!f->conf->hang_drain)
		f->host->op_done(f->host->ctx, op, 0);
}

static void fake_destroy(void *self)
{
	struct fake *f = self;

	f->host->timer_stop(f->host->ctx, &f->timer);
	free(f);
}

#define FAKE_LIFE                                                                                        \
	.version = "1", .summary = "For tests: fails and hangs where it is told to.", .opts = fake_opts, \
	.conf_size = sizeof(struct fake_conf), .create = fake_create, .start = fake_start,               \
	.drain = fake_drain, .destroy = fake_destroy

#endif
