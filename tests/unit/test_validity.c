/* test_validity.c - each reason not to trust the numbers, just below and just above its limits. */
#include <json-c/json.h>

#include "plugins/common/validity.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

static const struct health unmeasured = {0, -1, -1, -1, -1, -1, -1, -1, -1, -1};
static const struct health healthy = {
    .elapsed = 100 * SQ_S,
    .cpu = 50 * SQ_S,
    .throttled = SQ_S,
    .run_queue = 10 * SQ_S,
    .steal = 5 * SQ_S,
    .loop_lag_p99 = SQ_MS,
    .retransmits = 10,
    .segments = 1000,
};

static const struct load open_load = {.per_worker = 4000};

/* n sent requests of one kind. */
static void add(struct books *b, unsigned n, int64_t pickup, int64_t wait, int64_t service)
{
	for (unsigned i = 0; i < n; i++) {
		struct request_times r = {0};

		books_due(b, &r, b->picked, 1000, 1000 + pickup);
		books_sent(b, &r, r.picked + wait, false);
		books_answered(b, &r, r.sent + service, 200, true, true, NULL);
	}
}

static void drop(struct books *b, unsigned n, int64_t pickup, enum ledger_dropped why)
{
	for (unsigned i = 0; i < n; i++) {
		struct request_times r = {0};

		books_due(b, &r, b->picked, 1000, 1000 + pickup);
		books_dropped(b, &r, why);
	}
}

/* want: all reasons as sentences, one a line; frees the books. */
static void judged(struct books *b, const struct health *h, uint64_t offered, enum validity status,
                   const char *want, const char *name)
{
	struct load load = {.offered = offered, .per_worker = 4000};
	struct json_object *reasons = NULL;
	char text[2048] = "";

	is_str(validity_word(validity_judge(b, h, &load, &reasons)), validity_word(status), name);
	for (size_t i = 0; i < json_object_array_length(reasons); i++) {
		struct json_object *r = json_object_array_get_idx(reasons, i);

		snprintf(text + strlen(text), sizeof text - strlen(text), "%s %s (limit %s). %s\n",
		         json_object_get_string(json_object_object_get(r, "what")),
		         json_object_get_string(json_object_object_get(r, "value")),
		         json_object_get_string(json_object_object_get(r, "limit")),
		         json_object_get_string(json_object_object_get(r, "cure")));
		if (status == SUSPECT)
			is_str(json_object_get_string(json_object_object_get(r, "status")), "suspect",
			       "its status");
	}
	is_str(text, want, "its reasons");
	json_object_put(reasons);
	books_free(b);
}

static struct books *quick(void)
{
	struct books *b = books_new(0);

	add(b, 1000, 0, 0, 300 * SQ_US);
	return b;
}

static void test_clean(void)
{
	judged(quick(), &healthy, 1000, VALID, "", "everything just within its limit");
	judged(quick(), &unmeasured, 1000, VALID, "", "what could not be measured is no reason");
	judged(books_new(0), &healthy, 0, VALID, "", "nothing was sent: no reason against the generator");
	judged(books_new(0), &unmeasured, 0, VALID, "", "and nothing known at all");
}

#define CPU "Give the worker a whole CPU of its own or ask for less than 4,000/s per worker."

static void test_lag(void)
{
	struct books *b = quick();

	add(b, 20, SQ_MS + 50 * SQ_US, 0, 300 * SQ_US);
	judged(b, &healthy, 1020, SUSPECT,
	       "the worker looked at due requests late by 1.05 ms at p99 (limit 1 ms). " CPU "\n",
	       "pickup over 1 ms");
	b = quick();
	add(b, 20, 12 * SQ_MS, 0, 300 * SQ_US);
	judged(b, &healthy, 1020, INVALID,
	       "the worker looked at due requests late by 12 ms at p99 (limit 10 ms). " CPU "\n",
	       "over 10 ms");
	b = books_new(0);
	add(b, 1000, 12 * SQ_MS, 0, SQ_S);
	judged(b, &healthy, 1000, INVALID,
	       "the worker looked more than 1 ms late at 100 % of the requests (limit 50 %). " CPU "\n",
	       "12 ms are little of a second, but every request was late");
	b = books_new(0);
	add(b, 950, 0, 0, SQ_S);
	add(b, 50, 12 * SQ_MS, 0, SQ_S);
	is_int(validity_lag_limit(b), hist_percentile(b->hist[H_SERVICE], 50) / 20,
	       "5 % of a second are allowed");
	judged(b, &healthy, 1000, VALID, "", "12 ms late, 5 in 100, of a second");
	b = quick();
	add(b, 9, 2 * SQ_MS, 0, 300 * SQ_US);
	judged(b, &healthy, 1009, VALID, "", "less than one in a hundred is late");
	b = books_new(0);
	add(b, 800, 0, 0, SQ_S);
	add(b, 200, 2 * SQ_MS, 0, SQ_S);
	judged(b, &healthy, 1000, SUSPECT,
	       "the worker looked more than 1 ms late at 20 % of the requests (limit 10 %). " CPU "\n",
	       "a fifth is late, but not by much");
}

