/* role_help.c - an option that nobody explains. */
#include "tests/demo/demo.h"

static const struct sq_opt opts[] = {SQ_INT(struct demo_conf, count, "1", 0, 9, ""), SQ_OPTS_END};
SQ_PLUGIN(role, SQ_ROLE, help, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct demo_conf), .vt.role = &demo_role);
