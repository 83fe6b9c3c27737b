/* role_params.c - a route with too many parameters. */
#include "tests/demo/demo.h"

static const struct sq_route routes[] = {{"GET", "/{a}/{b}/{c}/{d}/{e}", demo_handle, "Help.", 0}, {.method = NULL}};
static const struct sq_role role = {.size = sizeof role, .routes = routes};
SQ_PLUGIN(role, SQ_ROLE, params, DEMO_LIFE, .vt.role = &role);
