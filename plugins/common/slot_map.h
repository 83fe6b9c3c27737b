/*
 * slot_map.h - whose tick is whose over a whole test: the first deal, and what moved since (design 5).
 *
 * Slots (schedule.h) are dealt to the places of the workers. When a worker is lost, its slots move from
 * the largest until_tick ever given to it on: the ticks below stay its own, whatever becomes of them. So
 * every tick has one place for ever, or nobody when there was none to take it. Pure; one thread.
 */
#ifndef COMMON_SLOT_MAP_H
#define COMMON_SLOT_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "slots.h"

#define SLOT_NOBODY UINT32_MAX

/* All slots of place, in rising order, go to the places in to, in turn. */
struct slot_move {
	uint32_t place;
	uint64_t until; /* the first tick that moves */
	uint32_t *to; /* owned; none: their ticks are nobody's */
	uint32_t to_count;
};

struct slot_map {
	uint32_t workers; /* places: 0 .. workers-1 */
	struct slot_move *moves; /* in order */
	uint32_t move_count;
	struct slot_owner {
		uint32_t place, next; /* next: slot of the same place, SLOT_NOBODY = it is the last */
		uint64_t from;
	} * owners; /* of each slot, now */
	struct slot_past {
		uint32_t slot, place, next; /* next: entry of the same place */
		uint64_t from, until;
	} * past; /* who had it before */
	uint32_t past_count;
	/* So that nobody has to look at all slots for those of one. The last one is of SLOT_NOBODY. */
	struct slot_place {
		uint32_t slot, past; /* the first ones */
		uint32_t held; /* slots */
		bool took; /* it took some over, ever */
	} * places;
};

int slot_map_init(struct slot_map *m, uint32_t workers); /* the first deal: slots_deal(); 0 or -ENOMEM */
void slot_map_free(struct slot_map *m); /* harmless on a zeroed one */
/* A copy of the move is kept. 0, or -ENOMEM and nothing happened. */
int slot_map_move(struct slot_map *m, const struct slot_move *move);

/* What a place has now. out is of as many workers. */
void slot_map_share(const struct slot_map *m, uint32_t place, struct slots *out);
uint32_t slot_map_held(const struct slot_map *m, uint32_t place); /* slots, now */
bool slot_map_moved(const struct slot_map *m, uint32_t place); /* it took some over, ever */
/* How many ticks below this one are the place's, SLOT_NOBODY included. */
uint64_t slot_map_ticks(const struct slot_map *m, uint32_t place, uint64_t below);
uint32_t slot_map_whose(const struct slot_map *m, uint64_t tick); /* a place or SLOT_NOBODY */

#endif
