/* role_summary.c - says nothing about itself. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, summary, DEMO_LIFE, .summary = NULL, .vt.role = &demo_role);
