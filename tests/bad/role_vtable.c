/* role_vtable.c - has no functions of its kind. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, vtable, DEMO_LIFE);
