/* closed.c - which connection may send when, in the closed model. */
#include "closed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int closed_init(struct closed *c, const struct slots *slots, uint64_t connections, uint64_t max,
                int64_t think, int64_t begin)
{
	uint64_t own = slots_count_ticks(slots, 0, connections);

	*c = (struct closed){.think = think, .left = max ? slots_count_ticks(slots, 0, max) : UINT64_MAX};
	c->ready = calloc(own + 1, sizeof *c->ready);
	if (!c->ready)
		return -ENOMEM;
	c->size = c->count = (uint32_t)own;
	for (uint32_t i = 0; i < c->count; i++)
		c->ready[i] = begin;
	return 0;
}

void closed_free(struct closed *c)
{
	free(c->ready);
	*c = (struct closed){0};
}

int64_t closed_first(const struct closed *c)
{
	return c->count > 0 ? c->ready[0] : INT64_MAX;
}

void closed_take(struct closed *c)
{
	int64_t last = c->ready[c->count - 1];
	uint32_t at = 0, next;

	assert(c->count > 0);
	c->count--;
	while ((next = 2 * at + 1) < c->count) {
		next += next + 1 < c->count && c->ready[next + 1] < c->ready[next];
		if (last <= c->ready[next])
			break;
		c->ready[at] = c->ready[next];
		at = next;
	}
	c->ready[at] = last;
}

void closed_give(struct closed *c, int64_t now, bool sent)
{
	int64_t wait = sent || c->think > CLOSED_RETRY ? c->think : CLOSED_RETRY, at = now + wait;
	uint32_t i = c->count;

	assert(c->count < c->size);
	c->count++;
	for (; i > 0 && at < c->ready[(i - 1) / 2]; i = (i - 1) / 2)
		c->ready[i] = c->ready[(i - 1) / 2];
	c->ready[i] = at;
}
