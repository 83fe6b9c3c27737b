/*
 * demo.h - the least that a plugin consists of, for those of tests/demo that are right and those
 * of tests/bad that are each wrong in one way.
 */
#ifndef TESTS_DEMO_H
#define TESTS_DEMO_H

#include <errno.h>

#include <squall/plugin.h>

static inline int demo_create(const struct sq_host *host, const void *conf, void **ret, struct sq_err *err)
{
	(void)conf, (void)err;
	*ret = (void *)host;
	return 0;
}

static inline int demo_start(void *self, struct sq_err *err)
{
	(void)self, (void)err;
	return 0;
}

static inline void demo_drain(void *self, struct sq_op *op)
{
	const struct sq_host *host = self;

	host->op_done(host->ctx, op, 0);
}

static inline void demo_destroy(void *self)
{
	(void)self;
}

#define DEMO_LIFE                                                                                        \
	.version = "1", .summary = "For tests.", .create = demo_create, .start = demo_start, .drain = demo_drain, \
	.destroy = demo_destroy

static inline void demo_handle(void *self, struct sq_http *rq)
{
	const struct sq_host *host = self;

	host->http->reply(rq, 200, NULL, "", 0);
}

/* A role with everything and one route; BAD files change one thing. */
struct demo_conf {
	int64_t count;
	int colour;
};
static const struct sq_route demo_routes[] = {{"GET", "/demo", demo_handle, "Says so.", 0}, {.method = NULL}};
static const struct sq_role demo_role = {.size = sizeof demo_role, .routes = demo_routes};

/* The functions of the three other kinds; nobody calls them. */
static inline int demo_verb(void *self)
{
	(void)self;
	return -ENOSYS;
}
#define DEMO_VERB (void *)demo_verb

#endif
