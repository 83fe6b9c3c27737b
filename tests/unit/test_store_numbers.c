/* test_store_numbers.c - the block logic of the counters, against a disk that is an array. */
#include <errno.h>
#include <stdlib.h>

#include "plugins/store/local/numbers.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

#define BLOCK 100
#define DISK 8

/* What the disk holds of each counter. */
static struct {
	char name[16];
	int64_t value, reserved;
	bool there;
} disk[DISK];

static int slot(const char *name)
{
	int i = 0;

	while (disk[i].there && strcmp(disk[i].name, name) != 0)
		i++;
	return i;
}

static void disk_write(const struct number_row *row)
{
	int i = slot(row->name);

	disk[i].there = true;
	snprintf(disk[i].name, sizeof disk[i].name, "%s", row->name);
	disk[i].value = row->value;
	disk[i].reserved = row->reserved;
}

/* What the pool thread does with SQLite. */
static void disk_take(struct numbers *t)
{
	for (unsigned i = 0; i < t->row_count; i++) {
		struct number_row *row = &t->rows[i];
		int s = slot(row->name);

		if (row->act == ROW_LOAD) {
			row->value = disk[s].there ? disk[s].reserved : 0;
			row->reserved = row->value + row->ahead;
		} else if (!disk[s].there) {
			row->gone = true;
			continue;
		}
		disk_write(row);
	}
}

static int flush(struct numbers *t, bool closing)
{
	int n = numbers_collect(t, closing);

	disk_take(t);
	numbers_settle(t, 0);
	return n;
}

static void wipe(struct numbers *t)
{
	numbers_free(t);
	memset(disk, 0, sizeof disk);
	*t = (struct numbers){.block = BLOCK};
}

static struct sq_counter item(const char *name, int64_t n)
{
	return (struct sq_counter){.name = name, .n = n};
}

static int64_t take(struct numbers *t, const char *name, int64_t n)
{
	struct sq_counter c = item(name, n);
	int r = numbers_take(t, &c, 1);

	if (r == -EAGAIN) {
		flush(t, false);
		r = numbers_take(t, &c, 1);
	}
	return r < 0 ? r : c.value;
}

static void first_use(void)
{
	struct numbers t = {.block = BLOCK};
	struct sq_counter c = item("a", 1);

	is_int(numbers_take(&t, &c, 1), -EAGAIN, "the first use needs the disk");
	is_int(numbers_collect(&t, false), 1, "for one counter");
	ok(t.rows[0].act == ROW_LOAD && t.rows[0].ahead == BLOCK,
	   "which is read, and a block reserved behind it");
	ok(!numbers_only_values(&t), "and that has to be safe");
	disk_take(&t);
	numbers_settle(&t, 0);
	is_int(numbers_take(&t, &c, 1), 0, "then numbers come from memory");
	is_int(c.value, 1, "beginning at 1");
	is_int(disk[0].reserved, BLOCK, "while the disk has them as reserved");
	is_int(take(&t, "a", 9), 10, "nine more end at 10");
	ok(t.dirty && !t.low, "the disk's value is behind");
	is_int(numbers_collect(&t, false), 1, "one row");
	ok(t.rows[0].act == ROW_SAVE && numbers_only_values(&t), "brings the value alone");
	disk_take(&t);
	numbers_settle(&t, 0);
	ok(!t.dirty && disk[0].value == 10, "and then it is there");
	is_int(flush(&t, false), 0, "nothing is written twice");
	wipe(&t);
}

static void ahead(void)
{
	struct numbers t = {.block = BLOCK};
	struct sq_counter c = item("a", BLOCK / 2 + 1);

	take(&t, "a", 1);
	is_int(numbers_take(&t, &c, 1), 0, "half a block");
	ok(t.low, "is the time to reserve the next");
	is_int(flush(&t, false), 1, "in one row");
	is_int(disk[0].reserved, BLOCK / 2 + 2 + BLOCK - 1, "a block behind the value");
	c.n = BLOCK * 10;
	is_int(numbers_take(&t, &c, 1), -EAGAIN, "more than a block at once");
	flush(&t, false);
	is_int(numbers_take(&t, &c, 1), 0, "waits once");
	ok(disk[0].reserved - c.value < BLOCK, "and leaves less than a block reserved");
	c = item("b", 1);
	numbers_read(&t, &c, 1);
	flush(&t, false);
	ok(numbers_read(&t, &c, 1) == 0 && c.value == 0, "a counter that is only read");
	ok(disk[1].reserved == 0 && !t.low, "has nothing reserved");
	wipe(&t);
}

static void failure(void)
{
	struct numbers t = {.block = BLOCK};
	struct sq_counter c = item("a", 1);
	int64_t given = 0;

	take(&t, "a", 1);
	given = 1;
	for (c.n = 1; numbers_take(&t, &c, 1) == 0; given++)
		if (t.low) {
			numbers_collect(&t, false);
			numbers_settle(&t, -ENOSPC);
		}
	is_int(given, disk[0].reserved, "a full disk: every reserved number is given out, and not one more");
	ok(t.dirty && t.low, "the rest is tried again");
	is_int(flush(&t, false), 1, "with space");
	is_int(take(&t, "a", 1), given + 1, "it goes on where it stopped");
	wipe(&t);
}

