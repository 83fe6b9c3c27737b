/* scheduler_partial.c - a scheduler that cannot stop. */
#include "tests/demo/demo.h"

static const struct sq_scheduler vt = {
	.size = sizeof vt, .prepare = DEMO_VERB, .resume = DEMO_VERB, .claim = DEMO_VERB};
SQ_PLUGIN(scheduler, SQ_SCHEDULER, partial, DEMO_LIFE, .vt.scheduler = &vt);
