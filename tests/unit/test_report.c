/* test_report.c - reports: there and back exactly, every refusal, and every allocation that may fail. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "plugins/common/report.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"
#include "tests/unit/report_sample.h"

static struct report sample_report(int requests)
{
	struct report r = {
	    .uid = "w-1",
	    .seq = 7,
	    .state = WORKER_DRAINING,
	    .epoch = 2,
	    .fence = 9,
	    .elapsed = 123456789,
	    .stop_ack = true,
	    .reason = "target_unreachable",
	    .detail = "no address of \xc3\xa9 accepts",
	    .clock_error = 1000,
	    .round_trip = 2000,
	    .start_lag = -1,
	    .health = {1, 2, 3, 4, 5, 6, 7, 8, 9, -1},
	    .books = books_new(55 * SQ_S),
	};
	uint64_t state = 42;

	for (int i = 0; i < requests; i++)
		sample_request(&r.books, 1, (uint64_t)i, &state);
	if (requests < 2)
		return r;
	/* Several parts, which all are something else. */
	r.warmup = books_new(0);
	r.request_count = 2;
	r.requests = calloc(2, sizeof *r.requests);
	for (int i = 0; i < 2; i++)
		r.requests[i] = books_new(0);
	for (int i = 0; i < 30; i++)
		sample_request(i % 5 == 0 ? &r.warmup : &r.requests[i % 2], 1, (uint64_t)i, &state);
	return r;
}

static struct buf write(const struct report *r)
{
	struct buf text = {0};

	if (report_write(r, &text) < 0)
		abort();
	return text;
}

static struct sq_slice slice(const struct buf *b)
{
	return (struct sq_slice){b->data, b->len};
}

static bool same_hist(const struct hist *a, const struct hist *b)
{
	return hist_equal(a, b) && a->min == b->min && a->max == b->max && a->sum == b->sum &&
	       a->censored == b->censored && a->count == b->count;
}

static void test_round_trip(int requests, const char *name)
{
	struct report r = sample_report(requests), back = {0};
	struct buf text = write(&r), again;
	struct sq_err err;
	bool hists = true;

	ok(report_read(slice(&text), &back, &err) == 0, "%s: it reads back", name);
	for (int i = 0; i < H_COUNT; i++)
		hists &= same_hist(r.books->hist[i], back.books->hist[i]);
	ok(hists, "all histograms with min, max, sum and censored");
	ok(memcmp(&r.books->ledger, &back.books->ledger, sizeof r.books->ledger) == 0, "the ledger");
	ok(memcmp(r.books->status, back.books->status, sizeof r.books->status) == 0, "the statuses");
	ok(memcmp(&r.health, &back.health, sizeof r.health) == 0, "health");
	ok(strcmp(r.uid, back.uid) == 0 && strcmp(r.detail, back.detail) == 0 &&
	       strcmp(r.reason, back.reason) == 0,
	   "texts");
	ok(back.seq == 7 && back.state == WORKER_DRAINING && back.epoch == 2 && back.fence == 9 &&
	       back.elapsed == 123456789 && !back.final && back.stop_ack && back.start_lag == -1 &&
	       back.clock_error == 1000 && back.round_trip == 2000,
	   "numbers and flags");
	ok(back.books->pending == r.books->pending && back.books->in_flight == r.books->in_flight &&
	       back.books->picked == r.books->picked && back.books->late_unsent == r.books->late_unsent &&
	       back.books->last_sent == r.books->last_sent && back.books->opened == r.books->opened &&
	       back.books->reused == r.books->reused && back.books->bytes_received == r.books->bytes_received,
	   "what is on its way, connections, bytes");
	ok(!r.warmup == !back.warmup && r.request_count == back.request_count &&
	       (!r.warmup || (back.warmup->picked == r.warmup->picked && back.warmup->slowest_count == 0)),
	   "the parts, without samples");
	again = write(&back);
	is_str(again.data, text.data, "and is written the same again, samples included");
	buf_free(&text);
	buf_free(&again);
	report_free(&r);
	report_free(&back);
}

/* The report's text with one place changed. */
static void refused(const char *from, const char *to, const char *why)
{
	struct report r = sample_report(40), back = {0};
	struct buf text = write(&r), bad = {0};
	const char *at = strstr(text.data, from);
	struct sq_err err = {0};
	int status;

	if (!at)
		printf("# no %s in %.300s\n", from, text.data);
	buf_add(&bad, text.data, at ? (size_t)(at - text.data) : 0);
	buf_str(&bad, to);
	buf_str(&bad, at ? at + strlen(from) : "");
	status = report_read(slice(&bad), &back, &err);
	ok(at && (status == -EINVAL || status == -EBADMSG) && !back.books, "refused: %s", why);
	if (!strstr(err.text, why))
		ok(false, "but it says: %s", err.text);
	buf_free(&text);
	buf_free(&bad);
	report_free(&r);
	report_free(&back);
}

