/* role_flags.c - an option with a flag that nobody knows. */
#include "tests/demo/demo.h"

static const struct sq_opt opts[] = {SQ_INT(struct demo_conf, count, "1", 0, 9, "Help.", .flags = 0x80), SQ_OPTS_END};
SQ_PLUGIN(role, SQ_ROLE, flags, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct demo_conf), .vt.role = &demo_role);
