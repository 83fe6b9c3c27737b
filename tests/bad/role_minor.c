/* role_minor.c - built for a newer ABI. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, minor, DEMO_LIFE, .abi_minor = SQ_ABI_MINOR + 1, .vt.role = &demo_role);
