/*
 * test_gateway.c - the gateway when the store and the queue are uncertain, slow or away, when others
 * write at the same time, and when any one allocation fails. Each request is answered exactly once.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_rig.h"
#include "plugins/common/report.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"
#include "tests/unit/record_doc.h"

static const char plan[] =
    "{\"hits_per_sec\":500,\"duration_sec\":60,\"workers\":5,\"headers\":{\"A\":\"b\"}}";
static struct rig r;

static void submit(void)
{
	rig_ask(&r, handle_submit, NULL, NULL, "Idempotency-Key: k", plan);
}

static void put_full_record(enum sq_life life)
{
	r.record.len = sizeof RECORD_FULL - 1;
	memcpy(r.record.body, RECORD_FULL, r.record.len);
	r.record.version = 7;
	r.record.life = life;
	strcpy(r.record.state, "failed");
}

/* In a state that is no end. */
static void put_running_record(void)
{
	struct test_record record;
	struct buf text = {0};

	record_read((struct sq_slice){RECORD_FULL, sizeof RECORD_FULL - 1}, &record, NULL);
	record_step(&record, 1000, T_RUNNING, NULL, NULL, "o");
	record.cancel.set = false;
	record_write(&record, &text);
	memcpy(r.record.body, text.data, text.len);
	r.record.len = text.len;
	r.record.version = 7;
	r.record.life = SQ_LIVE;
	strcpy(r.record.state, "running");
	buf_free(&text);
	record_free(&record);
}

/* --- uncertainty ----------------------------------------------------------------------------- */

static void test_uncertain_record(void)
{
	rig_open(&r);
	r.puts[0].status = -SQ_EUNCERTAIN;
	r.puts[0].applied = true;
	submit();
	ok(r.answers == 1 && r.status == 202, "an uncertain record that was written: accepted");
	ok(r.put_count == 2 && r.record.version == 1 && r.publish_count == 1, "written once, published once");
	rig_close(&r);

	rig_open(&r);
	r.puts[0].status = -SQ_EUNCERTAIN;
	submit();
	ok(r.status == 202 && r.put_count == 2 && r.record.version == 1, "one that was not: written again");
	rig_close(&r);

	rig_open(&r);
	r.puts[0].status = r.puts[1].status = r.puts[2].status = r.puts[3].status = -ETIMEDOUT;
	submit();
	ok(r.answers == 1 && r.status == 503 && r.publish_count == 0,
	   "a store that never answers: not accepted");
	rig_close(&r);

	rig_open(&r);
	for (unsigned i = 0; i < RIG_SCRIPT; i++)
		r.puts[i].status = -SQ_EUNCERTAIN;
	submit();
	ok(r.answers == 1 && r.status == 503 && strstr(r.body, "GET /tests/") &&
	       strstr(r.body, "Idempotency-Key"),
	   "one that never says whether it was written: how to find out, and how to repeat it: %s", r.body);
	rig_close(&r);

	rig_open(&r);
	r.puts[0].status = -ENOSPC;
	submit();
	ok(r.status == 503 && r.put_count == 1 && strstr(r.body, "it is full"), "a full store: not accepted");
	rig_close(&r);
}

static void test_uncertain_message(void)
{
	rig_open(&r);
	r.publishes[0] = -SQ_EUNCERTAIN;
	r.publishes[1] = -ETIMEDOUT;
	submit();
	is_int(r.answers, 0, "an uncertain message: no answer yet");
	rig_pass(&r, 2 * SQ_S);
	rig_pass(&r, 2 * SQ_S);
	ok(r.answers == 1 && r.status == 202 && r.publish_count == 3, "sent again until it is certain");
	rig_close(&r);

	rig_open(&r);
	for (unsigned i = 0; i < RIG_SCRIPT; i++)
		r.publishes[i] = -SQ_EUNCERTAIN;
	submit();
	for (int i = 0; i < 20; i++)
		rig_pass(&r, 2 * SQ_S);
	ok(r.answers == 1 && r.status == 503 && strstr(r.body, "is recorded"), "but not for ever: %s",
	   r.body);
	rig_close(&r);

	rig_open(&r);
	r.publishes[0] = -ENOTCONN;
	submit();
	ok(r.status == 503 && r.publish_count == 1, "a queue that is away: not accepted");
	strcpy(r.record.state, "queued");
	submit();
	ok(r.status == 202 && r.publish_count == 2 && r.record.version == 1,
	   "the same request again: published");
	submit();
	ok(r.status == 202 && r.publish_count == 3, "once more is harmless");
	rig_close(&r);
}

