/*
 * test_books.c - the books in virtual time: servers that stall against what arithmetic says a user
 * would have felt, and every way in which a request can end.
 */
#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugins/common/books.h"
#include "core/base/schedule.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

#define ONE 1000000LL
#define T0 (1000 * SQ_S)
#define PATIENT (3600 * SQ_S)

/* A target that answers after service ns, but stands still from stall_from to stall_to. */
struct server {
	int64_t service, stall_from, stall_to;
};

/* When the answer to a request sent at this time is complete. */
static int64_t done_at(const struct server *s, int64_t sent)
{
	if (sent >= s->stall_to || sent + s->service <= s->stall_from)
		return sent + s->service;
	if (sent >= s->stall_from)
		return s->stall_to + s->service;
	return sent + s->service + (s->stall_to - s->stall_from);
}

/* The generator: a schedule over some connections, in order; everything ends at stop. */
struct run {
	int64_t rate, duration, stop, patience; /* times after T0 */
	unsigned connections;
	struct server server;
};

static unsigned first_free(const int64_t *free_at, unsigned count)
{
	unsigned best = 0;

	for (unsigned i = 1; i < count; i++)
		if (free_at[i] < free_at[best])
			best = i;
	return best;
}

static void run_one(const struct run *run, struct books *b, uint64_t tick, int64_t due, int64_t *free_at)
{
	struct request_times r = {0};
	int64_t sent, done;

	sent = *free_at > due ? *free_at : due;
	books_due(b, &r, tick, T0 + due, T0 + due);
	if (sent - due > run->patience) {
		books_dropped(b, &r, DROPPED_PATIENCE);
		return;
	}
	if (sent >= run->stop) {
		books_dropped(b, &r, DROPPED_ABORTED);
		return;
	}
	books_sent(b, &r, T0 + sent, *free_at > 0);
	done = done_at(&run->server, sent);
	*free_at = done;
	if (done > run->stop)
		books_unanswered(b, &r, T0 + run->stop);
	else
		books_answered(b, &r, T0 + done, 200, true, true, NULL);
}

static struct books *simulate(const struct run *run)
{
	int64_t *free_at = calloc(run->connections, sizeof *free_at);
	struct books *b = books_new(T0);
	struct schedule s;

	schedule_constant(&s, run->rate, run->duration);
	for (uint64_t k = 0; b && free_at && k < s.total; k++) {
		unsigned c = first_free(free_at, run->connections);

		run_one(run, b, k, schedule_due(&s, k), &free_at[c]);
	}
	free(free_at);
	return b;
}

static void near(const struct books *b, enum books_hist h, double percent, double want)
{
	double got = (double)hist_percentile(b->hist[h], percent);

	if (!ok(fabs(got - want) <= want * 0.001, "%s p%g is %.3f s within 0.1 %%", books_hist_name[h],
	        percent, want / 1e9))
		printf("#   got %.6f s\n", got / 1e9);
}

/* T1: 1000/s for 60 s, the target stands still from 30 to 36 s. Those 6,000 requests wait evenly
 * between 0 and 6 s, so the slowest 10 % of all are uniform: p95 = 3 s, p99 = 5.4 s. */
static void test_stall(void)
{
	struct run run = {1000 * ONE, 60 * SQ_S, 90 * SQ_S, PATIENT, 7000, {SQ_MS, 30 * SQ_S, 36 * SQ_S}};
	struct books *b = simulate(&run);

	is_int(b->ledger.ok, 60000, "T1: all answered");
	ok(books_closed(b), "T1: the books close");
	near(b, H_RESPONSE, 50, SQ_MS);
	near(b, H_RESPONSE, 95, 3.001 * SQ_S);
	near(b, H_RESPONSE, 99, 5.401 * SQ_S);
	near(b, H_SERVICE, 99, 5.401 * SQ_S);
	is_int(hist_percentile(b->hist[H_LAG], 100), 0, "T1: with enough connections nobody waits");
	is_int(b->hist[H_RESPONSE]->censored, 0, "T1: nothing is a lower bound");
	ok(b->slowest_count == BOOKS_SAMPLES && b->slowest[0].offset == 30 * SQ_S,
	   "T1: the slowest was due when the stall began");
	books_free(b);
}

/* The same with 100 connections: the same is felt, but the target saw only 100 slow requests; the
 * rest of the time is wait. After the stall the queue is gone within 0.6 ms. */
