/* role_kindless.c - of a kind that nobody knows. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, 77, kindless, DEMO_LIFE, .vt.role = &demo_role);