static void test_refusals(void)
{
	refused("\"seq\":7", "\"seq\":0", "report.seq is 0");
	refused("\"seq\":7", "\"seq\":-1", "report.seq is outside");
	refused("\"seq\":7", "\"seq\":99999999999999999999", "report.seq is outside");
	refused("\"seq\":7", "\"seq\":\"7\"", "report.seq is not a whole number");
	refused("\"seq\":7,", "", "report.seq is missing");
	refused("\"seq\":7", "\"seq\":7,\"more\":1", "report has a member that is unknown");
	refused("\"uid\":\"w-1\"", "\"uid\":\"w/1\"", "report.uid has characters");
	refused("\"uid\":\"w-1\"", "\"uid\":\"\"", "report.uid is empty");
	refused("\"draining\"", "\"tired\"", "report.state is not a word");
	refused("\"final\":false", "\"final\":0", "report.final is not true or false");
	refused("\"reason\":\"target_unreachable\"", "\"reason\":\"\"", "report.problem.reason is empty");
	refused("\"reason\":\"target_un", "\"reason\":\"a\\u0000", "report.problem.reason has a zero byte");
	refused("\"steal_ns\":5", "\"steal_ns\":-2", "report.health.steal_ns is outside");
	refused("\"opened\":", "\"oped\":", "report.connections.opened is missing");
	refused("\"scheduled\":", "\"sceduled\":", "ledger.sceduled is unknown");
	refused("\"balanced\":", "\"ballanced\":", "ledger.ballanced is unknown");
	refused("\"pickup\":{\"blob\":\"H", "\"pickup\":{\"blob\":\"I", "");
	refused("\"pickup\":{", "\"pickup\":{\"x\":1,", "pickup has a member that is unknown");
	refused("\"sum\":\"", "\"sum\":\"9999999999999999999999", "do not fit its cells");
	refused("\"sum\":\"", "\"sum\":\"x", "do not fit its cells");
	refused("\"min\":", "\"min\":1", "do not fit its cells");
	refused("\"slowest\":[", "\"slowest\":[[],", "report.slowest is too long");
	refused("\"slowest\":[{", "\"slowest\":[{\"x\":1,", "sample has a member that is unknown");
	refused("\"timeout\":[", "\"tiemout\":[", "report.errors.timeout is missing");
	refused("\"warmup\":{", "\"warmup\":{\"x\":1,", "report.warmup has a member that is unknown");
	refused("\"requests\":[{", "\"requests\":[5,{", "report.requests is not an object");
	refused("{\"uid\"", "{{\"uid\"", "");
	refused("{\"uid\"", "[{\"uid\"", "");
}

static void test_size(void)
{
	char *text = calloc(1, REPORT_TEXT_MAX + 1);
	struct report back = {0};
	struct sq_err err;

	ok(report_read((struct sq_slice){text, REPORT_TEXT_MAX + 1}, &back, &err) == -EINVAL,
	   "longer than any report");
	ok(report_read((struct sq_slice){"null", 4}, &back, &err) == -EINVAL, "null is no report");
	free(text);
}

static void test_memory(void)
{
	struct report r = sample_report(40), back = {0};
	struct buf text = write(&r);
	bool clean = true;
	int n;

	for (n = 1;; n++) {
		struct buf out = {0};
		int status;

		failmalloc_after((unsigned)n);
		status = report_write(&r, &out);
		buf_free(&out);
		if (!failmalloc_stop())
			break;
		clean &= status == -ENOMEM;
	}
	ok(clean && n > 100, "writing without memory, %d places", n - 1);
	for (n = 1;; n++) {
		int status;

		failmalloc_after((unsigned)n);
		status = report_read(slice(&text), &back, NULL);
		if (!failmalloc_stop())
			break;
		clean &= status == -ENOMEM && !back.books;
	}
	ok(clean && n > 10, "reading without memory, %d places", n - 1);
	report_free(&back);
	report_free(&r);
	buf_free(&text);
}

int main(void)
{
	test_round_trip(0, "empty books");
	test_round_trip(1, "one request");
	test_round_trip(3000, "3,000 requests");
	test_refusals();
	test_size();
	test_memory();
	return tap_done();
}
