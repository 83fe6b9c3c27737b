/* role_needy.c - a role that needs everything, takes everything, and does not listen. */
#include "demo.h"

static void deliver(void *self, struct sq_delivery *d)
{
	(void)self, (void)d;
}

static void job_changed(void *self, const struct sq_job_state *state)
{
	(void)self, (void)state;
}

static const struct sq_role role = {
	.size = sizeof role,
	.needs = SQ_NEEDS_STORE | SQ_NEEDS_TRANSPORT | SQ_NEEDS_SCHEDULER,
	.deliver = deliver,
	.lost = deliver,
	.job_changed = job_changed,
};
SQ_PLUGIN(role, SQ_ROLE, needy, DEMO_LIFE, .vt.role = &role);
