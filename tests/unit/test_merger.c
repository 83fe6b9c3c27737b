/*
 * test_merger.c - reports of many workers in any order, lost and repeated: the sum is what one worker
 * would have written down that saw everything; and the seconds of its timeline add up to it.
 */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "plugins/common/doc.h"
#include "plugins/common/merge.h"
#include "plugins/common/timeline.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"
#include "tests/unit/report_sample.h"

#define WORKERS 5
#define STEPS 30
#define PER_STEP 40

static void report_into(struct merger *m, const char *uid, uint64_t seq, struct books *b)
{
	struct report r = {.seq = seq, .books = b, .health = {.cpu = (int64_t)seq}};

	snprintf(r.uid, sizeof r.uid, "%s", uid);
	if (merger_take(m, &r) < 0)
		abort();
}

static bool same_books(const struct books *a, const struct books *b)
{
	bool same = memcmp(&a->ledger, &b->ledger, sizeof a->ledger) == 0 &&
	            memcmp(a->status, b->status, sizeof a->status) == 0 && a->pending == b->pending &&
	            a->in_flight == b->in_flight && a->opened == b->opened && a->reused == b->reused &&
	            a->bytes_sent == b->bytes_sent && a->picked == b->picked &&
	            a->late_unsent == b->late_unsent && a->slowest_count == b->slowest_count;

	for (int i = 0; i < H_COUNT; i++) {
		const struct hist *x = a->hist[i], *y = b->hist[i];

		same &= hist_equal(x, y) && x->min == y->min && x->max == y->max && x->sum == y->sum &&
		        x->censored == y->censored && x->low == y->low && x->high == y->high;
	}
	for (uint32_t i = 0; i < a->slowest_count; i++)
		same &= a->slowest[i].tick == b->slowest[i].tick;
	for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
		same &= a->error_count[kind] == b->error_count[kind];
		for (uint32_t i = 0; same && i < a->error_count[kind]; i++)
			same &= a->errors[kind][i].tick == b->errors[kind][i].tick;
	}
	return same;
}

/* A copy as it was at one moment: reports overtake each other. */
static struct books *snapshot(const struct books *b)
{
	struct books *copy = books_new(b->t0);

	books_merge(copy, b);
	return copy;
}

struct scene {
	struct merger *m;
	struct books *worker[WORKERS], *one;
	struct books *late[WORKERS]; /* a report that comes after newer ones */
	uint64_t random;
};

static void setup(struct scene *s)
{
	*s = (struct scene){.m = merger_new(), .one = books_new(0), .random = 4711};
	for (int i = 0; i < WORKERS; i++)
		s->worker[i] = books_new(0);
}

static void clean(struct scene *s)
{
	for (int i = 0; i < WORKERS; i++) {
		books_free(s->worker[i]);
		books_free(s->late[i]);
	}
	books_free(s->one);
	merger_free(s->m);
}

static void load(struct scene *s, int step)
{
	for (int i = 0; i < PER_STEP; i++) {
		uint64_t tick = (uint64_t)(step * PER_STEP + i);

		sample_request((struct books *[]){s->worker[tick % WORKERS], s->one}, 2, tick, &s->random);
	}
}

static void exchange(struct scene *s, int step)
{
	for (int i = 0; i < WORKERS; i++) {
		char uid[16];

		snprintf(uid, sizeof uid, "w%d", i);
		if (step == 3)
			s->late[i] = snapshot(s->worker[i]);
		if (step != STEPS - 1 && sample_random(&s->random) % 3 == 0)
			continue; /* lost */
		report_into(s->m, uid, (uint64_t)step + 1, s->worker[i]);
		if (step % 4 == 0)
			report_into(s->m, uid, (uint64_t)step + 1, s->worker[i]); /* repeated */
		if (step == 9)
			report_into(s->m, uid, 4, s->late[i]); /* overtaken */
	}
}

static void test_sum(void)
{
	struct scene s;

	setup(&s);
	for (int step = 0; step < STEPS; step++) {
		load(&s, step);
		exchange(&s, step);
		merger_books(s.m);
	}
	is_int(merger_count(s.m), WORKERS, "workers");
	is_int(merger_report(s.m, "w3")->seq, STEPS, "the highest seq stays");
	ok(!merger_report(s.m, "w9"), "one that never reported is unknown");
	ok(same_books(merger_books(s.m), s.one), "the sum is what one alone would have seen, cell by cell");
	is_int(merger_health(s.m).cpu, WORKERS * STEPS, "CPU time adds up");
	clean(&s);
}

#define SPLITS 16 /* ways of sharing, each with up to MOST workers that report REPORTS times */
#define MOST 12
#define REPORTS 6

