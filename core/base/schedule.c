/* schedule.c - when tick k is due, and how many are by then: exact inverses in 128-bit integers. */
#include "schedule.h"

#include <assert.h>
#include <math.h>

/* Rate in millionths per second and time in ns: tick k is due at k * 1e15 / rate. */
#define SCALE 1000000000000000LL
#define TICK (2 * SCALE) /* twice the area of one request */

typedef unsigned __int128 u128;

static uint64_t at_most(u128 n, uint64_t most)
{
	return n < most ? (uint64_t)n : most;
}

/* --- one piece ------------------------------------------------------------------------------- */

static u128 piece_area(const struct schedule_piece *p)
{
	return (u128)((uint64_t)p->from + (uint64_t)p->to) * (uint64_t)p->duration;
}

/*
 * Twice the area from the piece's start to t is 2 a t + c with c = (b - a) t^2 / D, which is whole only by
 * chance. With t^2 = q D + r it is (b - a) q + (b - a) r / D, and no product needs more than 128 bits.
 * Returns |c|, rounded down; *exact: it is whole.
 */
static u128 piece_bend(const struct schedule_piece *p, int64_t t, bool *exact)
{
	uint64_t d = (uint64_t)(p->to > p->from ? p->to - p->from : p->from - p->to);
	u128 square = (u128)t * (uint64_t)t, rest = square % (uint64_t)p->duration * d;

	*exact = rest % (uint64_t)p->duration == 0;
	return square / (uint64_t)p->duration * d + rest / (uint64_t)p->duration;
}

/* The same area, rounded up. */
static u128 piece_area_until(const struct schedule_piece *p, int64_t t)
{
	u128 line = (u128)p->from * (uint64_t)t * 2, bend;
	bool exact;

	if (p->from == p->to)
		return line;
	bend = piece_bend(p, t, &exact);
	return p->to > p->from ? line + bend + !exact : line - bend;
}

static bool piece_fits(const struct schedule_piece *p, int64_t t, u128 area)
{
	return piece_area_until(p, t) <= area;
}

/* The root, from the end at which the rate is lower: all terms have the same sign then, and nothing
 * cancels out. */
static int64_t piece_guess(const struct schedule_piece *p, u128 area)
{
	bool up = p->to > p->from;
	long double low = (long double)(up ? p->from : p->to), d = fabsl((long double)p->to - p->from);
	u128 left = up ? area : piece_area(p) - area;
	long double m = (long double)left, t;

	if (left == 0)
		return up ? 0 : p->duration;
	t = m / (low + sqrtl(low * low + d * (m / (long double)p->duration)));
	t = up ? t : (long double)p->duration - t;
	if (!(t > 0))
		return 0;
	return t < (long double)p->duration ? (int64_t)t : p->duration;
}

/* The last t, whole ns from the piece's start, at which twice the area is at most this. */
static int64_t piece_due(const struct schedule_piece *p, u128 area)
{
	int64_t t, step = 1;

	if (p->from == p->to)
		return (int64_t)(area / ((uint64_t)p->from * 2));
	t = piece_guess(p, area);
	for (; !piece_fits(p, t, area); step *= 2)
		t = t > step ? t - step : 0;
	for (step = 1; step <= p->duration - t && piece_fits(p, t + step, area); step *= 2)
		t += step;
	for (; step > 0; step /= 2)
		if (step <= p->duration - t && piece_fits(p, t + step, area))
			t += step;
	return t;
}

/* --- all of them ----------------------------------------------------------------------------- */

static u128 whole_area(const struct schedule *s)
{
	const struct schedule_piece *last = &s->pieces[s->count - 1];

	return last->before + piece_area(last);
}

/* Twice the area until this many ns of the load, rounded up. */
static u128 area_until(const struct schedule *s, int64_t t)
{
	const struct schedule_piece *p = &s->pieces[s->count - 1];

	while (p > s->pieces && p->start > t)
		p--;
	t -= p->start;
	return p->before + (t < p->duration ? piece_area_until(p, t) : piece_area(p));
}

/* The last moment of the load at which twice the area is at most this, which is less than the whole. */
static int64_t moment_of(const struct schedule *s, u128 area)
{
	uint32_t low = 0, high = s->count - 1;

	while (low < high) {
		uint32_t middle = high - (high - low) / 2;

		if (s->pieces[middle].before <= area)
			low = middle;
		else
			high = middle - 1;
	}
	return s->pieces[low].start + piece_due(&s->pieces[low], area - s->pieces[low].before);
}

/* fraction * whole / 2^64 */
static u128 part_of(u128 whole, uint64_t fraction)
{
	return (whole >> 64) * fraction + ((u128)(uint64_t)whole * fraction >> 64);
}

/* Of tick k of the load, ns of the load. */
static int64_t load_due(struct schedule_walk *w, uint64_t k)
{
	const struct schedule *s = w->s;
	u128 ns;

	if (s->poisson && k < s->full)
		return moment_of(s, part_of(whole_area(s), schedule_poisson(w, k)));
	if (s->count == 1 && s->pieces[0].from == s->pieces[0].to) {
		ns = (u128)k * SCALE / (uint64_t)s->pieces[0].from;
		return ns < INT64_MAX ? (int64_t)ns : INT64_MAX;
	}
	return k < s->full ? moment_of(s, (u128)k * TICK) : s->duration;
}