static void together(void)
{
	struct numbers t = {.block = BLOCK};
	struct sq_counter c[] = {item("a", BLOCK), item("b", 1), item("a", BLOCK)};

	is_int(numbers_take(&t, c, 3), -EAGAIN, "three items, two counters");
	is_int(numbers_collect(&t, false), 2, "need two rows");
	disk_take(&t);
	numbers_settle(&t, 0);
	is_int(numbers_take(&t, c, 3), 0, "and one flush");
	ok(c[0].value == BLOCK && c[2].value == 2 * BLOCK && c[1].value == 1,
	   "each item has its own numbers");
	c[0].n = c[2].n = BLOCK - 1;
	is_int(numbers_take(&t, c, 3), -EAGAIN, "the sum counts, not each item");
	is_int(take(&t, "b", 1), 2, "and who waits for one counter has taken nothing of another");
	c[0].n = INT64_MAX;
	is_int(numbers_take(&t, c, 3), -ERANGE, "no counter passes 2^63-1");
	wipe(&t);
}

static void reset(void)
{
	struct numbers t = {.block = BLOCK};
	struct sq_counter c = item("a", 0);

	is_int(numbers_mark_reset(&t, &c, 1), -EAGAIN, "what is not loaded is not reset");
	flush(&t, false);
	take(&t, "a", 42);
	is_int(numbers_mark_reset(&t, &c, 1), 0, "what is");
	flush(&t, false);
	numbers_report_reset(&t, &c, 1);
	is_int(c.value, 42, "tells what it was");
	ok(disk[0].value == 0 && disk[0].reserved == BLOCK - 1, "and is 0 on the disk, with a new block");
	is_int(take(&t, "a", 1), 1, "numbers begin at 1");
	numbers_mark_reset(&t, &c, 1);
	numbers_collect(&t, false);
	numbers_settle(&t, -EIO);
	is_int(take(&t, "a", 1), 2, "a reset that failed changed nothing");
	flush(&t, false);
	is_int(take(&t, "a", 1), 3, "nor does it come later");
	wipe(&t);
}

static void closing(void)
{
	struct numbers t = {.block = BLOCK};

	take(&t, "a", 7);
	take(&t, "b", 1);
	is_int(flush(&t, true), 2, "a clean stop");
	ok(disk[0].reserved == 7 && disk[1].reserved == 1, "gives unused numbers back");
	is_int(flush(&t, true), 0, "once");
	numbers_free(&t);
	t = (struct numbers){.block = BLOCK};
	is_int(take(&t, "a", 1), 8, "so the next process goes on exactly");
	disk[1].there = false;
	take(&t, "b", 1);
	disk[1].there = false;
	take(&t, "b", 1);
	flush(&t, false);
	is_int(take(&t, "b", 1), 1, "a counter deleted with its record begins anew");
	wipe(&t);
}

/* A flush that is lost, or comes through. */
static void risk_flush(struct numbers *t)
{
	numbers_collect(t, false);
	if (rand() % 4 == 0) {
		numbers_settle(t, -EIO);
		return;
	}
	disk_take(t);
	numbers_settle(t, 0);
}

/* Crashes at any moment, blocks of any size. */
static void crashes(void)
{
	static bool given[200000];
	bool unique = true, near = true;
	int64_t value = 0, start;

	srand(1);
	for (int life = 0; life < 300; life++) {
		struct numbers t = {.block = 1 + rand() % 200};

		start = disk[0].reserved;
		near &= start - value < 200 && start >= value;
		value = start;
		for (int i = rand() % 100; i > 0; i--) {
			struct sq_counter c = item("x", rand() % 5);

			if (numbers_take(&t, &c, 1) < 0 || rand() % 10 == 0)
				risk_flush(&t);
			for (int64_t n = c.value - c.n + 1; c.value > 0 && n <= c.value; n++) {
				unique &= n > start && n < (int64_t)SQ_LEN(given) && !given[n];
				given[n] = true;
				value = n;
			}
		}
		numbers_free(&t);
	}
	ok(unique && value > 10000, "300 crashes: no number is given twice");
	ok(near, "and after each the counter reads high by less than a block");
	memset(disk, 0, sizeof disk);
}

static void no_memory(void)
{
	for (unsigned n = 1;; n++) {
		struct numbers t = {.block = BLOCK};
		struct sq_counter c[] = {item("a", 1), item("b", 1)};
		int r, rows = 0;

		failmalloc_after(n);
		r = numbers_take(&t, c, 2);
		if (r == -EAGAIN)
			rows = numbers_collect(&t, false);
		if (!failmalloc_stop()) {
			numbers_free(&t);
			break;
		}
		ok(r == -ENOMEM || rows == -ENOMEM, "allocation %u fails: told so", n);
		if (rows == 2) {
			disk_take(&t);
			numbers_settle(&t, 0);
		}
		is_int(take(&t, "a", 1), 1, "and later it works");
		wipe(&t);
	}
}

int main(void)
{
	first_use();
	ahead();
	failure();
	together();
	reset();
	closing();
	crashes();
	no_memory();
	return tap_done();
}
