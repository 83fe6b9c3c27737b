/* test_hist.c - the histogram against sorted samples, its layout, merging and differences. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/hist.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

#define SAMPLES 100000

static uint64_t state = 42;

static uint64_t next(void)
{
	state ^= state << 13; /* xorshift64 (Marsaglia) */
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static double uniform(void) /* within (0, 1] */
{
	return ((double)(next() >> 11) + 1) / 0x1p53;
}

static double normal(void) /* Box-Muller */
{
	double radius = sqrt(-2 * log(uniform()));

	return radius * cos(2 * M_PI * uniform());
}

/* --- distributions, ns ----------------------------------------------------------------------- */

static int64_t d_constant(int i)
{
	(void)i;
	return 5 * SQ_MS;
}

static int64_t d_zero(int i)
{
	(void)i;
	return 0;
}

static int64_t d_small(int i)
{
	return i % 2048;
}

static int64_t d_uniform(int i)
{
	(void)i;
	return (int64_t)(uniform() * 100 * SQ_MS);
}

static int64_t d_wide(int i) /* every magnitude alike */
{
	(void)i;
	return (int64_t)exp(uniform() * log((double)HIST_CEILING));
}

static int64_t d_exponential(int i)
{
	(void)i;
	return (int64_t)(-log(uniform()) * 2 * SQ_MS);
}

static int64_t d_lognormal(int i)
{
	(void)i;
	return (int64_t)(exp(normal()) * SQ_MS);
}

static int64_t d_pareto(int i)
{
	(void)i;
	return (int64_t)(SQ_MS / pow(uniform(), 1 / 1.2));
}

static int64_t d_bimodal(int i)
{
	return i % 102 < 96 ? 5 * SQ_MS : 1502 * SQ_MS;
}

static int64_t d_outlier(int i)
{
	return i == 77 ? 1000 * SQ_S : 300 * SQ_US;
}

static int64_t d_powers(int i) /* on and beside the borders of the buckets */
{
	return ((int64_t)1 << i % 41) + i % 3 - 1;
}

static int64_t d_rising(int i)
{
	return (int64_t)i * i;
}