int64_t schedule_walk_due(struct schedule_walk *w, uint64_t tick)
{
	const struct schedule *s = w->s;
	int64_t due;

	assert(!s->closed);
	if (tick < s->warm)
		return (int64_t)((u128)tick * SCALE / (uint64_t)s->warm_rate);
	due = load_due(w, tick - s->warm);
	return due < INT64_MAX - s->warmup ? due + s->warmup : INT64_MAX;
}

void schedule_walk_init(struct schedule_walk *w, const struct schedule *s)
{
	w->s = s;
	w->depth = 0;
	w->path[0] = (struct schedule_node){0, 0, s->full};
}

int64_t schedule_due(const struct schedule *s, uint64_t tick)
{
	struct schedule_walk w;

	schedule_walk_init(&w, s);
	return schedule_walk_due(&w, tick);
}

/* Ticks due before this many ns at a constant rate. The product stays below 2^63 * 2^63. */
static uint64_t ticks_before(int64_t rate, uint64_t ns)
{
	return at_most(((u128)ns * (uint64_t)rate + (SCALE - 1)) / SCALE, SCHEDULE_NEVER);
}

/* There is no formula for these: the number of those that are not due after it. */
static uint64_t poisson_until(const struct schedule *s, int64_t t)
{
	uint64_t low = 0, high = s->full;
	struct schedule_walk w;

	schedule_walk_init(&w, s);
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (load_due(&w, middle) <= t)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* due() is floored to whole ns, so "at or before t" is "before t + 1", and then the area is beyond k. */
static uint64_t load_until(const struct schedule *s, int64_t t)
{
	if (t >= s->duration - 1)
		return s->full;
	if (s->poisson)
		return poisson_until(s, t);
	return at_most((area_until(s, t + 1) + (TICK - 1)) / TICK, s->full);
}

uint64_t schedule_ticks_until(const struct schedule *s, int64_t offset)
{
	uint64_t ticks;

	assert(!s->closed);
	if (offset < 0)
		return 0;
	if (offset < s->warmup)
		return at_most(ticks_before(s->warm_rate, (uint64_t)offset + 1), s->warm);
	ticks = load_until(s, offset - s->warmup);
	return ticks < s->total - s->warm ? s->warm + ticks : s->total;
}

uint64_t schedule_offered(const struct schedule *s, int64_t since)
{
	return since < 0 ? 0 : schedule_ticks_until(s, s->warmup + since) - s->warm;
}

/* --- making one ------------------------------------------------------------------------------ */

static void add_piece(struct schedule *s, int64_t from, const struct stage *stage)
{
	struct schedule_piece *p = &s->pieces[s->count];

	if (stage->duration == 0)
		return;
	*p = (struct schedule_piece){.duration = stage->duration, .from = from, .to = stage->rate};
	if (s->count > 0) {
		p->start = p[-1].start + p[-1].duration;
		p->before = whole_area(s);
	}
	s->count++;
}

static void add_stages(struct schedule *s, const struct schedule_setup *setup)
{
	const struct stage constant = {setup->duration, setup->rate};
	int64_t rate = setup->rate;

	assert(setup->stage_count <= SCHEDULE_STAGES_MAX);
	if (setup->stage_count == 0)
		add_piece(s, rate, &constant);
	for (uint32_t i = 0; i < setup->stage_count; i++) {
		add_piece(s, rate, &setup->stages[i]);
		rate = setup->stages[i].rate;
	}
	assert(s->count > 0);
}

/* What it warms up with: the rate at the beginning, or, from 0, the first other one. */
static int64_t first_rate(const struct schedule_setup *setup)
{
	int64_t rate = setup->rate;

	for (uint32_t i = 0; rate == 0 && i < setup->stage_count; i++)
		rate = setup->stages[i].rate;
	return rate;
}

void schedule_init(struct schedule *s, const struct schedule_setup *setup)
{
	uint64_t most = setup->max ? setup->max : SCHEDULE_NEVER;

	*s = (struct schedule){.closed = setup->closed,
	                       .duration = setup->duration,
	                       .end = setup->duration,
	                       .warmup = setup->warmup,
	                       .poisson = setup->poisson,
	                       .seed = setup->seed};
	if (setup->closed) {
		s->total = SCHEDULE_TICKS_MAX;
		return;
	}
	add_stages(s, setup);
	s->warm_rate = first_rate(setup);
	if (s->warmup > 0 && s->warm_rate > 0)
		s->warm = ticks_before(s->warm_rate, (uint64_t)s->warmup);
	s->full = at_most((whole_area(s) + (TICK - 1)) / TICK, SCHEDULE_NEVER / 2);
	s->total = s->warm + (s->full < most ? s->full : most);
	if (most < s->full)
		s->end = schedule_due(s, s->warm + most) - s->warmup;
	if (s->end < 1)
		s->end = 1;
}

void schedule_constant(struct schedule *s, int64_t rate, int64_t duration)
{
	assert(rate > 0 && duration > 0);
	schedule_init(s, &(struct schedule_setup){.rate = rate, .duration = duration});
}