static void test_stall_bounded(void)
{
	struct run run = {1000 * ONE, 60 * SQ_S, 90 * SQ_S, PATIENT, 100, {10 * SQ_US, 30 * SQ_S, 36 * SQ_S}};
	struct books *b = simulate(&run);

	ok(books_closed(b) && b->ledger.ok == 60000, "T1, 100 connections: all answered, the books close");
	near(b, H_RESPONSE, 95, 3 * SQ_S);
	near(b, H_RESPONSE, 99, 5.4 * SQ_S);
	near(b, H_SERVICE, 99, 10 * SQ_US);
	/* The 100 due in the first 0.1 s were sent at once, the others wait evenly between 0 and 5.9 s. */
	near(b, H_LAG, 95, 2.9 * SQ_S);
	near(b, H_WAIT, 95, 2.9 * SQ_S);
	is_int(hist_percentile(b->hist[H_PICKUP], 100), 0, "T1, 100 connections: none of it is ours");
	is_int(b->ledger.late, 0, "T1, 100 connections: nothing was late by our fault");
	books_free(b);
}

/* T2: the stall covers the end: 54 s to beyond all waiting, answers awaited until 65 s. What was due
 * at t has waited 65 - t, so p95 (due at 57 s) is at least 8 s. */
static void test_stall_at_end(void)
{
	struct run run = {1000 * ONE, 60 * SQ_S, 65 * SQ_S, PATIENT, 7000, {SQ_MS, 54 * SQ_S, 1000 * SQ_S}};
	struct books *b = simulate(&run);

	ok(books_closed(b), "T2: the books close");
	/* One is sent at 53.999 s and would be done at 54 s, just in time. */
	is_int(b->ledger.in_flight_at_end, 6000, "T2: 6,000 in flight at the end");
	is_int(b->ledger.ok, 54000, "T2: the others are ok");
	is_int(b->hist[H_RESPONSE]->censored, 6000, "T2: in flight is a lower bound");
	is_int(b->hist[H_RESPONSE]->count, 60000, "T2: and none is left out");
	near(b, H_RESPONSE, 95, 8 * SQ_S);
	near(b, H_RESPONSE, 99, 10.4 * SQ_S);
	near(b, H_RESPONSE, 100, 11 * SQ_S);
	ok(b->slowest[0].first_byte == -1, "T2: the slowest never got a byte");
	books_free(b);

	run.connections = 100;
	b = simulate(&run);
	ok(books_closed(b), "T2, 100 connections: the books close");
	is_int(b->ledger.in_flight_at_end, 100, "T2, 100 connections: those are in flight");
	is_int(b->ledger.dropped[DROPPED_ABORTED], 5900, "T2, 100 connections: the others were never sent");
	is_int(ledger_sent(&b->ledger), 54100, "T2, 100 connections: and are not in the latencies");
	books_free(b);

	run.patience = 2 * SQ_S;
	run.server.stall_to = 60 * SQ_S;
	b = simulate(&run);
	ok(books_closed(b), "T2, patience 2 s: the books close");
	ok(b->ledger.dropped[DROPPED_PATIENCE] > 3800 && b->ledger.dropped[DROPPED_PATIENCE] < 4000,
	   "T2, patience 2 s: those due in the first 4 s gave up, but for the 100 that were sent");
	is_int(b->late_unsent, 0, "T2, patience 2 s: which was not our lateness");
	books_free(b);
}

/* T7: a target that takes 90 ms, ten times a second: 90 ms, not the half of it. */
static void test_on_time(void)
{
	struct run run = {10 * ONE, 60 * SQ_S, 61 * SQ_S, PATIENT, 10, {90 * SQ_MS, 0, 0}};
	struct books *b = simulate(&run);

	near(b, H_RESPONSE, 50, 90 * SQ_MS);
	near(b, H_SERVICE, 50, 90 * SQ_MS);
	near(b, H_FIRST_BYTE, 50, 90 * SQ_MS);
	is_int(b->hist[H_RESPONSE]->max, 90 * SQ_MS, "T7: the longest to the ns");
	ok(books_closed(b), "T7: the books close");
	books_free(b);
}

static struct request_times begun(struct books *b, uint64_t tick, int64_t pickup)
{
	struct request_times r = {0};
	int64_t due = T0 + (int64_t)tick * SQ_MS;

	books_due(b, &r, tick, due, due + pickup);
	return r;
}

