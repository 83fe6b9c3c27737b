/* role_create.c - cannot be created. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, create, DEMO_LIFE, .create = NULL, .vt.role = &demo_role);
