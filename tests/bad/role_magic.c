/* role_magic.c - not our magic number. */
#include "tests/demo/demo.h"

SQ_PLUGIN(role, SQ_ROLE, magic, DEMO_LIFE, .magic = 0x12345678, .vt.role = &demo_role);
