/* store_logs.c - what logs and parts have to do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store_script.h"

static int range(struct rig *g, struct call *c, const char *log, uint64_t from, uint32_t limit)
{
	c->range = (struct sq_store_range){.id = name(g, "log"), .log = log, .from = from, .limit = limit};
	return call(g, RANGE, c);
}

static int merge(struct rig *g, struct call *c, uint64_t first, uint64_t last, const char *entry)
{
	c->merge = (struct sq_store_merge){
	    .id = name(g, "log"), .log = "a", .first = first, .last = last, .entry = {entry, strlen(entry)}};
	return call(g, MERGE, c);
}

static void appending(struct rig *g)
{
	struct call c = {0};

	put(g, &c, name(g, "log"), "x", 0, 0);
	is_int(range(g, &c, "a", 1, 10), 0, "a log that nobody wrote");
	ok(c.range.count == 0 && c.range.last == 0 && !c.range.more, "is empty");
	is_int(append(g, &c, name(g, "log"), "a", 0, "one"), 0, "an entry");
	is_int(c.append.seq, 1, "is number 1");
	is_int(append(g, &c, name(g, "log"), "a", 2, "two"), 0, "one that asks for number 2");
	is_int(c.append.seq, 2, "gets it");
	is_int(append(g, &c, name(g, "log"), "a", 2, "two"), -SQ_ECONFLICT, "once, so it can be repeated");
	is_int(c.append.seq, 2, "and the highest number is told");
	is_int(append(g, &c, name(g, "log"), "a", 1, "two"), -SQ_ECONFLICT, "numbers rise");
	is_int(append(g, &c, name(g, "log"), "a", 5, "five"), 0, "and may leave gaps");
	is_int(append(g, &c, name(g, "log"), "a", 0, "six"), 0, "the next one");
	is_int(c.append.seq, 6, "follows the highest");
	is_int(append(g, &c, name(g, "log"), "b", 0, "other"), 0, "another log of the record");
	is_int(c.append.seq, 1, "has numbers of its own");
}

/* a: 1 one, 2 two, 5 five, 6 six */
static void ranges(struct rig *g)
{
	struct call c = {0};

	is_int(range(g, &c, "a", 1, 0), -EINVAL, "a range has one entry");
	is_int(range(g, &c, "a", 1, 10001), -EINVAL, "to ten thousand");
	is_int(range(g, &c, "a", 1, 100), 0, "all of it");
	ok(c.range.count == 4 && c.range.entries[2].seq == 5 && slice_is(c.range.entries[2].data, "five"),
	   "in rising order");
	ok(!c.range.more && c.range.last == 6, "nothing more, and the highest number");
	is_int(range(g, &c, "a", 2, 2), 0, "a piece");
	ok(c.range.count == 2 && c.range.entries[0].seq == 2 && c.range.entries[1].seq == 5,
	   "from the middle");
	ok(c.range.more && c.range.last == 6, "says that there is more");
	is_int(range(g, &c, "a", 3, 1), 0, "from a gap");
	ok(c.range.count == 1 && c.range.entries[0].seq == 5, "begins behind it");
	is_int(range(g, &c, "a", 7, 1), 0, "behind the end");
	ok(c.range.count == 0 && !c.range.more && c.range.last == 6, "there is nothing");
	c.range = (struct sq_store_range){.id = name(g, "nolog"), .log = "a", .limit = 1};
	is_int(call(g, RANGE, &c), -ENOENT, "and nothing of a record that is not there");
}

static void bounded(struct rig *g)
{
	enum { SIZE = 1 << 20, ENTRIES = 12 };
	char *big = calloc(1, SIZE);
	struct call c = {0};
	uint64_t from = 1, seen = 0;
	bool good = true;
	int pages = 0;

	for (int i = 0; i < ENTRIES; i++) {
		c.append = (struct sq_store_append){.id = name(g, "log"), .log = "big", .entry = {big, SIZE}};
		good &= call(g, APPEND, &c) == 0;
	}
	free(big);
	ok(good, "12 MiB of entries");
	do {
		good &= range(g, &c, "big", from, 10000) == 0 && c.range.count > 0;
		for (uint32_t i = 0; good && i < c.range.count; i++)
			good &= c.range.entries[i].seq == ++seen && c.range.entries[i].data.len == SIZE;
		from = seen + 1;
		pages++;
	} while (good && c.range.more && pages <= ENTRIES);
	ok(good && seen == ENTRIES, "come whole, in as many answers as the store likes");
}

static void merging(struct rig *g)
{
	struct call c = {0};

	is_int(merge(g, &c, 0, 2, "m"), -EINVAL, "entries begin at 1");
	is_int(merge(g, &c, 2, 1, "m"), -EINVAL, "and do not run backwards");
	is_int(merge(g, &c, 1, 2, "one+two"), 0, "two become one");
	range(g, &c, "a", 1, 10);
	ok(c.range.count == 3 && c.range.entries[0].seq == 2 && slice_is(c.range.entries[0].data, "one+two"),
	   "numbered as the last of them");
	is_int(merge(g, &c, 1, 2, "one+two"), 0, "once more is harmless");
	range(g, &c, "a", 1, 10);
	is_int(c.range.count, 3, "and changes nothing");
	is_int(merge(g, &c, 1, 6, "all"), 0, "across gaps");
	range(g, &c, "a", 1, 10);
	ok(c.range.count == 1 && c.range.last == 6 && slice_is(c.range.entries[0].data, "all"),
	   "one is left");
	is_int(append(g, &c, name(g, "log"), "a", 0, "next"), 0, "the next");
	is_int(c.append.seq, 7, "keeps its number");
	range(g, &c, "b", 1, 10);
	is_int(c.range.count, 1, "other logs are not touched");
}

