/* role_handler.c - a route that leads nowhere. */
#include "tests/demo/demo.h"

static const struct sq_route routes[] = {{"GET", "/demo", NULL, "Help.", 0}, {.method = NULL}};
static const struct sq_role role = {.size = sizeof role, .routes = routes};
SQ_PLUGIN(role, SQ_ROLE, handler, DEMO_LIFE, .vt.role = &role);
