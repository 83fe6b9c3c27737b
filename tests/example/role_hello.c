/*
 * role_hello.c - the smallest useful plugin: a role that says hello and counts how often.
 *
 *     cc -shared -fPIC -fvisibility=hidden $(pkg-config --cflags squall) -o role_hello.so role_hello.c
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <squall/plugin.h>

struct hello_conf {
	const char *greeting;
};

static const struct sq_opt hello_opts[] = {
    SQ_STRING(struct hello_conf, greeting, "hello", "What is said."),
    SQ_OPTS_END,
};

struct hello {
	const struct sq_host *host;
	const struct hello_conf *conf;
	int64_t *said;
};

static void say(void *self, struct sq_http *rq)
{
	struct hello *h = self;
	char text[128];
	int n = snprintf(text, sizeof text, "%s, %.*s\n", h->conf->greeting, (int)rq->params[0].len,
	                 rq->params[0].data);

	if (n >= (int)sizeof text) {
		h->host->http->problem(rq, 414, "the name is longer than %zu bytes", sizeof text);
		return;
	}
	++*h->said;
	h->host->http->reply(rq, 200, "text/plain", text, (size_t)n);
}

static int hello_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct hello *h = calloc(1, sizeof *h);

	if (!h)
		return sq_fail(err, -ENOMEM, "out of memory");
	h->host = host;
	h->conf = conf;
	*ret_self = h;
	return 0;
}

static int hello_start(void *self, struct sq_err *err)
{
	struct hello *h = self;

	(void)err;
	h->said = h->host->counter(h->host->ctx, "hello_said_total", "How often somebody was greeted.");
	return 0;
}

static void hello_drain(void *self, struct sq_op *op)
{
	struct hello *h = self;

	h->host->op_done(h->host->ctx, op, 0); /* every request was answered at once: nothing is in flight */
}

static void hello_destroy(void *self)
{
	free(self);
}

static const struct sq_route hello_routes[] = {
    {.method = "GET", .path = "/hello/{name}", .handle = say, .help = "Greets by name."},
    {.method = NULL},
};

static const struct sq_role hello_role = {
    .size = sizeof hello_role,
    .routes = hello_routes,
};

SQ_PLUGIN(role, SQ_ROLE, hello, .version = "1.0", .summary = "Says hello over HTTP.", .opts = hello_opts,
          .conf_size = sizeof(struct hello_conf), .create = hello_create, .start = hello_start,
          .drain = hello_drain, .destroy = hello_destroy, .vt.role = &hello_role);
