/* hist.c - the one histogram layout of squall. */
#include "hist.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Bucket b > 0 holds the values whose highest bit is bit b + 10, in 1024 cells of width 2^b;
 * bucket 0 holds 0 .. 2047 in 2048 cells of width 1. Cells of all buckets stand in one row, so that
 * cell = bucket * 1024 + value / 2^bucket without a case for bucket 0.
 */
#define HALF_BITS 10
#define HALF (1 << HALF_BITS)

static_assert(HIST_CELLS == 33 * HALF, "32 buckets, the first of them double");
static_assert(HIST_CEILING < (int64_t)HALF << 33, "the ceiling lies in the last bucket");

static inline int64_t clamp(int64_t value)
{
	value = value < 0 ? 0 : value;
	return value > HIST_CEILING ? HIST_CEILING : value;
}

static inline uint32_t cell_of(int64_t clamped)
{
	unsigned bucket = 63 - HALF_BITS - (unsigned)__builtin_clzll((uint64_t)clamped | (2 * HALF - 1));

	return (bucket << HALF_BITS) + (uint32_t)(clamped >> bucket);
}

static inline unsigned cell_bucket(uint32_t cell)
{
	return cell < 2 * HALF ? 0 : (cell >> HALF_BITS) - 1;
}

uint32_t hist_cell(int64_t value)
{
	return cell_of(clamp(value));
}

int64_t hist_cell_low(uint32_t cell)
{
	unsigned bucket = cell_bucket(cell);

	assert(cell < HIST_CELLS);
	return (int64_t)(cell - (bucket << HALF_BITS)) << bucket;
}

int64_t hist_cell_high(uint32_t cell)
{
	return hist_cell_low(cell) + ((int64_t)1 << cell_bucket(cell)) - 1;
}

struct hist *hist_new(void)
{
	struct hist *h = calloc(1, sizeof *h);

	if (h)
		h->low = HIST_CELLS;
	return h;
}

void hist_free(struct hist *h)
{
	free(h);
}

/* Only the cells in use are written: most histograms of a test are narrow. */
void hist_reset(struct hist *h)
{
	if (h->low <= h->high)
		memset(&h->cells[h->low], 0, (h->high - h->low + 1) * sizeof *h->cells);
	memset(h, 0, offsetof(struct hist, cells));
	h->low = HIST_CELLS;
}

/* Nanoseconds count here: no loop, no division, and no branch that is hard to predict. */
static inline void add_many(struct hist *h, int64_t value, uint64_t n)
{
	uint32_t cell;

	value = clamp(value);
	cell = cell_of(value);
	h->min = h->count == 0 || value < h->min ? value : h->min;
	h->max = value > h->max ? value : h->max;
	h->low = cell < h->low ? cell : h->low;
	h->high = cell > h->high ? cell : h->high;
	h->sum += (unsigned __int128)(uint64_t)value * n;
	h->count += n;
	h->cells[cell] += n;
}

void hist_add(struct hist *h, int64_t value)
{
	add_many(h, value, 1);
}

void hist_add_censored(struct hist *h, int64_t lower_bound)
{
	hist_add_censored_many(h, lower_bound, 1);
}

void hist_add_censored_many(struct hist *h, int64_t lower_bound, uint64_t n)
{
	if (n > 0)
		add_many(h, lower_bound, n);
	h->censored += n;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	if (from->count == 0)
		return;
	into->min = into->count == 0 || from->min < into->min ? from->min : into->min;
	into->max = from->max > into->max ? from->max : into->max;
	into->low = from->low < into->low ? from->low : into->low;
	into->high = from->high > into->high ? from->high : into->high;
	into->count += from->count;
	into->censored += from->censored;
	into->sum += from->sum;
	for (uint32_t i = from->low; i <= from->high; i++)
		into->cells[i] += from->cells[i];
}

static bool contains(const struct hist *all, const struct hist *part)
{
	if (part->count > all->count || part->censored > all->censored || part->sum > all->sum)
		return false;
	for (uint32_t i = part->low; i <= part->high; i++)
		if (part->cells[i] > all->cells[i])
			return false;
	return true;
}

int hist_since(struct hist *out, const struct hist *now, const struct hist *before)
{
	assert(out != now && out != before);
	if (!contains(now, before))
		return -EINVAL;
	hist_reset(out);
	for (uint32_t i = now->low; i <= now->high; i++) {
		out->cells[i] = now->cells[i] - before->cells[i];
		if (out->cells[i] == 0)
			continue;
		out->low = i < out->low ? i : out->low;
		out->high = i;
	}
	out->count = now->count - before->count;
	out->censored = now->censored - before->censored;
	out->sum = now->sum - before->sum;
	if (out->count > 0) {
		int64_t low = hist_cell_low(out->low), high = hist_cell_high(out->high);

		out->min = low > now->min ? low : now->min;
		out->max = high < now->max ? high : now->max;
	}
	return 0;
}

int64_t hist_percentile(const struct hist *h, double percent)
{
	uint64_t seen = 0, rank;
	double exact;

	assert(percent >= 0 && percent <= 100);
	if (h->count == 0)
		return 0;
	/* The next smaller number, as HdrHistogram does, so that 99.9 % of 1000 is not 999.0000000000001
	 * and thus rank 1000. */
	exact = ceil(nextafter(percent, -1) * (double)h->count / 100);
	rank = exact < 1 ? 1 : exact >= (double)h->count ? h->count : (uint64_t)exact;
	for (uint32_t i = h->low; i <= h->high; i++) {
		seen += h->cells[i];
		if (seen >= rank)
			return hist_cell_high(i) < h->max ? hist_cell_high(i) : h->max;
	}
	return h->max;
}

bool hist_can_tell(uint64_t count, double percent)
{
	return count > 0 && (percent < 99 || (double)count * (100 - percent) > 99.99);
}

double hist_mean(const struct hist *h)
{
	return h->count ? (double)h->sum / (double)h->count : 0;
}

bool hist_equal(const struct hist *a, const struct hist *b)
{
	return a->count == b->count && memcmp(a->cells, b->cells, sizeof a->cells) == 0;
}
