/* role_default.c - a default outside its range. */
#include "tests/demo/demo.h"

static const struct sq_opt opts[] = {SQ_INT(struct demo_conf, count, "10", 0, 9, "Help."), SQ_OPTS_END};
SQ_PLUGIN(role, SQ_ROLE, default, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct demo_conf), .vt.role = &demo_role);
