/* role_plain.c - a second role for a process: one route, no needs. */
#include "fake.h"

static void hello(void *self, struct sq_http *rq)
{
	struct fake *f = self;

	f->host->http->reply(rq, 200, "text/plain", "hello\n", 6);
}

static const struct sq_route routes[] = {
    {.method = "GET", .path = "/hello", .handle = hello, .help = "Says hello."}, {.method = NULL}};
static const struct sq_role role = {.size = sizeof role, .routes = routes};

SQ_PLUGIN(role, SQ_ROLE, plain, FAKE_LIFE, .vt.role = &role);
