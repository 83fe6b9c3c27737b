/* scheduler_demo.c - a scheduler without options. */
#include "demo.h"

static const struct sq_scheduler vt = {
	.size = sizeof vt, .prepare = DEMO_VERB, .resume = DEMO_VERB, .claim = DEMO_VERB,
	.stop = DEMO_VERB, .list = DEMO_VERB, .cancel = DEMO_VERB,
};
SQ_PLUGIN(scheduler, SQ_SCHEDULER, demo, DEMO_LIFE, .vt.scheduler = &vt);
