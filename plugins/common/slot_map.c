/* slot_map.c - the deal of slots, and its changes. */
#include "slot_map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t slot_count(const struct slot_map *m)
{
	return m->workers * SLOTS_PER_WORKER;
}

static struct slot_place *place_of(const struct slot_map *m, uint32_t place)
{
	return &m->places[place == SLOT_NOBODY ? m->workers : place];
}

/* Backwards, so that each chain is in rising order. */
static void chain(struct slot_map *m)
{
	for (uint32_t i = 0; i <= m->workers; i++)
		m->places[i] = (struct slot_place){
		    .slot = SLOT_NOBODY, .past = SLOT_NOBODY, .took = m->places[i].took};
	for (uint32_t i = slot_count(m); i-- > 0;) {
		struct slot_place *p = place_of(m, m->owners[i].place);

		m->owners[i].next = p->slot;
		p->slot = i;
		p->held++;
	}
	for (uint32_t i = m->past_count; i-- > 0;) {
		struct slot_place *p = place_of(m, m->past[i].place);

		m->past[i].next = p->past;
		p->past = i;
	}
}

int slot_map_init(struct slot_map *m, uint32_t workers)
{
	struct slot_map map = {.workers = workers};
	uint32_t count;

	assert(workers > 0);
	if (__builtin_mul_overflow(workers, SLOTS_PER_WORKER, &count))
		return -ENOMEM;
	map.owners = calloc(count, sizeof *map.owners);
	map.places = calloc(workers + 1u, sizeof *map.places);
	if (!map.owners || !map.places) {
		slot_map_free(&map);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++)
		map.owners[i].place = i % workers;
	chain(&map);
	*m = map;
	return 0;
}

void slot_map_free(struct slot_map *m)
{
	for (uint32_t i = 0; i < m->move_count; i++)
		free(m->moves[i].to);
	free(m->moves);
	free(m->owners);
	free(m->past);
	free(m->places);
	*m = (struct slot_map){0};
}

/* Room for one more move and for what its slots were; NULL without memory. */
static struct slot_move *make_room(struct slot_map *m, const struct slot_move *move)
{
	size_t past = m->past_count + slot_map_held(m, move->place);
	struct slot_move *moves = realloc(m->moves, (m->move_count + 1) * sizeof *moves);
	void *p;

	if (!moves)
		return NULL;
	m->moves = moves;
	p = past ? realloc(m->past, past * sizeof *m->past) : NULL;
	if (past && !p)
		return NULL;
	if (p)
		m->past = p;
	moves += m->move_count;
	moves->to = calloc(move->to_count + 1u, sizeof *moves->to);
	return moves->to ? moves : NULL;
}

int slot_map_move(struct slot_map *m, const struct slot_move *move)
{
	struct slot_move *kept = make_room(m, move);
	uint32_t turn = 0;

	assert(move->place < m->workers);
	if (!kept)
		return -ENOMEM;
	kept->place = move->place;
	kept->until = move->until;
	kept->to_count = move->to_count;
	if (move->to_count)
		memcpy(kept->to, move->to, move->to_count * sizeof *kept->to);
	m->move_count++;
	for (uint32_t i = place_of(m, move->place)->slot; i != SLOT_NOBODY; i = m->owners[i].next) {
		struct slot_owner *o = &m->owners[i];
		uint64_t from = o->from > move->until ? o->from : move->until;

		m->past[m->past_count++] = (struct slot_past){
		    .slot = i, .place = o->place, .from = o->from, .until = from};
		o->from = from;
		o->place = move->to_count ? move->to[turn++ % move->to_count] : SLOT_NOBODY;
	}
	for (uint32_t i = 0; i < move->to_count; i++)
		place_of(m, move->to[i])->took = true;
	chain(m);
	return 0;
}

void slot_map_share(const struct slot_map *m, uint32_t place, struct slots *out)
{
	assert(out->count == slot_count(m));
	memset(out->from, 0xff, out->count * sizeof *out->from); /* SCHEDULE_NEVER */
	for (uint32_t i = place_of(m, place)->slot; i != SLOT_NOBODY; i = m->owners[i].next)
		out->from[i] = m->owners[i].from;
}

uint32_t slot_map_held(const struct slot_map *m, uint32_t place)
{
	return place_of(m, place)->held;
}

bool slot_map_moved(const struct slot_map *m, uint32_t place)
{
	return place_of(m, place)->took;
}

uint64_t slot_map_ticks(const struct slot_map *m, uint32_t place, uint64_t below)
{
	uint64_t ticks = 0;

	for (uint32_t i = place_of(m, place)->slot; i != SLOT_NOBODY; i = m->owners[i].next)
		ticks += slot_count_ticks(i, slot_count(m), m->owners[i].from, below);
	for (uint32_t i = place_of(m, place)->past; i != SLOT_NOBODY; i = m->past[i].next) {
		const struct slot_past *p = &m->past[i];

		ticks += slot_count_ticks(p->slot, slot_count(m), p->from,
		                          p->until < below ? p->until : below);
	}
	return ticks;
}

uint32_t slot_map_whose(const struct slot_map *m, uint64_t tick)
{
	uint32_t slot = (uint32_t)(tick % slot_count(m));

	for (uint32_t i = 0; i < m->past_count; i++) {
		const struct slot_past *p = &m->past[i];

		if (p->slot == slot && p->from <= tick && tick < p->until)
			return p->place;
	}
	return m->owners[slot].place;
}