static struct request_times sent(struct books *b, uint64_t tick, int64_t pickup, int64_t wait)
{
	struct request_times r = begun(b, tick, pickup);

	books_sent(b, &r, r.picked + wait, tick % 2);
	return r;
}

/* After test_ends: nine requests of ticks 0 to 8, and a hundred that nobody looked at. */
static void check_ends(const struct books *b)
{
	is_int(b->ledger.scheduled, 109, "scheduled");
	is_int(b->picked, 9, "looked at");
	is_int(b->hist[H_SERVICE]->censored, 4, "three broken, one unanswered");
	ok(b->opened == 2 && b->reused == 3, "connections");
	ok(b->hist[H_DNS]->count == 1 && b->hist[H_CONNECT]->count == 2 && b->hist[H_TLS]->count == 1,
	   "phases");
	is_int(b->slowest_count, 7, "all sent ones are among the slowest ten");
	is_int(b->slowest[0].tick, 8, "the unanswered first");
	is_int(b->slowest[1].tick, 5, "of equals the one due first");
	is_int(b->error_count[SAMPLE_HTTP], 1, "an http error kept");
	is_str(b->errors[SAMPLE_HTTP][0].what, "busy", "with its words");
	ok(b->errors[SAMPLE_HTTP][0].pickup == SQ_MS + 1 && b->errors[SAMPLE_HTTP][0].wait == 7 &&
	       b->errors[SAMPLE_HTTP][0].first_byte == 10 && b->errors[SAMPLE_HTTP][0].offset == 3 * SQ_MS,
	   "and its times");
}

/* One request for each way to end. */
static void test_ends(void)
{
	struct books *b = books_new(T0);
	struct sample s = {
	    .status = 503, .address = "127.0.0.1:80", .what = "busy", .body = "no", .body_len = 2};
	struct request_times r = begun(b, 0, 0);

	ok(!books_closed(b), "pending: not closed");
	books_dropped(b, &r, DROPPED_MAX_IN_FLIGHT);
	ok(books_closed(b), "dropped: closed");
	r = begun(b, 1, 2 * SQ_MS);
	books_unsent(b, &r, r.picked + 7, UNSENT_CONNECT, &s);
	is_int(b->error_count[SAMPLE_UNSENT], 1, "unsent: a sample says why");
	ok(b->errors[SAMPLE_UNSENT][0].wait == 7 && b->errors[SAMPLE_UNSENT][0].service == 0 &&
	       b->errors[SAMPLE_UNSENT][0].status == 0 &&
	       strcmp(b->errors[SAMPLE_UNSENT][0].what, "busy") == 0,
	   "how long it waited, and without an answer");
	is_int(b->late_unsent, 1, "late and never sent is remembered");
	r = sent(b, 2, SQ_MS, 0);
	is_int(b->ledger.on_time, 1, "1 ms is on time");
	ok(!books_closed(b), "in flight: not closed");
	books_answered(b, &r, r.sent + 5, 200, true, true, NULL);
	r = sent(b, 3, SQ_MS + 1, 7);
	is_int(b->ledger.late, 1, "a ns more is late");
	is_int(b->hist[H_PICKUP]->max, SQ_MS + 1, "pickup");
	is_int(b->hist[H_WAIT]->max, 7, "wait");
	is_int(b->hist[H_LAG]->max, SQ_MS + 8, "lag is their sum");
	books_first_byte(b, &r, r.sent + 10);
	books_first_byte(b, &r, r.sent + 20);
	books_answered(b, &r, r.sent + 30, 503, false, false, &s);
	is_int(b->hist[H_FIRST_BYTE]->max, 10, "the first first byte counts");
	is_int(b->hist[H_RECEIVE]->max, 20, "receive is from there");
	is_int(b->ledger.http_error[503 - LEDGER_STATUS_MIN], 1, "the first failing class wins: http");
	r = sent(b, 4, 0, 0);
	books_answered(b, &r, r.sent + 1, 999, true, false, &s);
	is_int(b->ledger.check_failed, 1, "an expected status with a failed check");
	for (int why = 0; why < ERROR_KINDS; why++) {
		r = sent(b, 5 + (uint64_t)why, 0, 0);
		books_broken(b, &r, r.sent + SQ_S, (enum ledger_error)why, &s);
	}
	r = sent(b, 8, 0, 0);
	books_unanswered(b, &r, r.sent + 2 * SQ_S);
	books_dropped_many(b, 100, DROPPED_ABORTED);
	books_connected(b, 11, 12, -1);
	books_connected(b, -1, 14, 15);
	ok(books_closed(b), "closed, with one of each");
	check_ends(b);
	books_free(b);
}

