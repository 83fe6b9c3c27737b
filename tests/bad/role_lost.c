/* role_lost.c - takes deliveries and cannot lose them. */
#include "tests/demo/demo.h"

static const struct sq_role role = {.size = sizeof role, .deliver = DEMO_VERB};
SQ_PLUGIN(role, SQ_ROLE, lost, DEMO_LIFE, .vt.role = &role);
