/* role_kind.c - a store under the name of a role. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_STORE, kind, DEMO_LIFE, .vt.role = &demo_role);