/* Of the phases of a request those that began, each as far as it went. */
static void test_cut_phases(void)
{
	struct books *b = books_new(T0), *lost = books_new(T0);
	const struct hist *first = b->hist[H_FIRST_BYTE], *receive = b->hist[H_RECEIVE];
	struct request_times r = sent(b, 0, 0, 0);

	books_broken(b, &r, r.sent + 7, ERROR_TIMEOUT, NULL);
	ok(first->count == 1 && first->censored == 1 && first->max == 7 && receive->count == 0,
	   "no byte came: a lower bound of the wait for it, and nothing was received");
	r = sent(b, 1, 0, 0);
	books_first_byte(b, &r, r.sent + 3);
	books_broken(b, &r, r.sent + 8, ERROR_RESET, NULL);
	ok(first->count == 2 && first->censored == 1 && receive->count == 1 && receive->censored == 1 &&
	       receive->max == 5,
	   "cut off in the answer: a lower bound of receiving it");
	r = sent(b, 2, 0, 0);
	books_unanswered(b, &r, r.sent + 9);
	ok(first->count == 3 && first->censored == 2 && first->max == 9, "in flight at the end: so is that");
	ok(books_closed(b), "the books close");
	r = sent(lost, 3, 0, 0);
	books_first_byte(lost, &r, r.sent + 4);
	sent(lost, 4, 0, 0);
	books_lose(lost, 0, 0);
	ok(lost->hist[H_FIRST_BYTE]->count == 2 && lost->hist[H_FIRST_BYTE]->censored == 1 &&
	       lost->hist[H_RECEIVE]->count == 1 && lost->hist[H_RECEIVE]->censored == 1 &&
	       lost->hist[H_RECEIVE]->max == 0,
	   "a lost worker's: nobody knows how long");
	ok(books_closed(lost), "its books close");
	books_free(b);
	books_free(lost);
}

/* What was not measured is not 0. */
static void test_unmeasured(void)
{
	struct books *b = books_new(T0);
	struct request_times r = begun(b, 0, 0);
	const struct sample *s = &b->errors[SAMPLE_UNSENT][0];

	books_unsent(b, &r, r.picked, UNSENT_DNS, NULL);
	ok(s->dns == -1 && s->connect == -1 && s->tls == -1 && s->first_byte == -1,
	   "nothing was seen of a connection: no phase has a time");
	books_free(b);
}

static void test_samples(void)
{
	struct books *b = books_new(T0);
	bool order = true, errors = true;

	for (uint64_t i = 0; i < 1000; i++) {
		struct request_times r = sent(b, i, 0, 0);

		books_broken(b, &r, r.sent + 1 + (int64_t)(i * 7919 % 1000), ERROR_RESET, NULL);
	}
	is_int(b->slowest_count, BOOKS_SAMPLES, "ten are kept");
	for (unsigned i = 0; i < BOOKS_SAMPLES; i++) {
		order &= b->slowest[i].response == 1000 - i;
		errors &= b->errors[ERROR_RESET][i].tick == i;
	}
	ok(order, "the slowest, longest first");
	ok(errors, "and the first of the errors");
	books_free(b);
}

/* Every single count that is wrong by one must keep the books from closing. */
static void test_strict(void)
{
	struct books *b = books_new(T0);
	struct request_times r = sent(b, 0, 0, 0);
	bool counts = true, censored = true;

	books_answered(b, &r, r.sent + 1, 200, true, true, NULL);
	r = sent(b, 1, 0, 0);
	books_broken(b, &r, r.sent + 1, ERROR_TIMEOUT, NULL);
	ok(books_closed(b), "closed");
	for (int i = 0; i < H_PHASES; i++) {
		b->hist[i]->count++;
		counts &= !books_closed(b);
		b->hist[i]->count--;
		b->hist[i]->censored++;
		censored &= !books_closed(b);
		b->hist[i]->censored--;
	}
	ok(counts, "not with one value too many in any latency");
	ok(censored, "not with a whole answer called a lower bound");
	for (int i = H_FIRST_BYTE; i <= H_RECEIVE; i++) {
		b->hist[i]->count++;
		ok(!books_closed(b), "not with one %s too many", books_hist_name[i]);
		b->hist[i]->count--;
	}
	b->hist[H_RECEIVE]->censored++;
	ok(!books_closed(b), "not with an answer whose receiving is called a lower bound");
	b->hist[H_RECEIVE]->censored--;
	b->status[404 - LEDGER_STATUS_MIN]++;
	ok(!books_closed(b), "not with a status that nobody answered");
	b->status[404 - LEDGER_STATUS_MIN]--;
	b->ledger.ok--;
	b->ledger.http_error[404 - LEDGER_STATUS_MIN]++;
	ok(!books_closed(b), "not with an http error of a status that was not seen");
	books_free(b);
}