/* What the orchestrator gets: the text of a report, read again. */
static void post(struct merger *m, struct sq_slice text)
{
	struct sq_err err = {0};
	struct report r;

	if (report_read(text, &r, &err) < 0 || merger_take(m, &r) < 0)
		abort();
	report_free(&r);
}

static void write_text(struct buf *out, int worker, uint64_t seq, struct books *b)
{
	struct report r = {.seq = seq, .books = b, .state = WORKER_RUNNING};

	snprintf(r.uid, sizeof r.uid, "w%d", worker);
	if (report_write(&r, out) < 0)
		abort();
}

/* T5: requests go to workers at random, each reports at random moments, and the reports come in any
 * order. Only the last of each has to arrive. */
static bool splits_well(uint64_t seed)
{
	struct books *worker[MOST], *one = books_new(0);
	struct buf texts[MOST * REPORTS] = {0};
	struct merger *m = merger_new();
	uint64_t tick = 0;
	int workers = 1 + (int)(sample_random(&seed) % MOST), count = workers * REPORTS;
	bool same;

	for (int i = 0; i < workers; i++)
		worker[i] = books_new(0);
	for (int i = 0; i < count; i++) {
		for (uint64_t n = sample_random(&seed) % 60; n > 0; n--)
			sample_request(
			    (struct books *[]){worker[sample_random(&seed) % (unsigned)workers], one}, 2,
			    tick++, &seed);
		/* The last round is when all of it has been asked for. */
		if (i < count - workers)
			write_text(&texts[i], i % workers, 1 + (uint64_t)(i / workers), worker[i % workers]);
	}
	for (int i = count - workers; i < count; i++)
		write_text(&texts[i], i % workers, REPORTS, worker[i % workers]);
	for (int left = count; left > 0; left--) {
		int i = (int)(sample_random(&seed) % (unsigned)left);

		post(m, (struct sq_slice){texts[i].data, texts[i].len});
		merger_books(m);
		buf_free(&texts[i]);
		texts[i] = texts[left - 1];
		texts[left - 1] = (struct buf){0};
	}
	same = same_books(merger_books(m), one) && merger_count(m) == (uint32_t)workers;
	for (int i = 0; i < workers; i++)
		books_free(worker[i]);
	books_free(one);
	merger_free(m);
	return same;
}

static void test_splits(void)
{
	for (uint64_t seed = 1; seed <= SPLITS; seed++)
		ok(splits_well(seed), "T5, split %d: merged as text in any order, cell by cell what one saw",
		   (int)seed);
}

static void test_health(void)
{
	struct merger *m = merger_new();
	struct books *b = books_new(0);
	struct report r = {.uid = "a", .seq = 1, .books = b};
	struct health h;

	r.health = (struct health){.elapsed = 100,
	                           .cpu = 50,
	                           .throttled = 10,
	                           .run_queue = -1,
	                           .steal = 0,
	                           .loop_lag_p99 = 7,
	                           .retransmits = 3,
	                           .segments = 30,
	                           .fd_exhausted = -1};
	merger_take(m, &r);
	r.health = (struct health){.elapsed = 50,
	                           .cpu = -1,
	                           .throttled = 10,
	                           .run_queue = -1,
	                           .steal = 1,
	                           .loop_lag_p99 = 5,
	                           .retransmits = 4,
	                           .segments = 40,
	                           .fd_exhausted = -1};
	memcpy(r.uid, "b", 2);
	merger_take(m, &r);
	h = merger_health(m);
	is_int(h.elapsed, 100, "the longest");
	is_int(h.cpu, 50, "known ones add up");
	is_int(h.throttled, 20, "the share of the worst, as a part of the longest");
	is_int(h.run_queue, -1, "nobody could measure it");
	is_int(h.loop_lag_p99, 7, "the worst");
	ok(h.retransmits == 7 && h.segments == 70, "counts add up");
	is_int(h.fd_exhausted, -1, "unknown stays unknown");
	books_free(b);
	merger_free(m);
}

static int64_t number(struct json_object *point, const char *name)
{
	return json_object_get_int64(json_object_object_get(point, name));
}

static void test_timeline(void)
{
	struct timeline *t = timeline_new(0);
	struct hist *sum = hist_new(), *part = hist_new();
	int64_t sent = 0, good = 0, errors = 0, offered = 0;
	struct scene s;

	setup(&s);
	for (int step = 0; step < STEPS; step++) {
		struct timeline_now now = {.second = (uint64_t)step, .workers = WORKERS};
		struct json_object *point, *blob;

		load(&s, step);
		exchange(&s, step);
		now.offered = (uint64_t)(step + 1) * PER_STEP;
		now.books = merger_books(s.m);
		point = timeline_point(t, &now);
		blob = json_object_object_get(point, "hist");
		hist_decode(part, json_object_get_string(blob), (size_t)json_object_get_string_len(blob),
		            NULL);
		hist_merge(sum, part);
		sent += number(point, "sent");
		good += number(point, "ok");
		errors += number(point, "errors");
		offered += number(point, "offered");
		json_object_put(point);
	}
	ok(hist_equal(sum, s.one->hist[H_RESPONSE]), "the seconds' histograms add up to the whole");
	is_int(sent, ledger_sent(&s.one->ledger), "so do the sent ones");
	is_int(good, s.one->ledger.ok, "the good ones");
	is_int(offered, STEPS * PER_STEP, "and what was due");
	ok(errors > 0 && good + errors <= offered, "errors are the rest that ended otherwise");
	hist_free(sum);
	hist_free(part);
	timeline_free(t);
	clean(&s);
}

