/* role_nameless.c - has no name. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, nameless, DEMO_LIFE, .name = NULL, .vt.role = &demo_role);
