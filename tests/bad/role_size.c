/* role_size.c - a descriptor that ends before its functions. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, size, DEMO_LIFE, .size = 32, .vt.role = &demo_role);