/* A queue that will not take it is not one that is away: the cure is another. */
static void test_refused_message(void)
{
	static const struct {
		int status;
		const char *why;
	} cases[] = {{-ENOSPC, "full, disabled or missing"},
	             {-EACCES, "may not send"},
	             {-E2BIG, "larger than the queue"},
	             {-ENOTCONN, "is not connected"},
	             {-EIO, "refused"},
	             {-SQ_EUNCERTAIN, "has not answered"}};

	for (unsigned i = 0; i < SQ_LEN(cases); i++) {
		rig_open(&r);
		for (unsigned k = 0; k < RIG_SCRIPT; k++)
			r.publishes[k] = cases[i].status;
		submit();
		for (int k = 0; k < 20; k++)
			rig_pass(&r, 2 * SQ_S);
		ok(r.answers == 1 && r.status == 503 && strstr(r.body, cases[i].why), "%s: %s", cases[i].why,
		   r.body);
		rig_close(&r);
	}
}

static void test_busy_record(void)
{
	rig_open(&r);
	put_running_record();
	r.puts[0].status = r.puts[1].status = -SQ_ECONFLICT;
	rig_ask(&r, handle_cancel, "t", NULL, NULL, NULL);
	ok(r.answers == 1 && r.status == 202 && r.put_count == 3,
	   "cancel: others who write first only mean to look again");
	ok(strstr(r.record.body, "client 127.0.0.1"), "the wish is in the record");
	rig_close(&r);

	rig_open(&r);
	put_running_record();
	for (unsigned i = 0; i < RIG_SCRIPT; i++)
		r.puts[i].status = -SQ_ECONFLICT;
	rig_ask(&r, handle_cancel, "t", NULL, NULL, NULL);
	ok(r.answers == 1 && r.status == 503 && r.put_count == CAS_TRIES, "but not for ever");
	ok(strstr(r.body, "others"), "and says why: %s", r.body);
	rig_close(&r);

	rig_open(&r);
	put_running_record();
	r.puts[0].status = -SQ_EUNCERTAIN;
	r.puts[0].applied = true;
	rig_ask(&r, handle_cancel, "t", NULL, NULL, NULL);
	ok(r.status == 202 && r.put_count == 1 && r.record.version == 8,
	   "an uncertain wish that arrived is not repeated");
	rig_close(&r);

	rig_open(&r);
	submit();
	r.puts[1].status = -SQ_EFINAL;
	rig_ask(&r, handle_cancel, "t", NULL, NULL, NULL);
	ok(r.status == 200 && strstr(r.body, "cancelled"), "a test that ended meanwhile, or not: %s", r.body);
	rig_close(&r);
}

/* --- the store is away ----------------------------------------------------------------------- */

static const struct sq_entry points[] = {{1, {"{\"t\":0,\"ok\":5}", 14}},
                                         {2, {"{\"t\":1,\"p50\":null}", 18}}};

