/* listing.c - every job in reach. */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared.h"

static struct sq_job_state *more(struct listing *l)
{
	struct sq_job_state *states = realloc(l->states, (l->count + 1) * sizeof *states);
	char(*ids)[SQ_ID_MAX + 1];

	if (states)
		l->states = states;
	ids = realloc(l->ids, (l->count + 1) * sizeof *ids);
	if (ids)
		l->ids = ids;
	l->failed |= !states || !ids;
	return l->failed ? NULL : &l->states[l->count++];
}

static bool is_own(const struct listing *l, const char *id)
{
	const struct job *j = l->own;

	while (j && strcmp(j->id, id) != 0)
		j = j->next;
	return j;
}

static void add_foreign(void *arg, const char *id, uint64_t fence)
{
	struct listing *l = arg;
	struct sq_job_state *state = is_own(l, id) ? NULL : more(l);

	if (!state)
		return;
	*state = (struct sq_job_state){.phase = SQ_JOB_RUNNING, .fence = fence};
	snprintf(l->ids[l->count - 1], sizeof l->ids[0], "%s", id);
}

int listing_make(struct listing *l, const struct job_site *site, struct job *own)
{
	l->own = own;
	for (struct job *j = own; j && !l->failed; j = j->next) {
		struct sq_job_state *state = more(l);

		if (state)
			job_state(j, state);
	}
	shared_each(site, add_foreign, l);
	if (l->failed)
		l->count = 0;
	for (uint32_t i = 0; i < l->count; i++)
		if (!l->states[i].id)
			l->states[i].id = l->ids[i];
	return l->failed ? -ENOMEM : 0;
}

void listing_free(struct listing *l)
{
	free(l->states);
	free(l->ids);
	*l = (struct listing){0};
}
