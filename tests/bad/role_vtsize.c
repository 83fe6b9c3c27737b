/* role_vtsize.c - functions without a size. */
#include "tests/demo/demo.h"

static const struct sq_role role = {.size = 0};
SQ_PLUGIN(role, SQ_ROLE, vtsize, DEMO_LIFE, .vt.role = &role);
