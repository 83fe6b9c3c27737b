/* tests.c - which tests are counted, and how many hits of them wait. */
#include "tests.h"

#include <stdio.h>
#include <string.h>

#define ASK_AGAIN (10 * SQ_S) /* an id that was none may be one later */
#define ASK_TIMEOUT (5 * SQ_S)

static bool is_id(struct sq_slice s)
{
	if (s.len == 0 || s.len > TESTS_ID_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '-' && c != '.' && c != '_')
			return false;
	}
	return true;
}

static bool is_of(const struct tested *e, struct sq_slice id)
{
	return strlen(e->id) == id.len && memcmp(e->id, id.data, id.len) == 0;
}

static void answered(struct sq_op *op, int status)
{
	struct tested *e = sq_container(op, struct tested, get.op);
	struct tests *t = e->tests;

	e->state = status >= 0 && e->get.record.life == SQ_LIVE ? TESTED_LIVE : TESTED_NOT;
	e->seen = t->host->now(t->host->ctx);
	if (e->state == TESTED_NOT)
		e->hits = 0;
	else
		t->ready(t->owner);
	t->asked(t->owner, false);
}

static void ask(struct tests *t, struct tested *e)
{
	int r;

	e->state = TESTED_ASKED;
	e->get = (struct sq_store_get){.op = {.done = answered, .timeout = ASK_TIMEOUT}, .id = e->id};
	t->asked(t->owner, true);
	r = t->host->store->get(t->host->store_self, &e->get);
	if (r < 0)
		answered(&e->get.op, r);
}

static bool is_idle(const struct tested *e, int64_t now)
{
	return e->state != TESTED_ASKED && e->hits == 0 && e->calls == 0 && now - e->seen > ASK_AGAIN;
}

/* The entry of this id, a new one in a free or forgotten place, or NULL. */
static struct tested *find(struct tests *t, struct sq_slice id, int64_t now)
{
	struct tested *place = NULL;

	for (unsigned i = 0; i < TESTS_MAX; i++) {
		struct tested *e = &t->list[i];

		if (is_of(e, id))
			return e;
		if (!place && (!*e->id || is_idle(e, now)))
			place = e;
	}
	if (!place)
		return NULL;
	*place = (struct tested){.tests = t, .seen = now};
	memcpy(place->id, id.data, id.len);
	snprintf(place->name, sizeof place->name, "hits.%s", place->id);
	ask(t, place);
	return place;
}

void tests_hit(struct tests *t, struct sq_slice id)
{
	int64_t now;
	struct tested *e = t->last;

	if (!is_id(id))
		return;
	now = t->host->now(t->host->ctx);
	if (!e || !is_of(e, id))
		e = t->last = find(t, id, now);
	if (!e)
		return;
	if (e->state == TESTED_NOT && is_idle(e, now))
		ask(t, e);
	if (e->state == TESTED_NOT)
		return;
	e->seen = now;
	e->hits++;
}

unsigned tests_take(struct tests *t, struct sq_counter *items, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TESTS_MAX && n < max; i++) {
		struct tested *e = &t->list[i];

		if (e->state != TESTED_LIVE || e->hits == 0)
			continue;
		items[n++] = (struct sq_counter){.name = e->name, .record = e->id, .n = e->hits};
		e->hits = 0;
		e->calls++;
	}
	return n;
}

void tests_done(struct tests *t, const struct sq_counter *items, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < TESTS_MAX; k++)
			if (items[i].record == t->list[k].id)
				t->list[k].calls--;
}
