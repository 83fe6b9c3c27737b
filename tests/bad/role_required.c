/* role_required.c - a required option with a default. */
#include "tests/demo/demo.h"

static const struct sq_opt opts[] = {SQ_INT(struct demo_conf, count, "1", 0, 9, "Help.", .flags = SQ_F_REQUIRED), SQ_OPTS_END};
SQ_PLUGIN(role, SQ_ROLE, required, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct demo_conf), .vt.role = &demo_role);