static const struct {
	const char *name;
	void (*handle)(void *self, struct sq_http *rq);
	const char *body;
	int status; /* when all is well */
} asks[] = {
    {"POST /tests", handle_submit, plan, 202},
    {"POST /tests, bad", handle_submit, "{\"workers\":0,\"x\":1}", 422},
    {"POST /tests, elsewhere", handle_submit, "{\"url\":\"http://127.0.0.9/\"}", 403},
    {"GET /tests", handle_list, NULL, 200},
    {"GET /tests/{id}", handle_show, NULL, 200},
    {"DELETE /tests/{id}", handle_delete, NULL, 204},
    {"POST /tests/{id}/cancel", handle_cancel, NULL, 202},
    {"GET /tests/{id}/timeline", handle_timeline, NULL, 200},
    {"GET /tests/{id}/report.json", handle_report_json, NULL, 409},
    {"GET /tests/{id}/report.json, over", handle_report_json, NULL, 200},
    {"GET /tests/{id}/report.txt, over", handle_report_txt, NULL, 200},
    {"GET /tests/{id}/report.csv", handle_report_csv, NULL, 200},
    {"GET /tests/{id}/report.hgrm", handle_report_hgrm, NULL, 200},
    {"GET /tests/{id}/events", handle_events, NULL, 200},
    {"GET /stats", handle_stats, NULL, 200},
};

/* Asks once, with a record that runs. The status, or a negative number when it was not answered once. */
static int ask(size_t i)
{
	r.entries = points;
	r.entry_count = SQ_LEN(points);
	r.fetched = true;
	rig_ask(&r, asks[i].handle, asks[i].handle == handle_submit ? NULL : "t", NULL, NULL, asks[i].body);
	rig_pass(&r, SQ_S);
	if (r.stream && !r.ended)
		rig_leave(&r);
	rig_settle(&r);
	return r.answers == 1 && r.gw->open == 0 ? r.status : -1;
}

static void reset_record(size_t i)
{
	if (asks[i].handle == handle_submit)
		r.record.version = 0;
	else if (strstr(asks[i].name, ", over"))
		put_full_record(SQ_TERMINAL);
	else
		put_running_record();
}

static void test_away(void)
{
	for (int refuse = 0; refuse < 2; refuse++)
		for (size_t i = 0; i < SQ_LEN(asks); i++) {
			bool needs_store = asks[i].status < 400 || asks[i].status == 409;
			int status;

			if (asks[i].handle == handle_stats)
				continue;
			rig_open(&r);
			reset_record(i);
			r.store = -ENOTCONN;
			r.refuse = refuse;
			status = ask(i);
			ok(status == (needs_store ? 503 : asks[i].status), "%s, a store that %s: %d",
			   asks[i].name, refuse ? "refuses" : "fails", status);
			rig_close(&r);
		}
}

/* --- the spectrum ---------------------------------------------------------------------------- */

/* What a worker would have written down about n answers of 1 ms each. */
static void write_report(const char *uid, int n, struct buf *out)
{
	struct report report = {.seq = 1, .state = WORKER_ENDED, .final = true, .books = books_new(0)};

	snprintf(report.uid, sizeof report.uid, "%s", uid);
	for (int i = 0; i < n; i++) {
		struct request_times t = {0};

		books_due(report.books, &t, (uint64_t)i, 0, 0);
		books_sent(report.books, &t, 0, i > 0);
		books_answered(report.books, &t, SQ_MS, 200, true, true, NULL);
	}
	report_write(&report, out);
	books_free(report.books);
}

static void test_spectrum(void)
{
	struct buf one = {0}, two = {0};
	struct sq_part parts[2];

	write_report("w1", 3, &one);
	write_report("w2", 4, &two);
	parts[0] = (struct sq_part){.name = "snap.w1", .data = {one.data, one.len}};
	parts[1] = (struct sq_part){.name = "snap.w2", .data = {two.data, two.len}};
	rig_open(&r);
	put_running_record();
	r.parts = parts;
	r.part_count = 2;
	rig_ask(&r, handle_report_hgrm, "t", NULL, NULL, NULL);
	ok(r.status == 200 && strstr(r.body, "Total count    =            7]"),
	   "the spectrum is that of all workers");
	ok(strstr(r.body, "#[Max     =        1.000"), "in milliseconds");
	rig_close(&r);
	buf_free(&one);
	buf_free(&two);
}

