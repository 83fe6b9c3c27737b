/* role_older.c - right, and built when sq_role ended before deliver: what follows is not ours. */
#include "tests/demo/demo.h"

static const struct sq_role role = {
	.size = offsetof(struct sq_role, deliver),
	.routes = demo_routes,
	.deliver = (void *)0x1234,
};
SQ_PLUGIN(role, SQ_ROLE, older, DEMO_LIFE, .vt.role = &role);
