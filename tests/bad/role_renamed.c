/* role_renamed.c - calls itself something else. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, another, DEMO_LIFE, .vt.role = &demo_role);
