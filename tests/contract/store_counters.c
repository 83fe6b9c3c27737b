/* store_counters.c - what counters have to do. */
#include <errno.h>
#include <string.h>

#include "store_script.h"

static void adding(struct rig *g)
{
	const char *n = name(g, "n");
	struct call c = {0};

	is_int(count(g, READ, &c, n, 0), 0, "a counter that nobody used");
	is_int(c.item.value, 0, "is 0");
	is_int(count(g, ADD, &c, n, 1), 0, "one more");
	is_int(c.item.value, 1, "is number 1");
	is_int(count(g, ADD, &c, n, 9), 0, "nine more");
	is_int(c.item.value, 10, "are numbers 2 to 10");
	is_int(count(g, ADD, &c, n, 0), 0, "none more");
	is_int(c.item.value, 10, "is where it stands");
	is_int(count(g, ADD, &c, n, -1), -EINVAL, "it does not go down");
	is_int(count(g, READ, &c, n, 77), 0, "reading, n ignored");
	is_int(c.item.value, 10, "changes nothing");
}

static void several(struct rig *g)
{
	struct call c = {0};
	struct sq_counter items[] = {
	    {.name = name(g, "n"), .n = 5}, {.name = name(g, "m"), .n = 2}, {.name = name(g, "n"), .n = 1}};

	c.count = (struct sq_store_count){.items = items, .count = SQ_LEN(items)};
	is_int(call(g, ADD, &c), 0, "several counters in one request");
	ok(items[0].value == 15 && items[1].value == 2 && items[2].value == 16, "each with its own number");
	is_int(call(g, READ, &c), 0, "and read together");
	ok(items[0].value == 16 && items[1].value == 2, "they are what they are");
	c.count = (struct sq_store_count){.items = items};
	is_int(call(g, ADD, &c), -EINVAL, "a request without counters is none");
}

static void concurrent(struct rig *g)
{
	enum { CALLS = 200 };
	static struct call c[CALLS];
	static bool seen[CALLS * 3 + 1];
	bool good = true;

	for (int i = 0; i < CALLS; i++) {
		c[i].item = (struct sq_counter){.name = name(g, "many"), .n = i % 6};
		good &= begin(g, ADD, &c[i]) == 0;
	}
	wait_all(g);
	for (int i = 0; good && i < CALLS; i++) {
		good &= c[i].status == 0;
		for (int64_t n = c[i].item.value - c[i].item.n + 1; good && n <= c[i].item.value; n++) {
			good = n >= 1 && n < (int64_t)SQ_LEN(seen) && !seen[n];
			if (good)
				seen[n] = true;
		}
	}
	ok(good, "200 requests at once get numbers of their own");
	count(g, READ, &c[0], name(g, "many"), 0);
	for (int64_t n = 1; good && n <= c[0].item.value; n++)
		good = seen[n];
	ok(good && c[0].item.value == 33 * 15 + 1, "and none is left out");
}

static void beyond_a_block(struct rig *g)
{
	struct call c = {0};
	int64_t want = 0;
	bool good = true;

	for (int64_t n = 1; n <= 1000000000; n *= 10) {
		good &= count(g, ADD, &c, name(g, "large"), n) == 0 && c.item.value == want + n;
		want += n;
	}
	ok(good, "numbers up to 1,111,111,111 are contiguous");
}

static void resetting(struct rig *g)
{
	struct call c[5] = {0}, one = {0};
	const char *n = name(g, "reset");

	count(g, ADD, &one, n, 42);
	is_int(count(g, RESET, &one, n, 0), 0, "a reset");
	is_int(one.item.value, 42, "says what it was");
	count(g, READ, &one, n, 0);
	is_int(one.item.value, 0, "it is 0 now");
	count(g, ADD, &one, n, 1);
	is_int(one.item.value, 1, "and numbers begin at 1 again");
	for (unsigned i = 0; i < SQ_LEN(c); i++)
		c[i].item = (struct sq_counter){.name = n, .n = i == 2 ? 0 : 10};
	begin(g, ADD, &c[0]);
	begin(g, ADD, &c[1]);
	begin(g, RESET, &c[2]);
	begin(g, ADD, &c[3]);
	begin(g, READ, &c[4]);
	wait_all(g);
	ok(c[0].item.value == 11 && c[1].item.value == 21,
	   "what was submitted before a reset counts before it");
	is_int(c[2].item.value, 21, "the reset in its turn");
	ok(c[3].item.value == 10 && c[4].item.value == 10, "and what came behind it after it");
	is_int(count(g, RESET, &one, name(g, "unused"), 0), 0, "what nobody used can be reset");
	is_int(one.item.value, 0, "and was 0");
}

static void cancel_count(struct rig *g)
{
	struct call c[3] = {0}, one = {0};
	const char *n = name(g, "cancelled");
	int64_t sure = 0, unsure = 0;

	for (unsigned i = 0; i < SQ_LEN(c); i++) {
		c[i].item = (struct sq_counter){.name = n, .n = 1};
		begin(g, ADD, &c[i]);
		if (i > 0)
			give_up(g, &c[i]);
	}
	wait_all(g);
	for (unsigned i = 0; i < SQ_LEN(c); i++) {
		sure += c[i].status == 0;
		unsure += c[i].status == -SQ_EUNCERTAIN;
	}
	count(g, READ, &one, n, 0);
	ok(one.item.value >= sure && one.item.value <= sure + unsure,
	   "cancelled additions count as they say");
}

const struct step counter_steps[] = {
    {"adding", adding},
    {"several counters", several},
    {"concurrent additions", concurrent},
    {"large numbers", beyond_a_block},
    {"reset", resetting},
    {"cancelling additions", cancel_count},
    {0},
};
