/* test_slot_map.c - whatever moves, every tick has one place, and counts agree with walking the ticks. */
#include <errno.h>
#include <stdlib.h>

#include "plugins/common/slot_map.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

#define TICKS 3000

static uint64_t walk(const struct slot_map *m, uint32_t place, uint64_t below)
{
	uint64_t n = 0;

	for (uint64_t k = 0; k < below; k++)
		n += slot_map_whose(m, k) == place;
	return n;
}

static void test_deal(void)
{
	struct slot_map m;
	struct slots dealt, share;
	bool same = true;

	if (slot_map_init(&m, 3) < 0 || slots_init(&dealt, 3) < 0 || slots_init(&share, 3) < 0)
		exit(1);
	for (uint32_t place = 0; place < 3; place++) {
		slots_deal(&dealt, place, 3);
		slot_map_share(&m, place, &share);
		for (uint32_t i = 0; i < dealt.count; i++)
			same &= dealt.from[i] == share.from[i];
	}
	ok(same, "the first deal is that of slots_deal()");
	is_int(slot_map_held(&m, 1), SLOTS_PER_WORKER, "of as many slots each");
	ok(!slot_map_moved(&m, 1), "and nobody took anything over");
	slots_free(&dealt);
	slots_free(&share);
	slot_map_free(&m);
}

static void test_move(void)
{
	uint32_t to[] = {0, 2};
	struct slot_map m;
	struct slots share;

	if (slot_map_init(&m, 3) < 0 || slots_init(&share, 3) < 0)
		exit(1);
	is_int(slot_map_move(&m, &(struct slot_move){1, 1000, to, 2}), 0, "a place loses its slots");
	is_int(slot_map_held(&m, 1), 0, "it has none any more");
	is_int(slot_map_held(&m, 0), SLOTS_PER_WORKER * 3 / 2, "half of them went to the first");
	is_int(slot_map_whose(&m, 997), 1, "a tick below the fence stays its own");
	is_int(slot_map_whose(&m, 1000), 2, "from the fence on the slots go in turn: to the one");
	is_int(slot_map_whose(&m, 1003), 0, "and to the other");
	slot_map_share(&m, 0, &share);
	is_int(share.from[0], 0, "the first place has its own from the beginning");
	is_int(share.from[103], 1000, "and what it took over from the fence on");
	is_int(slot_map_move(&m, &(struct slot_move){0, 500, to + 1, 1}), 0, "that place is lost as well");
	is_int(slot_map_whose(&m, 99), 0, "below its own fence its ticks are its own");
	is_int(slot_map_whose(&m, 600), 2, "and from there on the next one's");
	is_int(slot_map_whose(&m, 700), 1, "but what is the first lost one's stays that");
	is_int(slot_map_whose(&m, 1003), 2, "what it had only been promised goes on");
	is_int(slot_map_move(&m, &(struct slot_move){2, 2000, NULL, 0}), 0, "the last one has no heir");
	ok(slot_map_whose(&m, 2000) == SLOT_NOBODY, "the rest is nobody's");
	is_int(slot_map_ticks(&m, SLOT_NOBODY, TICKS), 1000, "as many as there are");
	ok(slot_map_moved(&m, 2) && !slot_map_moved(&m, 1), "who took over is known");
	slots_free(&share);
	slot_map_free(&m);
}

static void test_random(void)
{
	bool counts = true, whole = true, moved = true;

	srand(7);
	for (int round = 0; round < 40; round++) {
		uint32_t n = 1 + (uint32_t)rand() % 6, left[6], count = n;
		struct slot_map m;

		if (slot_map_init(&m, n) < 0)
			exit(1);
		for (uint32_t i = 0; i < n; i++)
			left[i] = i;
		while (count > 0 && rand() % 4) {
			uint32_t at = (uint32_t)rand() % count, lost = left[at];

			left[at] = left[--count];
			moved &= slot_map_move(&m, &(struct slot_move){lost, (uint64_t)rand() % TICKS, left,
			                                               count}) == 0;
		}
		for (int look = 0; look < 3; look++) {
			uint64_t below = (uint64_t)rand() % TICKS,
			         sum = slot_map_ticks(&m, SLOT_NOBODY, below);

			for (uint32_t i = 0; i < n; i++) {
				counts &= slot_map_ticks(&m, i, below) == walk(&m, i, below);
				sum += slot_map_ticks(&m, i, below);
			}
			whole &= sum == below;
		}
		slot_map_free(&m);
	}
	ok(moved && counts, "counting and walking agree");
	ok(whole, "every tick is somebody's or nobody's, and once");
}

/* As many as a test may have: what each place has takes no look at the slots of all. */
static void test_many(void)
{
	const uint32_t n = 10000;
	uint64_t below = 1000003, sum = 0;
	uint32_t *to = calloc(n, sizeof *to);
	struct slot_map m;

	if (!to || slot_map_init(&m, n) < 0)
		exit(1);
	for (uint32_t i = 1; i < n; i++)
		to[i - 1] = i;
	is_int(slot_map_move(&m, &(struct slot_move){0, 5000, to, n - 1}), 0, "one of 10,000 is lost");
	for (uint32_t i = 0; i < n; i++)
		sum += slot_map_ticks(&m, i, below);
	is_int(sum, below, "the ticks of 10,000 places are all there are");
	slot_map_free(&m);
	free(to);
}

static void test_memory(void)
{
	uint32_t to[] = {1};
	struct slot_map m;
	bool told = true, kept = true;
	int r;

	failmalloc_after(1);
	r = slot_map_init(&m, 2);
	is_int(failmalloc_stop() ? r : 0, -ENOMEM, "no memory for the deal");
	if (slot_map_init(&m, 2) < 0)
		exit(1);
	for (unsigned n = 1;; n++) {
		failmalloc_after(n);
		r = slot_map_move(&m, &(struct slot_move){0, 10, to, 1});
		if (!failmalloc_stop())
			break;
		told &= r == -ENOMEM;
		kept &= m.move_count == 0 && slot_map_held(&m, 0) == SLOTS_PER_WORKER;
	}
	ok(r == 0 && told, "no memory for a move is told");
	ok(kept, "and then nothing happened");
	slot_map_free(&m);
}

int main(void)
{
	test_deal();
	test_move();
	test_random();
	test_many();
	test_memory();
	return tap_done();
}
