/* role_reread.c - a number that is to be read again, as only secrets are. */
#include "tests/demo/demo.h"

static const struct sq_opt opts[] = {
    SQ_INT(struct demo_conf, count, "1", 0, 9, "Help.", .flags = SQ_F_REREAD), SQ_OPTS_END};
SQ_PLUGIN(role, SQ_ROLE, reread, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct demo_conf),
          .vt.role = &demo_role);
