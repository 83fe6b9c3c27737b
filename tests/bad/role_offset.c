/* role_offset.c - an option behind the end of its structure. */
#include "tests/demo/demo.h"

static const struct sq_opt opts[] = {SQ_INT(struct demo_conf, count, "1", 0, 9, "Help.", .off = 12), SQ_OPTS_END};
SQ_PLUGIN(role, SQ_ROLE, offset, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct demo_conf), .vt.role = &demo_role);
