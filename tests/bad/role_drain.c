/* role_drain.c - cannot be drained. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, drain, DEMO_LIFE, .drain = NULL, .vt.role = &demo_role);
