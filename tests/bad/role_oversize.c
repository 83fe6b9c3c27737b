/* role_oversize.c - a descriptor that claims more than there is. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, oversize, DEMO_LIFE, .size = 1 << 20, .vt.role = &demo_role);