/* --- streams --------------------------------------------------------------------------------- */

static void test_watch(void)
{
	rig_open(&r);
	put_running_record();
	r.entries = points;
	r.entry_count = 1;
	rig_ask(&r, handle_events, "t", NULL, NULL, NULL);
	ok(r.stream && strstr(r.body, "event: point"), "a client follows");
	r.store = -ENOTCONN;
	rig_pass(&r, SQ_S);
	rig_pass(&r, SQ_S);
	ok(r.stream && !r.ended, "a store that is away for a while does not end it");
	r.len = 0;
	rig_pass(&r, 16 * SQ_S);
	is_str(r.body, ": still here\n\n", "and the client hears that we are there");
	r.store = 0;
	r.len = 0;
	r.entry_count = 2;
	r.full = true;
	rig_pass(&r, SQ_S);
	ok(strstr(r.body, "\"t\":1"), "then it goes on");
	r.len = 0;
	put_full_record(SQ_TERMINAL);
	r.record.version = 8;
	rig_pass(&r, SQ_S);
	is_int(r.len, 0, "a client that does not read is not looked for");
	r.full = false;
	r.stream->writable(r.stream);
	rig_settle(&r);
	ok(strstr(r.body, "event: end\nid: end\ndata: {\"state\":\"failed\""), "until it has read");
	ok(!r.stream && r.closed == 1 && r.gw->open == 0, "the end ends it");

	put_running_record();
	r.hold = false;
	rig_ask(&r, handle_events, "t", NULL, NULL, NULL);
	r.hold = true;
	rig_pass(&r, SQ_S);
	rig_leave(&r);
	is_int(r.gw->open, 1, "a client leaves while the store is asked");
	r.hold = false;
	rig_settle(&r);
	is_int(r.gw->open, 0, "it is forgotten when the answer comes");

	rig_ask(&r, handle_events, "t", NULL, NULL, NULL);
	r.record.version = 0;
	rig_pass(&r, SQ_S);
	ok(!r.stream && r.closed == 3, "a test that is deleted ends it");
	rig_close(&r);

	rig_open(&r);
	put_running_record();
	rig_ask(&r, handle_events, "t", NULL, NULL, NULL);
	r.hold = true;
	rig_pass(&r, SQ_S);
	r.hold = false;
	rig_close(&r);
	ok(r.closed == 1, "a stop ends it, also while the store is asked");
}

/* --- memory ---------------------------------------------------------------------------------- */

static void test_memory(size_t i)
{
	bool good = true;
	unsigned n;
	int status;

	rig_open(&r);
	for (n = 1;; n++) {
		reset_record(i);
		failmalloc_after(n);
		status = ask(i);
		if (!failmalloc_stop())
			break;
		/* A failure after the stream began, or in what is optional, may leave the good status. */
		if (status != 503 && status != asks[i].status) {
			printf("#   allocation %u: %d %s\n", n, status, r.body);
			good = false;
		}
	}
	ok(good && status == asks[i].status && n > 1, "%s: %u failures, all answered", asks[i].name, n - 1);
	rig_close(&r);
}

static void test_create_memory(void)
{
	bool good = true;
	unsigned n;
	int status;

	for (n = 1;; n++) {
		failmalloc_after(n);
		status = rig_open(&r);
		if (!failmalloc_stop())
			break;
		good &= status == -ENOMEM;
	}
	ok(good && status == 0 && n > 3, "create: %u failures, all reported", n - 1);
	rig_close(&r);
}

int main(void)
{
	test_uncertain_record();
	test_uncertain_message();
	test_refused_message();
	test_busy_record();
	test_away();
	test_spectrum();
	test_watch();
	test_create_memory();
	for (size_t i = 0; i < SQ_LEN(asks); i++)
		test_memory(i);
	return tap_done();
}