static int64_t d_stall(int i) /* one second without answers at 2000/s */
{
	return i % 40000 < 2000 ? (int64_t)(2000 - i % 40000) * 500 * SQ_US : 200 * SQ_US;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* ceil(percent / 100 * count), at least 1; percent in hundred-thousandths, in whole numbers. */
static uint64_t rank_of(uint64_t percent_e5, uint64_t count)
{
	uint64_t rank = (percent_e5 * count + 9999999) / 10000000;

	return rank ? rank : 1;
}

static void against_sorted(const char *name, int64_t (*sample)(int i), int count)
{
	static const uint64_t percents[] = {0,       1000,    1000000, 2500000, 5000000, 7500000,
	                                    9000000, 9500000, 9900000, 9990000, 9999000, 10000000};
	int64_t *sorted = malloc((size_t)count * sizeof *sorted);
	struct hist *h = hist_new();
	unsigned __int128 sum = 0;
	bool good = true;

	for (int i = 0; i < count; i++) {
		int64_t value = sample(i);

		sorted[i] = value < 0 ? 0 : value > HIST_CEILING ? HIST_CEILING : value;
		sum += (uint64_t)sorted[i];
		hist_add(h, value);
	}
	qsort(sorted, (size_t)count, sizeof *sorted, compare);
	for (size_t i = 0; i < SQ_LEN(percents); i++) {
		int64_t want = sorted[rank_of(percents[i], (uint64_t)count) - 1];
		int64_t got = hist_percentile(h, (double)percents[i] / 1e5);

		if (got < want || (double)(got - want) > 0.001 * (double)want || got > h->max) {
			printf("#   p%g is %lld, want %lld\n", (double)percents[i] / 1e5, (long long)got,
			       (long long)want);
			good = false;
		}
	}
	ok(good, "%s: percentiles within 0.1 %% of the sorted samples", name);
	ok(h->count == (uint64_t)count && h->min == sorted[0] && h->max == sorted[count - 1] && h->sum == sum,
	   "%s: count, min, max and sum are exact", name);
	ok(fabs(hist_mean(h) - (double)sum / count) <= 1e-9 * (double)sum / count, "%s: mean", name);
	hist_free(h);
	free(sorted);
}

static void distributions(void)
{
	against_sorted("constant", d_constant, SAMPLES);
	against_sorted("zero", d_zero, SAMPLES);
	against_sorted("below 2048 ns", d_small, SAMPLES);
	against_sorted("uniform", d_uniform, SAMPLES);
	against_sorted("log-uniform", d_wide, SAMPLES);
	against_sorted("exponential", d_exponential, SAMPLES);
	against_sorted("lognormal", d_lognormal, SAMPLES);
	against_sorted("pareto", d_pareto, SAMPLES);
	against_sorted("bimodal", d_bimodal, SAMPLES);
	against_sorted("one outlier", d_outlier, SAMPLES);
	against_sorted("powers of two", d_powers, SAMPLES);
	against_sorted("squares", d_rising, SAMPLES);
	against_sorted("stall", d_stall, SAMPLES);
	for (int count = 1; count <= 12; count++)
		against_sorted("a few lognormal", d_lognormal, count);
}

/* Of the values 1 .. n each percentile is its own rank; percent * n is then often off by a bit. */
static void ranks(void)
{
	static const uint64_t percents[] = {56000, 112000, 3330000, 9500000, 9900000, 9990000, 9999000};
	struct hist *h = hist_new();
	unsigned wrong = 0;

	for (uint64_t n = 1; n < 2048; n++) {
		hist_add(h, (int64_t)n);
		for (size_t i = 0; i < SQ_LEN(percents); i++)
			wrong += hist_percentile(h, (double)percents[i] / 1e5) !=
			         (int64_t)rank_of(percents[i], n);
	}
	is_int(wrong, 0, "the rank of a percentile is exact");
	hist_free(h);
}

/* Interpolating between 5 and 1502 ms would give a latency that nobody had. */
static void bimodal(void)
{
	struct hist *h = hist_new();

	for (int i = 0; i < 102; i++)
		hist_add(h, d_bimodal(i));
	is_int(hist_percentile(h, 95), 1502 * SQ_MS, "96 x 5 ms and 6 x 1502 ms: p95 is 1502 ms");
	is_int(hist_cell(hist_percentile(h, 94)), hist_cell(5 * SQ_MS), "and p94 is 5 ms");
	hist_free(h);
}

static void edges(void)
{
	struct hist *h = hist_new();

	ok(hist_percentile(h, 0) == 0 && hist_percentile(h, 100) == 0 && hist_mean(h) == 0, "empty is 0");
	ok(h->min == 0 && h->max == 0 && h->low > h->high, "empty has no bounds");
	hist_add(h, 123456789);
	ok(hist_percentile(h, 0) == 123456789 && hist_percentile(h, 50) == 123456789 &&
	       hist_percentile(h, 100) == 123456789,
	   "one value is every percentile, exactly");
	hist_add(h, -5);
	ok(h->min == 0 && h->cells[0] == 1, "negative counts as 0");
	hist_add(h, INT64_MAX);
	hist_add(h, HIST_CEILING);
	ok(h->max == HIST_CEILING && h->cells[hist_cell(HIST_CEILING)] == 2,
	   "above the ceiling is the ceiling");
	is_int(hist_percentile(h, 100), HIST_CEILING, "p100 is the maximum");
	hist_add(h, INT64_MIN);
	is_int(h->count, 5, "all are counted");
	hist_reset(h);
	ok(h->count == 0 && h->sum == 0 && h->cells[0] == 0 && h->cells[hist_cell(HIST_CEILING)] == 0 &&
	       h->low > h->high,
	   "reset empties it");
	hist_add(h, 7);
	ok(h->min == 7 && h->max == 7 && h->low == 7 && h->high == 7, "and it can be used again");
	hist_free(h);
	hist_free(NULL);
}

static void layout(void)
{
	bool borders = true, inside = true, narrow = true;

	for (uint32_t cell = 0; cell < HIST_CELLS; cell++) {
		int64_t low = hist_cell_low(cell), high = hist_cell_high(cell);

		borders &= cell == 0 ? low == 0 : low == hist_cell_high(cell - 1) + 1;
		narrow &= high - low <= low / 1000;
		if (high <= HIST_CEILING)
			inside &= hist_cell(low) == cell && hist_cell(high) == cell &&
			          hist_cell(low + (high - low) / 2) == cell;
	}
	ok(borders, "cells follow each other without gap or overlap");
	ok(inside, "what lies between a cell's borders falls into it");
	ok(narrow, "no cell is wider than 0.1 %% of its values");
	ok(hist_cell_low(hist_cell(HIST_CEILING)) <= HIST_CEILING, "the ceiling has a cell");
}

static void merging(void)
{
	struct hist *all = hist_new(), *sum = hist_new(), *parts[7];
	const size_t k = SQ_LEN(parts);

	for (size_t i = 0; i < k; i++)
		parts[i] = hist_new();
	for (int i = 0; i < SAMPLES; i++) {
		int64_t value = i % 3 ? d_lognormal(i) : d_wide(i);
		bool censored = i % 1000 == 0;
		struct hist *part = parts[next() % (k - 1)]; /* the last stays empty */

		(censored ? hist_add_censored : hist_add)(all, value);
		(censored ? hist_add_censored : hist_add)(part, value);
	}
	for (size_t i = k; i-- > 0;)
		hist_merge(sum, parts[i]);
	ok(hist_equal(sum, all), "merged parts equal the whole, cell by cell");
	ok(sum->min == all->min && sum->max == all->max && sum->sum == all->sum &&
	       sum->censored == all->censored && sum->low == all->low && sum->high == all->high,
	   "so do min, max, sum and censored");
	is_int(all->censored, 100, "censored values are counted twice over");
	is_int(all->count, SAMPLES, "and recorded like others");
	for (size_t i = 0; i < k; i++)
		hist_free(parts[i]);
	hist_free(sum);
	hist_free(all);
}

static void since(void)
{
	struct hist *now = hist_new(), *before = hist_new(), *only = hist_new(), *out = hist_new();

	for (int i = 0; i < 1000; i++)
		hist_add_censored(now, d_lognormal(i));
	hist_merge(before, now);
	for (int i = 0; i < 1000; i++) {
		int64_t value = 20 * SQ_MS + d_uniform(i);

		hist_add(now, value);
		hist_add(only, value);
	}
	hist_add(out, 1); /* what it held before is gone afterwards */
	is_int(hist_since(out, now, before), 0, "a later snapshot contains the earlier one");
	ok(hist_equal(out, only) && out->sum == only->sum && out->censored == 0,
	   "the difference is what came since");
	ok(out->min <= only->min && hist_cell(out->min) == hist_cell(only->min) && out->max >= only->max &&
	       hist_cell(out->max) == hist_cell(only->max),
	   "min and max are those of its cells");
	ok(out->low == only->low && out->high == only->high, "and so are its bounds");
	is_int(hist_since(out, now, now), 0, "since itself");
	ok(out->count == 0 && out->min == 0 && out->max == 0 && out->low > out->high, "nothing has come");
	hist_add(out, 5);
	is_int(hist_since(out, before, now), -EINVAL, "the other way round is refused");
	ok(out->count == 1 && out->max == 5, "and nothing is written");
	hist_reset(before);
	hist_add(before, 77);
	is_int(hist_since(out, now, before), -EINVAL, "so is a stranger");
	hist_free(now);
	hist_free(before);
	hist_free(only);
	hist_free(out);
}

static void no_memory(void)
{
	failmalloc_after(1);
	ok(!hist_new() && failmalloc_stop(), "no memory, no histogram");
}

int main(void)
{
	distributions();
	ranks();
	bimodal();
	edges();
	layout();
	merging();
	since();
	no_memory();
	return tap_done();
}
