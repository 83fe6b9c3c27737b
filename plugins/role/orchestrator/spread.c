/*
 * spread.c - on_worker_loss = redistribute: until_tick raised in steps, and slots that move (design 5).
 *
 *     decided -> written with the record -> confirmed -> in directives
 *
 * What is not confirmed is told to nobody; but whoever is told anything while a raise is under way counts as
 * told that, and an adopter takes what is stored for what everybody was told. Under the other policies
 * until_tick is the end from the beginning, and nothing moves.
 *
 * until_tick is as far ahead of now as a worker may be silent before it is lost: by then its last ticks are
 * just over, and its slots go on at once with somebody else. A shorter time would only make a hiccup of the
 * store cost requests; a longer one would leave a gap. But it is never less than what a raise and two polls
 * take, or workers that are well would run into it. So without any orchestrator the load stops after that
 * time, and goes on when one has adopted the test.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test_parts.h"

#define RAISE_EVERY (1 * SQ_S)
#define AHEAD_MIN (4 * CONTROL_POLL)
#define LOAD_MAX 700 /* thousandths of a CPU: a worker with more has no room for a lost one's part */

static bool spreads(const struct test *t)
{
	return t->setup.on_loss == LOSS_REDISTRIBUTE;
}

/* since: ns from T0 to now. */
static uint64_t grant(const struct test *t, int64_t since)
{
	int64_t ahead = t->setup.report_timeout;

	return schedule_ticks_until(t->setup.schedule, since + (ahead > AHEAD_MIN ? ahead : AHEAD_MIN));
}

uint64_t spread_first(const struct test *t)
{
	return spreads(t) ? grant(t, 0) : t->setup.schedule->total;
}

uint64_t spread_give(struct test *t, uint32_t place)
{
	if (t->spread.until > t->workers[place].given)
		t->workers[place].given = t->spread.until;
	return t->saved.until_tick;
}

/* One step at a time: before it is confirmed the next one would only move the fence of a lost one on. */
static void raise_until(struct test *t, int64_t now)
{
	uint64_t want = grant(t, now - t->t0);

	if (now < t->spread.raise_at || t->saved.until_tick != t->spread.until || want <= t->spread.until)
		return;
	t->spread.until = want;
	t->spread.raise_at = now + RAISE_EVERY;
	test_touch(t);
}

/* --- losses ---------------------------------------------------------------------------------- */

void spread_declare(struct test *t, int64_t now)
{
	for (uint32_t i = 0; i < t->setup.workers; i++) {
		struct worker *w = &t->workers[i];

		if (w->lost || !test_lost(t, now, i))
			continue;
		w->lost = true;
		test_note_news(t);
	}
}

uint32_t spread_spared(const struct test *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->setup.workers; i++)
		n += t->workers[i].spared;
	return n;
}

/* --- who can take over ----------------------------------------------------------------------- */

static uint64_t late_of(const struct books *b)
{
	return b->ledger.late + b->late_unsent;
}

/* Of two reports: what the time between them was like. */
void spread_measure(struct worker *w, const struct report *r)
{
	int64_t time = r->health.elapsed - w->before.elapsed, cpu = r->health.cpu - w->before.cpu;
	uint64_t picked = 0, late = 0;

	if (time < SQ_S / 2)
		return;
	if (r->books) {
		picked = r->books->picked - w->before.picked;
		late = late_of(r->books) - w->before.late;
		w->before.picked = r->books->picked;
		w->before.late = late_of(r->books);
	}
	w->load = r->health.cpu < 0 || cpu < 0 ? -1 : cpu * 1000 / time;
	w->late = late * 2 > picked;
	w->before.elapsed = r->health.elapsed;
	w->before.cpu = r->health.cpu;
}

static bool is_fit(const struct test *t, int64_t now, uint32_t place)
{
	const struct worker *w = &t->workers[place];

	return !test_lost(t, now, place) && !w->final && !w->stopped && !w->late;
}

/* Whether it can do more slots than now, as far as one can tell. */
static bool has_room(const struct test *t, uint32_t place, uint32_t more)
{
	const struct worker *w = &t->workers[place];
	uint32_t held = slot_map_held(&t->spread.map, place);

	if (w->load < 0 || held == 0)
		return w->load < LOAD_MAX;
	return w->load * (held + more) / held <= LOAD_MAX;
}

/* Those who can bear their part of the slots. Who cannot is left out, and the others' parts grow: as many
 * rounds as there are workers at most. */
static uint32_t choose(const struct test *t, int64_t now, uint32_t slots, uint32_t *to)
{
	uint32_t count = 0, kept;

	for (uint32_t i = 0; i < t->setup.workers; i++)
		if (is_fit(t, now, i))
			to[count++] = i;
	while (count > 0) {
		uint32_t part = (slots + count - 1) / count;

		kept = 0;
		for (uint32_t i = 0; i < count; i++)
			if (has_room(t, to[i], part))
				to[kept++] = to[i];
		if (kept == count)
			break;
		count = kept;
	}
	return count;
}

static void decide(struct test *t, int64_t now, uint32_t place)
{
	struct worker *w = &t->workers[place];
	uint32_t *to = calloc(t->setup.workers, sizeof *to), count = 0;

	if (!to)
		return; /* at the next look */
	if (w->given < t->setup.schedule->total)
		count = choose(t, now, slot_map_held(&t->spread.map, place), to);
	t->spread.move = (struct slot_move){place, w->given, to, count};
	t->spread.moving = true;
	w->moved = true;
	w->spared = count == 0;
	test_touch(t);
}

/* One move at a time, so that whoever decides the next knows who has what. */
static void move_slots(struct test *t, int64_t now)
{
	for (uint32_t i = 0; i < t->setup.workers && !t->spread.moving; i++)
		if (t->workers[i].lost && !t->workers[i].moved)
			decide(t, now, i);
}

/* The move stands in the store: from now on it counts. */
static void confirm(struct test *t)
{
	if (!t->spread.moving || t->saved.moves <= t->spread.map.move_count)
		return;
	if (slot_map_move(&t->spread.map, &t->spread.move) < 0)
		return; /* at the next look */
	free(t->spread.move.to);
	t->spread.move = (struct slot_move){0};
	t->spread.moving = false;
}

void spread_tick(struct test *t, int64_t now)
{
	if (!spreads(t) || !t->committed)
		return;
	confirm(t);
	if ((t->life.state != T_ARMED && t->life.state != T_RUNNING) || ending_halting(t))
		return;
	spread_declare(t, now);
	move_slots(t, now);
	raise_until(t, now);
}