/* --- parts --- */

static uint32_t parts(struct rig *g, struct call *c, const char *id, const char *prefix)
{
	c->parts = (struct sq_store_parts){.id = id, .prefix = prefix};
	return call(g, PARTS, c) == 0 ? c->parts.count : UINT32_MAX;
}

static void part_seq(struct rig *g)
{
	const char *id = name(g, "parts");
	struct call c = {0};

	put(g, &c, id, "x", 0, 0);
	is_int(parts(g, &c, id, ""), 0, "no parts at first");
	is_int(part_put(g, &c, id, "snap.b", 5, "five"), 0, "a part");
	ok(!c.part_put.kept, "is written");
	is_int(part_put(g, &c, id, "snap.b", 5, "again"), 0, "the same seq");
	ok(c.part_put.kept, "does not replace it");
	is_int(part_put(g, &c, id, "snap.b", 4, "four"), 0, "a lower one");
	ok(c.part_put.kept, "neither");
	is_int(part_put(g, &c, id, "snap.b", 6, "six"), 0, "a higher one");
	ok(!c.part_put.kept, "does");
	parts(g, &c, id, "");
	ok(c.parts.count == 1 && c.parts.parts[0].seq == 6 && slice_is(c.parts.parts[0].data, "six"),
	   "for good");
	is_int(part_put(g, &c, id, "snap.b", 0, "zero"), 0, "seq 0");
	ok(!c.part_put.kept, "always does");
}

static void part_list(struct rig *g)
{
	const char *id = name(g, "parts");
	struct call c = {0};

	part_put(g, &c, id, "snap.a", 1, "a");
	part_put(g, &c, id, "map", 1, "m");
	part_put(g, &c, id, "snap", 1, "");
	is_int(parts(g, &c, id, ""), 4, "all parts");
	ok(strcmp(c.parts.parts[0].name, "map") == 0 && strcmp(c.parts.parts[3].name, "snap.b") == 0,
	   "by name");
	is_int(parts(g, &c, id, "snap."), 2, "those of a prefix");
	ok(strcmp(c.parts.parts[0].name, "snap.a") == 0 && slice_is(c.parts.parts[0].data, "a"),
	   "by name too");
	is_int(parts(g, &c, id, "x"), 0, "none of another");
	is_int(parts(g, &c, name(g, "noparts"), ""), UINT32_MAX, "nor of no record");
	is_int(c.status, -ENOENT, "which is not there");
	c.part_put = (struct sq_store_part_put){
	    .id = id, .part = {.name = "snap.b", .seq = 1}, .remove = true};
	is_int(call(g, PART_PUT, &c), 0, "removing one, whatever its seq");
	is_int(call(g, PART_PUT, &c), 0, "twice");
	is_int(parts(g, &c, id, "snap."), 1, "leaves the others");
}

static void parts_with_put(struct rig *g)
{
	const char *id = name(g, "atomic");
	const struct sq_part two[] = {{"slots", 3, {"s", 1}}, {"secret.headers", 0, {"token", 5}}};
	struct call c = {.put = {.id = id, .state = "x", .body = {"1", 1}, .parts = two, .part_count = 2}};

	is_int(call(g, PUT, &c), 0, "a record made with its parts");
	is_int(parts(g, &c, id, ""), 2, "has them");
	c.put = (struct sq_store_put){.id = id, .state = "x", .version = 9, .parts = two, .part_count = 1};
	c.put.parts = &(const struct sq_part){"slots", 9, {"never", 5}};
	is_int(call(g, PUT, &c), -SQ_ECONFLICT, "a put that is refused");
	parts(g, &c, id, "slots");
	ok(c.parts.count == 1 && c.parts.parts[0].seq == 3, "writes no parts");
	c.put = (struct sq_store_put){.id = id, .state = "x", .version = 1, .part_count = 1};
	c.put.parts = &(const struct sq_part){"slots", 2, {"old", 3}};
	is_int(call(g, PUT, &c), 0, "one with an older part");
	parts(g, &c, id, "slots");
	ok(c.parts.count == 1 && slice_is(c.parts.parts[0].data, "s"), "does not replace the newer");
}

static void secrets(struct rig *g)
{
	const char *id = name(g, "atomic");
	const struct sq_part more = {"secret.late", 0, {"token", 5}};
	struct call c = {0};

	part_put(g, &c, id, "secretary", 0, "kept");
	is_int(parts(g, &c, id, "secret."), 1, "a secret is there while the record lives");
	c.put = (struct sq_store_put){
	    .id = id, .state = "done", .version = 2, .life = SQ_TERMINAL, .parts = &more, .part_count = 1};
	is_int(call(g, PUT, &c), 0, "the step that ends it");
	is_int(parts(g, &c, id, "secret."), 0, "deletes every secret, its own among them");
	is_int(parts(g, &c, id, ""), 2, "and nothing else");
}

const struct step log_steps[] = {
    {"appending to logs", appending},
    {"ranges of logs", ranges},
    {"large logs", bounded},
    {"merging", merging},
    {"parts replace each other by seq", part_seq},
    {"lists of parts", part_list},
    {"parts written with their record", parts_with_put},
    {"secrets", secrets},
    {0},
};
