/*
 * numbers.h - the counters in memory, and which of their numbers are reserved on disk. No I/O.
 *
 * A number is given out only when it lies in a block that the disk holds as reserved, and after a
 * crash a counter goes on behind its block: so no number is given out twice. Blocks are reserved
 * ahead, and one flush at a time brings everything that has changed to the disk:
 *
 *     numbers_take ...    -EAGAIN: the disk is needed first
 *     numbers_collect     what to write, as rows; a thread writes them (numbers_store)
 *     numbers_settle      the outcome; now numbers_take can go on
 *
 * A block ends less than `block` behind the value it was reserved at.
 */
#ifndef STORE_LOCAL_NUMBERS_H
#define STORE_LOCAL_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/store.h>

struct number;

enum row_act {
	ROW_LOAD, /* read what the disk has, reserve ahead */
	ROW_SAVE, /* value and reserved replace what the disk has */
	ROW_RESET /* the same, and value is 0 */
};

struct number_row {
	struct number *number;
	const char *name, *record; /* record: "" = none */
	enum row_act act;
	int64_t ahead; /* ROW_LOAD: how many to reserve behind what the disk says */
	int64_t value, reserved; /* ROW_LOAD: filled by the thread */
	bool gone; /* filled by the thread: the disk no longer has this counter */
};

#define NUMBERS_BUCKETS 256

struct numbers {
	int64_t block;
	struct number *bucket[NUMBERS_BUCKETS];
	unsigned count;
	bool dirty; /* a value differs from the disk's */
	bool low; /* a block is half used: reserve the next one soon */
	struct number_row *rows; /* of the flush that is on its way */
	unsigned row_count, row_max;
};

void numbers_free(struct numbers *t); /* forgets everything */

/* Each of these answers all items, 0, or none: -EAGAIN when the disk is needed first (what is
 * missing is noted for numbers_collect), -ENOMEM, -ERANGE when a counter would pass 2^63-1. */
int numbers_take(struct numbers *t, struct sq_counter *items, unsigned count);
int numbers_read(struct numbers *t, struct sq_counter *items, unsigned count);
/* Reset: mark right before numbers_collect (-EAGAIN while some are not loaded), then report. */
int numbers_mark_reset(struct numbers *t, struct sq_counter *items, unsigned count);
void numbers_report_reset(struct numbers *t, struct sq_counter *items, unsigned count);

/* Fills rows: everything noted, low or dirty; closing gives unused numbers back to the disk, so
 * that the exact value is what a restart finds. The number of rows, or -ENOMEM. */
int numbers_collect(struct numbers *t, bool closing);
/* The rows change nothing but values: what a crash may take. */
bool numbers_only_values(const struct numbers *t);
/* status of the flush; a negative one leaves everything as it was, and drops what was noted. */
void numbers_settle(struct numbers *t, int status);

#endif
