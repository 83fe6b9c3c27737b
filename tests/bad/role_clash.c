/* role_clash.c - a key that the host has for every listener. */
#include "tests/demo/demo.h"

static const struct sq_opt opts[] = {SQ_INT(struct demo_conf, count, "1", 0, 9, "Help.", .key = "max_body"), SQ_OPTS_END};
SQ_PLUGIN(role, SQ_ROLE, clash, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct demo_conf), .vt.role = &demo_role);