static void test_unsent(void)
{
	struct books *b = quick();

	drop(b, 31, 2 * SQ_S, DROPPED_PATIENCE);
	judged(b, &healthy, 1031, SUSPECT,
	       "the worker looked late at, and then never sent, 3.01 % of the requests (limit 1 %). " CPU
	       "\n",
	       "slept through the patience of some");
	b = quick();
	drop(b, 500, 0, DROPPED_PATIENCE);
	judged(b, &healthy, 1500, VALID, "", "looked at in time and dropped: not the generator's fault");
	b = quick();
	judged(b, &healthy, 1001, SUSPECT,
	       "the worker never looked at 0.0999 % of the requests that were due (limit 0 %). " CPU "\n",
	       "one is missing");
	b = quick();
	books_dropped_many(b, 1000000000, DROPPED_ABORTED);
	judged(b, &healthy, 1000001001, SUSPECT,
	       "the worker never looked at less than 0.001 % of the requests that were due (limit 0 %). " CPU
	       "\n",
	       "one of very many");
	b = quick();
	judged(b, &healthy, 2000, INVALID,
	       "the worker never looked at 50 % of the requests that were due (limit 1 %). " CPU "\n",
	       "half are missing");
	b = quick();
	books_dropped_many(b, 9000, DROPPED_ABORTED);
	judged(b, &healthy, 1000, VALID, "", "stopped early: what was not due yet is not missing");
}

static void test_machine(void)
{
	struct health h = healthy;

	h.throttled = 31 * SQ_S;
	judged(quick(), &h, 1000, INVALID,
	       "the container was throttled for 31 % of the time (limit 1 %). Give the worker a whole CPU "
	       "(requests = "
	       "limits) or ask for less than 4,000/s per worker.\n",
	       "throttled");
	h.throttled = 400 * SQ_S; /* the sum over four CPUs */
	judged(quick(), &h, 1000, INVALID,
	       "the container was throttled for 100 % of the time (limit 1 %). Give the worker a whole CPU "
	       "(requests = "
	       "limits) or ask for less than 4,000/s per worker.\n",
	       "throttled on several CPUs");
	h = healthy;
	h.run_queue = 15 * SQ_S;
	judged(quick(), &h, 1000, SUSPECT,
	       "the worker was ready to run but had no CPU for 15 % of the time (limit 10 %). Stop what else "
	       "runs on "
	       "this machine or ask for less than 4,000/s per worker.\n",
	       "run queue");
	h.run_queue = 31 * SQ_S;
	h.steal = 21 * SQ_S;
	judged(quick(), &h, 1000, INVALID,
	       "the worker was ready to run but had no CPU for 31 % of the time (limit 30 %). Stop what else "
	       "runs on "
	       "this machine or ask for less than 4,000/s per worker.\n"
	       "the hypervisor gave our CPUs to others for 21 % of the time (limit 20 %). Use a machine with "
	       "CPUs of "
	       "its own.\n",
	       "run queue and steal");
}

static void test_process(void)
{
	struct health h = healthy;

	h.loop_lag_p99 = 3 * SQ_MS;
	judged(quick(), &h, 1000, SUSPECT,
	       "the worker's loop came late by 3 ms at p99 (limit 1 ms). " CPU "\n", "loop");
	h = healthy;
	h.fd_exhausted = 1;
	h.port_exhausted = 2;
	judged(books_new(0), &h, 0, INVALID,
	       "the worker had no file descriptor left 1 time (limit 0 times). Raise the limit of open files "
	       "(ulimit "
	       "-n), or lower max_connections.\n"
	       "the worker had no local port left 2 times (limit 0 times). Lower max_connections, or use "
	       "more workers "
	       "on more machines.\n",
	       "nothing was sent, because of us");
	h = healthy;
	h.retransmits = 500;
	judged(quick(), &h, 1000, SUSPECT,
	       "TCP had to send again 50 % of its segments (limit 1 %). Look for a full or lossy network "
	       "between "
	       "worker and target.\n",
	       "retransmits never make it invalid");
	h.segments = 99;
	judged(quick(), &h, 1000, VALID, "", "too few segments to tell");
}

static const char *saturated(struct books *b)
{
	const char *who = validity_saturated(b, &healthy, &open_load);

	books_free(b);
	return who;
}

