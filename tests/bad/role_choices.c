/* role_choices.c - a choice without choices. */
#include "tests/demo/demo.h"

static const struct sq_opt opts[] = {SQ_ENUM(struct demo_conf, colour, NULL, NULL, "Help."), SQ_OPTS_END};
SQ_PLUGIN(role, SQ_ROLE, choices, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct demo_conf), .vt.role = &demo_role);