static void twice_ended(struct books *b, struct request_times *r)
{
	books_answered(b, r, r->sent, 200, true, true, NULL);
	books_broken(b, r, r->sent, ERROR_RESET, NULL);
}

static void twice_sent(struct books *b, struct request_times *r)
{
	books_sent(b, r, r->sent, false);
}

static void dropped_after_sending(struct books *b, struct request_times *r)
{
	books_dropped(b, r, DROPPED_ABORTED);
}

static void answered_before_sent(struct books *b, struct request_times *r)
{
	books_answered(b, r, r->sent - 1, 200, true, true, NULL);
}

static void status_of_four_digits(struct books *b, struct request_times *r)
{
	books_answered(b, r, r->sent, 1000, true, true, NULL);
}

/* Whether this misuse of a sent request stops the process. */
static bool stops(void (*misuse)(struct books *, struct request_times *))
{
	struct books *b = books_new(T0);
	struct request_times r = sent(b, 1, 0, 0);
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		fclose(stderr);
		misuse(b, &r);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	books_free(b);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_order(void)
{
	ok(stops(twice_ended), "no request ends twice");
	ok(stops(twice_sent), "none is sent twice");
	ok(stops(dropped_after_sending), "none is dropped after it was sent");
	ok(stops(answered_before_sent), "none is answered before it was sent");
	ok(stops(status_of_four_digits), "none is answered with a status of four digits");
}

static void test_memory(void)
{
	bool good = true;
	unsigned n;

	for (n = 1;; n++) {
		struct books *b;

		failmalloc_after(n);
		b = books_new(0);
		if (!failmalloc_stop()) {
			books_free(b);
			break;
		}
		good &= b == NULL;
	}
	ok(good && n == H_COUNT + 2, "no books without memory for all of them");
}

/* Model C2, C3: a lost worker's ticks are in one class each, also what was due and waited for a connection.
 */
static void test_lose(void)
{
	struct books *b = books_new(T0);
	struct request_times r = begun(b, 0, 0);

	sent(b, 1, 0, 0);
	begun(b, 2, 0);
	books_unsent(b, &r, r.picked, UNSENT_CONNECT, NULL);
	books_lose(b, 5, 7);
	is_int(b->ledger.unconfirmed, 6,
	       "what waited is unconfirmed, and what its last report could not know");
	is_int(b->ledger.in_flight_at_end, 1, "what was sent and not answered stays so");
	is_int(b->ledger.dropped[DROPPED_WORKER_LOST], 7, "the rest was never sent");
	is_int(b->ledger.scheduled, 3 + 5 + 7, "and all of it was scheduled");
	ok(books_closed(b), "the books close");
	books_free(b);
}

/* One after the other they would take years: a report may claim so many. */
static void test_lose_many(void)
{
	const uint64_t many = 1ULL << 53;
	struct books *b = books_new(T0);

	b->in_flight = many;
	books_lose(b, 0, 0);
	ok(b->in_flight == 0 && b->ledger.in_flight_at_end == many,
	   "2^53 requests in flight are lost at once");
	ok(b->hist[H_SERVICE]->count == many && b->hist[H_SERVICE]->censored == many &&
	       b->hist[H_RESPONSE]->count == many && b->hist[H_RESPONSE]->max == 0,
	   "each is a lower bound of its own");
	books_free(b);
}

int main(void)
{
	test_stall();
	test_stall_bounded();
	test_stall_at_end();
	test_on_time();
	test_ends();
	test_lose();
	test_lose_many();
	test_cut_phases();
	test_unmeasured();
	test_samples();
	test_strict();
	test_order();
	test_memory();
	return tap_done();
}