static void test_saturation(void)
{
	struct books *b = quick();

	is_str(saturated(quick()), "none", "nobody at the limit");
	add(b, 300, 2 * SQ_MS, 0, 300 * SQ_US);
	add(b, 300, 0, 2 * SQ_S, 300 * SQ_US);
	is_str(saturated(b), "none",
	       "a busy machine and a stalled target: all went out, most of them in time");
	b = quick();
	add(b, 1100, 2 * SQ_MS, 0, 300 * SQ_US);
	is_str(saturated(b), "generator", "most were looked at late");
	b = quick();
	add(b, 1100, 0, 2 * SQ_MS, 300 * SQ_US);
	is_str(saturated(b), "target", "most were looked at in time, then waited");
	b = quick();
	add(b, 1100, 0, 4 * SQ_MS, 300 * SQ_US);
	for (unsigned i = 0; i < 1100; i++)
		hist_add(b->hist[H_TLS], 4 * SQ_MS);
	is_str(saturated(b), "none", "each needed a connection of its own, and waited for no more than that");
	b = quick();
	drop(b, 50, 0, DROPPED_MAX_IN_FLIGHT);
	is_str(saturated(b), "target", "looked at in time, then dropped");
	b = quick();
	drop(b, 50, SQ_S, DROPPED_PATIENCE);
	is_str(saturated(b), "generator", "looked at late, then dropped");
	b = quick();
	drop(b, 500, 0, DROPPED_ABORTED);
	is_str(saturated(b), "none", "stopped");
	b = quick();
	drop(b, 10, 2 * SQ_MS, DROPPED_PATIENCE);
	is_str(saturated(b), "none", "a few gave up");
	b = quick();
	for (unsigned i = 0; i < 500; i++) {
		struct request_times r = {0};

		books_due(b, &r, b->picked, 1000, 1000 + 2 * SQ_MS);
		books_unsent(b, &r, 1000 + 2 * SQ_MS, UNSENT_CONNECT, NULL);
	}
	is_str(saturated(b), "none", "the target went away while the machine was busy");
	is_str(saturated(books_new(0)), "none", "nothing happened");
}

static void test_memory(void)
{
	struct health h = healthy;
	struct load load = {.offered = 1};
	struct books *b = quick();
	bool good = true;
	unsigned n;

	h.fd_exhausted = 1;
	for (n = 1;; n++) {
		struct json_object *reasons;
		enum validity v;

		failmalloc_after(n);
		v = validity_judge(b, &h, &load, &reasons);
		good &= v == INVALID;
		if (!failmalloc_stop()) {
			json_object_put(reasons);
			break;
		}
		good &= reasons == NULL;
	}
	ok(good && n > 10, "the verdict stands without memory for its reasons (%u failures)", n - 1);
	books_free(b);
}

/* What is about several workers. */
static void test_workers(void)
{
	static const struct {
		struct load load;
		const char *want;
	} rows[] = {
	    {{.clock_error = 50 * SQ_MS, .start_skew = 250 * SQ_MS, .workers = 5}, ""},
	    {{.clock_error = -1, .start_skew = -1}, ""},
	    {{.clock_error = 51 * SQ_MS}, "a worker's idea of the beginning may be off by 51 ms"},
	    {{.start_skew = 300 * SQ_MS}, "the first requests of the workers were sent apart by 300 ms"},
	    {{.lost = 2, .workers = 5}, "workers were lost: 2 of 5"},
	};

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		struct books *b = quick();
		struct json_object *reasons, *r;
		enum validity v = validity_judge(b, &healthy, &rows[i].load, &reasons);
		char text[256] = "";

		r = json_object_array_get_idx(reasons, 0);
		if (r)
			snprintf(text, sizeof text, "%s %s",
			         json_object_get_string(json_object_object_get(r, "what")),
			         json_object_get_string(json_object_object_get(r, "value")));
		is_str(text, rows[i].want, "its reason");
		ok(v == (*rows[i].want ? SUSPECT : VALID), "and the verdict");
		json_object_put(reasons);
		books_free(b);
	}
}

/* In the closed model somebody always is at the limit, unless its connections rest between requests. */
static void test_closed(void)
{
	const struct load load = {.closed = true, .workers = 2},
	                  rests = {.closed = true, .rests = true, .workers = 2};
	struct health busy = healthy;
	struct books *b = quick();

	is_str(validity_saturated(b, &healthy, &load), "target", "workers with CPU to spare: the target");
	busy.cpu = 2 * busy.elapsed * 95 / 100;
	is_str(validity_saturated(b, &busy, &load), "generator", "without: the generator");
	is_str(validity_saturated(b, &healthy, &rests), "none", "connections that think: nobody");
	is_str(validity_saturated(b, &busy, &rests), "generator", "unless the workers used their CPU up");
	books_free(b);
}

int main(void)
{
	test_clean();
	test_lag();
	test_unsent();
	test_machine();
	test_process();
	test_saturation();
	test_memory();
	test_workers();
	test_closed();
	return tap_done();
}
