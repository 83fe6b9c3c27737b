/* test_stages.c - due times of ramps against exact ones, Poisson arrivals against what they must be, warm-up.
 */
#include <math.h>
#include <stdlib.h>

#include <squall/util.h>

#include "core/base/schedule.h"
#include "tests/tap.h"
#include "tests/unit/stages_table.h"

#define ONE 1000000LL /* one request per second */

static int64_t length_of(const struct stage *stages, uint32_t count)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += stages[i].duration;
	return sum;
}

static void make(struct schedule *s, int64_t rate, const struct stage *stages, uint32_t count)
{
	schedule_init(s, &(struct schedule_setup){.rate = rate,
	                                          .duration = length_of(stages, count),
	                                          .stages = stages,
	                                          .stage_count = count});
}

static void test_reference(void)
{
	struct schedule s;

	for (size_t i = 0; i < SQ_LEN(references); i++) {
		const struct reference *r = &references[i];
		bool good = true;

		make(&s, r->rate, r->stages, r->count);
		good = s.total == r->total;
		for (size_t k = 0; k < SQ_LEN(r->ticks); k++) {
			int64_t due = schedule_due(&s, r->ticks[k].tick);

			if (due != r->ticks[k].due)
				printf("# tick %llu: %lld, not %lld\n", (unsigned long long)r->ticks[k].tick,
				       (long long)due, (long long)r->ticks[k].due);
			good &= due == r->ticks[k].due;
		}
		ok(good, "plan %zu: total and due times as computed without rounding", i);
	}
}

/* What is said of ramps in the header, tick by tick. */
static void check_inverse(const struct schedule *s, const char *what)
{
	bool monotone = true, inverse = true, before = true;
	int64_t last = 0;

	for (uint64_t i = 0; i < 2000; i++) {
		uint64_t k = s->total <= 2000 ? i : s->total / 2000 * i, n;
		int64_t due;

		if (k >= s->total)
			break;
		due = schedule_due(s, k);
		monotone &= due >= last && due < s->warmup + s->duration;
		last = due;
		n = schedule_ticks_until(s, due);
		inverse &= n > k && schedule_due(s, n - 1) == due;
		n = schedule_ticks_until(s, due - 1);
		before &= n <= k && (n == 0 || schedule_due(s, n - 1) < due);
	}
	ok(monotone, "%s: due times never go back, and lie within", what);
	ok(inverse && before, "%s: ticks_until is the exact inverse", what);
	is_int(schedule_ticks_until(s, s->warmup + s->duration), s->total, what);
}

static void test_inverse(void)
{
	struct schedule s;
	char what[32];

	for (size_t i = 0; i < SQ_LEN(references); i++) {
		make(&s, references[i].rate, references[i].stages, references[i].count);
		snprintf(what, sizeof what, "plan %zu", i);
		check_inverse(&s, what);
		s.poisson = true;
		snprintf(what, sizeof what, "plan %zu, Poisson", i);
		check_inverse(&s, what);
	}
}

/* What falls on the edge of a pause is due behind it. */
static void test_pause(void)
{
	static const struct stage pause[] = {
	    {SQ_S, 100 * ONE}, {0, 0}, {SQ_S, 0}, {0, 50 * ONE}, {SQ_S, 50 * ONE}};
	struct schedule s;

	make(&s, 100 * ONE, pause, SQ_LEN(pause));
	is_int(s.total, 150, "100, a pause of a second, 50");
	is_int(schedule_due(&s, 99), 990 * SQ_MS, "the last before the pause");
	is_int(schedule_due(&s, 100), 2 * SQ_S, "the next one comes when it is over");
	is_int(schedule_ticks_until(&s, 2 * SQ_S - 1), 100, "and is not counted before");
}

static void test_cut(void)
{
	static const struct stage ramp[] = {{10 * SQ_S, 1000 * ONE}};
	struct schedule_setup setup = {.rate = 100 * ONE, .duration = 60 * SQ_S, .max = 250};
	struct schedule s;

	schedule_init(&s, &setup);
	is_int(s.total, 250, "max cuts the total");
	is_int(s.end, 2500 * SQ_MS, "and the end is when the next one would have been due");
	setup.max = 6000;
	schedule_init(&s, &setup);
	is_int(s.end, 60 * SQ_S, "one that is as much as all cuts nothing");
	setup = (struct schedule_setup){.duration = 10 * SQ_S, .stages = ramp, .stage_count = 1, .max = 1250};
	schedule_init(&s, &setup);
	is_int(s.end, 5 * SQ_S, "a quarter of a ramp's requests takes half its time");
	setup.poisson = true;
	schedule_init(&s, &setup);
	ok(s.total == 1250 && s.end > 4 * SQ_S && s.end < 6 * SQ_S && schedule_due(&s, 1249) <= s.end,
	   "Poisson arrivals are cut as well");
}

