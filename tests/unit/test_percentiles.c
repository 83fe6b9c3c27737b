/* test_percentiles.c - percentiles of the histogram against those of the sorted values, within 0.1 %. */
#include <math.h>
#include <stdlib.h>

#include <squall/util.h>

#include "core/base/hist.h"
#include "tests/tap.h"

#define N 200000

static uint64_t random_state = 88172645463325252ULL;

static double uniform(void) /* in (0, 1); xorshift64, George Marsaglia 2003 */
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return ((double)(random_state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * acos(-1) * uniform());
}

/* Each in ns, of value i. */
static double constant(int i)
{
	(void)i;
	return 12345678;
}

static double even(int i)
{
	(void)i;
	return uniform() * 1e9;
}

static double exponential(int i)
{
	(void)i;
	return -log(uniform()) * 5e6;
}

static double lognormal(int i)
{
	(void)i;
	return exp(normal() * 1.5) * 2e6;
}

static double pareto(int i)
{
	(void)i;
	return 1e6 / pow(uniform(), 1 / 1.2);
}

static double gaussian(int i)
{
	(void)i;
	return fabs(50e6 + normal() * 5e6);
}

static double weibull(int i)
{
	(void)i;
	return pow(-log(uniform()), 2) * 3e6;
}

static double two_peaks(int i)
{
	return i % 10 ? 1e6 + uniform() * 1e5 : 300e6 + uniform() * 1e7;
}

static double three_peaks(int i)
{
	return i % 100 == 99 ? 2e9 + normal() * 1e6 : i % 3 ? 800e3 + normal() * 1e3 : 7e6 + normal() * 1e5;
}

static double microseconds(int i)
{
	(void)i;
	return floor(20e3 + uniform() * 30e3);
}

static double stalled(int i) /* a stall of 1 s at 1000/s: a ramp of waiting times among short ones */
{
	return i % 10000 < 1000 ? (1000 - i % 10000) * 1e6 : 2e6 + uniform() * 1e5;
}

static double steps(int i)
{
	return (double)(1 + i % 7) * 10e6;
}

static double wide(int i)
{
	(void)i;
	return pow(10, uniform() * 12.5);
}

static const struct {
	const char *name;
	double (*draw)(int i);
} shapes[] = {
    {"constant", constant},         {"uniform", even},        {"exponential", exponential},
    {"lognormal", lognormal},       {"Pareto", pareto},       {"normal", gaussian},
    {"Weibull", weibull},           {"two peaks", two_peaks}, {"three peaks", three_peaks},
    {"microseconds", microseconds}, {"a stall", stalled},     {"steps", steps},
    {"twelve decades", wide},
};

static int compare(const void *a, const void *b)
{
	return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b);
}

/* The rank ceil(p / 100 * n), at least 1, of sorted values. */
static int64_t truth(const int64_t *sorted, int n, double percent)
{
	int rank = (int)ceil(percent * n / 100 - 1e-9);

	return sorted[rank > 1 ? rank - 1 : 0];
}

static void check(const char *name, struct hist *h, int64_t *values, int n)
{
	static const double percents[] = {0, 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100};
	double worst = 0;

	qsort(values, (size_t)n, sizeof *values, compare);
	for (size_t i = 0; i < SQ_LEN(percents); i++) {
		double want = (double)truth(values, n, percents[i]);
		double off = fabs((double)hist_percentile(h, percents[i]) - want) / (want > 0 ? want : 1);

		worst = off > worst ? off : worst;
	}
	ok(worst <= 0.001, "%s: off by %.4f %% at most", name, worst * 100);
	is_int(h->max, values[n - 1], "  the largest value exactly");
}

static void test_shapes(void)
{
	static int64_t values[N];
	struct hist *h = hist_new();

	for (size_t s = 0; h && s < SQ_LEN(shapes); s++) {
		hist_reset(h);
		for (int i = 0; i < N; i++) {
			double v = shapes[s].draw(i);

			values[i] = v < 1 ? 1 : v > 3.6e12 ? HIST_CEILING : (int64_t)v;
			hist_add(h, values[i]);
		}
		check(shapes[s].name, h, values, N);
	}
	hist_free(h);
}

/* 96 fast answers and six slow ones: the mean says 93 ms, which nobody saw, and p95 is a slow one. */
static void test_bimodal(void)
{
	int64_t values[102];
	struct hist *h = hist_new();

	for (int i = 0; i < 102; i++) {
		values[i] = i < 96 ? 5 * SQ_MS : 1502 * SQ_MS;
		hist_add(h, values[i]);
	}
	check("96 x 5 ms and 6 x 1502 ms", h, values, 102);
	ok(fabs((double)hist_percentile(h, 95) / (1502 * SQ_MS) - 1) < 0.001, "  p95 is 1502 ms");
	ok(fabs((double)hist_percentile(h, 94) / (5 * SQ_MS) - 1) < 0.001, "  p94 is 5 ms");
	hist_free(h);
}

int main(void)
{
	test_shapes();
	test_bimodal();
	return tap_done();
}
