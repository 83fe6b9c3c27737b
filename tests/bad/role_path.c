/* role_path.c - a route without a leading slash. */
#include "tests/demo/demo.h"

static const struct sq_route routes[] = {{"GET", "demo", demo_handle, "Help.", 0}, {.method = NULL}};
static const struct sq_role role = {.size = sizeof role, .routes = routes};
SQ_PLUGIN(role, SQ_ROLE, path, DEMO_LIFE, .vt.role = &role);