static void test_warmup(void)
{
	static const struct stage ramp[] = {{10 * SQ_S, 1000 * ONE}};
	struct schedule_setup setup = {.rate = 100 * ONE, .duration = SQ_S, .warmup = 2 * SQ_S};
	struct schedule s;

	schedule_init(&s, &setup);
	ok(s.warm == 200 && s.total == 300, "200 requests of warm-up before 100");
	is_int(schedule_due(&s, 199), 1990 * SQ_MS, "the last of the warm-up");
	is_int(schedule_due(&s, 200), 2 * SQ_S, "the first of the load");
	check_inverse(&s, "with warm-up");
	setup = (struct schedule_setup){
	    .duration = 10 * SQ_S, .stages = ramp, .stage_count = 1, .warmup = SQ_S, .max = 10};
	schedule_init(&s, &setup);
	ok(s.warm == 1000 && s.total == 1010,
	   "a ramp from 0 warms up with its first rate; max is about the load");
}

/* --- Poisson --------------------------------------------------------------------------------- */

#define N 100000

/* Counts in windows of a Poisson process vary as much as their mean. */
static double spread(const int64_t *due, int64_t window)
{
	static uint32_t bins[N];
	uint64_t count = (uint64_t)(N * 1000LL / window);
	double mean = (double)N / (double)count, sum = 0;

	memset(bins, 0, sizeof bins);
	for (int k = 0; k < N; k++)
		if ((uint64_t)(due[k] / window) < count)
			bins[due[k] / window]++;
	for (uint64_t i = 0; i < count; i++)
		sum += (bins[i] - mean) * (bins[i] - mean);
	return sum / (double)count / mean;
}

static int compare(const void *a, const void *b)
{
	return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b);
}

/* Largest distance between the gaps' distribution and the exponential one, times the root of their
 * number: above 1.95 in one of 1000 cases (Kolmogorov). */
static double gaps_distance(const int64_t *due)
{
	static int64_t gaps[N - 1];
	double worst = 0;

	for (int k = 1; k < N; k++)
		gaps[k - 1] = due[k] - due[k - 1];
	qsort(gaps, N - 1, sizeof *gaps, compare);
	for (int i = 0; i < N - 1; i++) {
		/* Gaps are whole ns of 1000 on average: the middle of what is floored. */
		double want = 1 - exp(-((double)gaps[i] + 0.5) / 1000), got = (i + 0.5) / (N - 1);

		worst = fabs(want - got) > worst ? fabs(want - got) : worst;
	}
	return worst * sqrt(N);
}

static void test_poisson(void)
{
	static int64_t due[N];
	struct schedule_setup setup = {
	    .rate = 1000000 * ONE, .duration = N * 1000LL, .poisson = true, .seed = 1};
	struct schedule_walk w;
	struct schedule s;
	bool same = true;
	double v;

	schedule_init(&s, &setup);
	is_int(s.total, N, "the total is that of even arrivals");
	schedule_walk_init(&w, &s);
	for (int k = 0; k < N; k++)
		due[k] = schedule_walk_due(&w, (uint64_t)k);
	for (uint64_t k = 0; k < N; k += 97)
		same &= schedule_due(&s, k) == due[k];
	ok(same, "random access gives what the walk gives");
	for (uint64_t k = N; k > 7; k -= 7)
		same &= schedule_walk_due(&w, k - 7) == due[k - 7];
	ok(same, "a walk may jump and go back");
	v = gaps_distance(due);
	ok(v < 1.95, "gaps are exponential (Kolmogorov %.2f)", v);
	/* The total is fixed, so that long windows vary less by their share of the whole. */
	for (int64_t window = 10 * 1000; window <= 1000 * 1000; window *= 10) {
		double count = N * 1000.0 / (double)window, error = 5 * sqrt(2 / count);

		v = spread(due, window);
		ok(fabs(v - (1 - 1 / count)) < error, "windows of %lld: variance %.3f of the mean",
		   (long long)window / 1000, v);
	}
	setup.seed = 2;
	schedule_init(&s, &setup);
	ok(schedule_due(&s, 5) != due[5] && schedule_due(&s, N / 2) != due[N / 2],
	   "another seed, another series");
}

/* Beyond what coins are thrown for one by one: a million million. */
static void test_poisson_large(void)
{
	struct schedule_setup setup = {.rate = 1000000 * ONE, .duration = 1000000 * SQ_S, .poisson = true};
	double sum = 0;
	struct schedule s;

	for (setup.seed = 1; setup.seed <= 200; setup.seed++) {
		double off;

		schedule_init(&s, &setup);
		/* In the middle the count has a deviation of half the root of the total. */
		off = ((double)schedule_ticks_until(&s, 500000 * SQ_S) - 5e11) / 5e5;
		sum += off * off;
	}
	ok(sum / 200 > 0.6 && sum / 200 < 1.5, "half of a million million: variance %.2f of what it must be",
	   sum / 200);
	check_inverse(&s, "a million million");
}

int main(void)
{
	test_reference();
	test_inverse();
	test_pause();
	test_cut();
	test_warmup();
	test_poisson();
	test_poisson_large();
	return tap_done();
}
