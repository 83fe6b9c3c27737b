/*
 * hist.h - the one histogram layout of squall.
 *
 * HdrHistogram's log-linear layout (Gil Tene, hdrhistogram.org) with lowest discernible value 1,
 * highest trackable value 3,600,000,000,000 and 3 significant digits; our unit is the nanosecond,
 * so 1 ns .. 1 h. 2048 sub-buckets, 32 buckets, 33,792 cells: a recorded value is off by less
 * than 0.1 %. All histograms have the same layout, so merging is the addition of cells, exact.
 *
 * Values below 0 count as 0, above the ceiling as the ceiling. min, max and sum are kept exactly
 * beside the cells. Percentiles are those of HdrHistogram: the highest value equivalent to the
 * cell in which the rank ceil(p / 100 * total), at least 1, falls; never more than max.
 *
 * A censored value is a lower bound (a request that timed out, or was in flight at the end): it
 * is recorded like any other and counted in censored as well.
 */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/util.h>

#include "buf.h"

#define HIST_CELLS 33792
#define HIST_CEILING 3600000000000LL
#define HIST_DIGITS 3

struct hist {
	uint64_t count;
	int64_t min, max; /* both 0 while count is 0 */
	uint32_t low, high; /* cells outside [low, high] are 0; low > high when empty */
	unsigned __int128 sum;
	uint64_t censored;
	uint64_t cells[HIST_CELLS];
};

struct hist *hist_new(void); /* empty; NULL without memory */
void hist_free(struct hist *h);
void hist_reset(struct hist *h);

void hist_add(struct hist *h, int64_t value);
void hist_add_censored(struct hist *h, int64_t lower_bound);
void hist_add_censored_many(struct hist *h, int64_t lower_bound, uint64_t n); /* n of them */
void hist_merge(struct hist *into, const struct hist *from);

/* What was recorded between two cumulative snapshots of one histogram: now - before. min and max
 * are those of the cells, within those of now. out is neither of the two. -EINVAL, out untouched,
 * if before is not contained in now. */
int hist_since(struct hist *out, const struct hist *now, const struct hist *before);

int64_t hist_percentile(const struct hist *h, double percent); /* 0 when empty; percent 0 .. 100 */
/* Whether there are enough values for this percentile to be more than the largest one's luck: at least one
 * beyond it from 99 on. */
bool hist_can_tell(uint64_t count, double percent);
double hist_mean(const struct hist *h); /* 0 when empty */
bool hist_equal(const struct hist *a, const struct hist *b); /* cells and count */

/* The layout itself, for tests and exports. */
uint32_t hist_cell(int64_t value);
int64_t hist_cell_low(uint32_t cell); /* lowest value that falls there */
int64_t hist_cell_high(uint32_t cell); /* highest */

/*
 * HdrHistogram V2 compressed encoding (cookie 0x1c849304 around 0x1c849303, both with the flag
 * 0x10 that all writers set: big-endian header, ZigZag LEB128 counts, negative = run of zeroes,
 * zlib), appended as base64 text for JSON and .hlog.
 * The blob carries the cells alone; min, max, sum and censored travel beside it.
 */
int hist_encode(const struct hist *h, struct buf *base64); /* 0 or -ENOMEM */

/*
 * The reverse, also for blobs that other HdrHistogram tools wrote with lowest value 1 and 3
 * digits, whatever their highest value, as far as the counts fit our ceiling. min, max and sum
 * are set from the cells. Bounded: a hostile blob costs less than 1 MB for the time of the call.
 * -EBADMSG with the reason in err, or -ENOMEM; out untouched.
 */
int hist_decode(struct hist *out, const char *base64, size_t len, struct sq_err *err);

/* The percentile spectrum as wrk2 and HdrHistogram's tools print it (.hgrm), values divided by
 * unit (SQ_MS: milliseconds). */
void hist_hgrm(const struct hist *h, double unit, struct buf *out);

#endif
