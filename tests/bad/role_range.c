/* role_range.c - an option without a possible value. */
#include "tests/demo/demo.h"

static const struct sq_opt opts[] = {SQ_INT(struct demo_conf, count, NULL, 9, 0, "Help."), SQ_OPTS_END};
SQ_PLUGIN(role, SQ_ROLE, range, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct demo_conf), .vt.role = &demo_role);