static struct sq_slice text_of(struct json_object *o)
{
	size_t len = 0;
	const char *text = doc_text(o, &len);

	return (struct sq_slice){text, len};
}

static double real(struct json_object *point, const char *name)
{
	return json_object_get_double(json_object_object_get(point, name));
}

/* Points that are merged, and merged again, are the point of all their seconds. */
static void test_thinned(void)
{
	static const char *const counts[] = {"t", "offered", "sent", "ok", "errors", "in_flight", "workers"};
	static const char *const times[] = {"p50", "p90", "p95", "p99", "p99_9", "max"};
	struct timeline *each = timeline_new(0), *all = timeline_new(0);
	struct json_object *sum = NULL, *whole = NULL;
	double lag = 0;
	struct scene s;

	setup(&s);
	for (int step = 0; step < STEPS; step++) {
		struct timeline_now now = {.second = (uint64_t)step, .workers = WORKERS};
		struct json_object *point, *next = NULL;

		load(&s, step);
		exchange(&s, step);
		now.offered = (uint64_t)(step + 1) * PER_STEP;
		now.books = merger_books(s.m);
		now.cpu = (int64_t)(step + 1) * (step + 1) * SQ_S / 100;
		point = timeline_point(each, &now);
		lag = real(point, "lag_p99") > lag ? real(point, "lag_p99") : lag;
		if (step == STEPS - 1)
			whole = timeline_point(all, &now);
		if (sum) {
			ok(timeline_merge(text_of(sum), text_of(point), 0, &next) == 0, "second %d", step);
			json_object_put(sum);
			json_object_put(point);
		}
		sum = sum ? next : point;
	}
	for (size_t i = 0; i < SQ_LEN(counts); i++)
		is_int(number(sum, counts[i]), number(whole, counts[i]), counts[i]);
	for (size_t i = 0; i < SQ_LEN(times); i++)
		ok(fabs(real(sum, times[i]) / real(whole, times[i]) - 1) < 0.001, "%s", times[i]);
	is_str(json_object_get_string(json_object_object_get(sum, "hist")),
	       json_object_get_string(json_object_object_get(whole, "hist")), "hist");
	ok(real(sum, "lag_p99") == lag, "lag_p99 is the highest");
	ok(fabs(real(sum, "cpu") - real(whole, "cpu")) < 0.1 * STEPS, "cpu is the mean, but for rounding");
	json_object_put(sum);
	json_object_put(whole);
	timeline_free(each);
	timeline_free(all);
	clean(&s);
}

static void test_not_thinned(void)
{
	static const char *const bad[] = {
	    "", "{", "[]", "null", "{}", "{\"t\":4,\"hist\":7}", "{\"t\":4,\"hist\":\"!\"}"};
	struct timeline *t = timeline_new(-1);
	struct books *empty = books_new(0);
	struct timeline_now now = {.books = empty, .workers = 2, .cpu = -1};
	struct json_object *quiet, *o = NULL;
	bool good = true;

	quiet = timeline_point(t, &now);
	for (size_t i = 0; i < SQ_LEN(bad); i++) {
		struct sq_slice text = {bad[i], strlen(bad[i])};

		ok(timeline_merge(text_of(quiet), text, 0, &o) == -EBADMSG, "no point: %s", bad[i]);
		is_int(timeline_merge(text, text_of(quiet), 0, &o), -EBADMSG, "nor before one");
	}
	for (int n = 1;; n++) {
		struct sq_slice text = text_of(quiet);
		int r;

		failmalloc_after((unsigned)n);
		r = timeline_merge(text, text, 0, &o);
		if (!failmalloc_stop()) {
			ok(r == 0 && n > 10, "two quiet ones, and without memory at %d places", n - 1);
			break;
		}
		good &= r == -ENOMEM;
	}
	ok(good, "which is told");
	ok(json_object_object_get_ex(o, "p99", NULL) && !json_object_object_get(o, "p99") &&
	       !json_object_object_get(o, "lag_p99") && !json_object_object_get(o, "cpu"),
	   "are quiet");
	json_object_put(o);
	json_object_put(quiet);
	timeline_free(t);
	books_free(empty);
}

