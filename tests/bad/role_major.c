/* role_major.c - built for another ABI. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, major, DEMO_LIFE, .abi_major = SQ_ABI_MAJOR + 1, .vt.role = &demo_role);
