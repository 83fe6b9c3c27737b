/* role_brace.c - a route with an open brace. */
#include "tests/demo/demo.h"

static const struct sq_route routes[] = {{"GET", "/{demo", demo_handle, "Help.", 0}, {.method = NULL}};
static const struct sq_role role = {.size = sizeof role, .routes = routes};
SQ_PLUGIN(role, SQ_ROLE, brace, DEMO_LIFE, .vt.role = &role);