/* A quiet second, and books that went back. */
static void test_odd_seconds(void)
{
	struct timeline *t = timeline_new(0);
	struct books *full = books_new(0), *empty = books_new(0);
	struct timeline_now now = {.offered = 100, .books = full, .workers = 2, .cpu = SQ_S / 2};
	struct json_object *point;
	uint64_t random = 1;

	for (uint64_t i = 0; i < 100; i++)
		sample_request(&full, 1, i, &random);
	point = timeline_point(t, &now);
	ok(json_object_get_double(json_object_object_get(point, "cpu")) == 25,
	   "two workers used a quarter of a CPU each");
	json_object_put(point);
	now.second = 1;
	now.cpu = -1;
	point = timeline_point(t, &now);
	ok(json_object_object_get_ex(point, "cpu", NULL) && !json_object_object_get(point, "cpu"),
	   "or nobody knows");
	is_int(number(point, "t"), 1, "the second");
	is_int(number(point, "sent"), 0, "nothing was sent");
	ok(json_object_object_get_ex(point, "p99", NULL) && !json_object_object_get(point, "p99") &&
	       !json_object_object_get(point, "max"),
	   "without answers there are no latencies");
	is_int(number(point, "in_flight"), (int64_t)full->in_flight, "in flight");
	json_object_put(point);
	now.books = empty;
	now.offered = 0;
	point = timeline_point(t, &now);
	ok(number(point, "sent") == 0 && number(point, "offered") == 0, "never negative");
	json_object_put(point);
	timeline_free(t);
	t = timeline_new(-1);
	now = (struct timeline_now){.books = empty, .workers = 2, .cpu = 9 * SQ_S};
	point = timeline_point(t, &now);
	ok(!json_object_object_get(point, "cpu"),
	   "what was used before is not known: nor is the first second's");
	json_object_put(point);
	now.second = 1;
	now.cpu += SQ_S;
	point = timeline_point(t, &now);
	ok(json_object_get_double(json_object_object_get(point, "cpu")) == 50, "but the next one's");
	json_object_put(point);
	books_free(full);
	books_free(empty);
	timeline_free(t);
}

static void test_memory(void)
{
	struct scene s;
	bool good = true;
	int n;

	setup(&s);
	load(&s, 0);
	for (n = 1;; n++) {
		struct report r = {.uid = "w", .seq = (uint64_t)n, .books = s.one};
		int status;

		failmalloc_after((unsigned)n);
		status = merger_take(s.m, &r);
		if (!failmalloc_stop())
			break;
		good &= status == -ENOMEM && merger_count(s.m) == 0;
	}
	ok(good && n > 5 && merger_count(s.m) == 1, "taking without memory, %d places", n - 1);
	for (n = 1;; n++) {
		struct merger *m;
		struct timeline *t;

		failmalloc_after((unsigned)n);
		m = merger_new();
		t = timeline_new(0);
		merger_free(m);
		timeline_free(t);
		if (!failmalloc_stop())
			break;
		good &= !m || !t;
	}
	ok(good, "beginning without memory, %d places", n - 1);
	for (n = 1;; n++) {
		struct timeline *t = timeline_new(0);
		struct timeline_now now = {.books = s.one};
		struct json_object *point;

		failmalloc_after((unsigned)n);
		point = timeline_point(t, &now);
		good &= failmalloc_stop() ? !point : point != NULL;
		timeline_free(t);
		json_object_put(point);
		if (point)
			break;
	}
	ok(good && n > 10, "a point without memory, %d places", n - 1);
	clean(&s);
}

/* One that had a place before another counts no more. */
static void test_drop(void)
{
	struct merger *m = merger_new();
	struct books *b = books_new(0), *none = books_new(0);

	books_dropped_many(b, 5, DROPPED_PATIENCE);
	report_into(m, "a", 1, none);
	report_into(m, "b", 1, b);
	report_into(m, "c", 1, none);
	merger_drop(m, "nobody");
	is_int(merger_count(m), 3, "nobody is dropped who never reported");
	merger_drop(m, "b");
	ok(merger_count(m) == 2 && !merger_report(m, "b"), "a worker is dropped");
	ok(strcmp(merger_at(m, 0)->uid, "a") == 0 && strcmp(merger_at(m, 1)->uid, "c") == 0,
	   "the others stay");
	is_int(merger_books(m)->ledger.scheduled, 0, "the sum is theirs");
	report_into(m, "b", 1, b);
	ok(merger_count(m) == 3 && merger_books(m)->ledger.scheduled == 5, "it may come again");
	books_free(b);
	books_free(none);
	merger_free(m);
}

int main(void)
{
	test_sum();
	test_splits();
	test_health();
	test_timeline();
	test_thinned();
	test_not_thinned();
	test_odd_seconds();
	test_memory();
	test_drop();
	return tap_done();
}
