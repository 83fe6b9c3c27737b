/* outcome.c - what is written at the end: the merged books, what nobody can know, and the result. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "plugins/common/doc.h"
#include "plugins/common/result.h"
#include "run.h"

int64_t outcome_load_end(const struct run *r)
{
	int64_t longest = 0;

	for (uint32_t i = 0; r->schedule.closed && i < merger_count(r->merger); i++) {
		int64_t one = merger_at(r->merger, i)->elapsed;

		longest = one > longest ? one : longest;
	}
	return longest > 0 && longest < r->schedule.end ? longest : r->schedule.end;
}

/* How long the load ran: to its end or the stop, or to the last request that was sent behind that. */
static int64_t elapsed(const struct run *r)
{
	int64_t end = r->stopped ? r->stopped : orchestrator_now(r->o), most = outcome_load_end(r),
	        last_sent = merger_books(r->merger)->last_sent;

	if (!r->test.committed || end <= run_load_at(r))
		return 0;
	end -= run_load_at(r);
	end = end < most ? end : most;
	return last_sent > end ? last_sent : end;
}

/* Books of all parts, merged. */
struct closing {
	struct books *load, *warmup; /* warmup: NULL without one */
	struct books *requests[PLAN_REQUESTS_MAX]; /* of the plan's; NULL: no report has them */
	uint32_t lost; /* workers */
};

static void closing_free(struct closing *c)
{
	books_free(c->load);
	books_free(c->warmup);
	for (uint32_t i = 0; i < PLAN_REQUESTS_MAX; i++)
		books_free(c->requests[i]);
}

/* What no report has in a class, in one part of the schedule: of every place, and of nobody. */
static void book_range(const struct run *r, uint64_t from, uint64_t to, bool warmup, struct books *b)
{
	struct account sum = {.worker_lost = test_account_nobody(&r->test, from, to)};

	for (uint32_t i = 0; i < r->test.setup.workers; i++) {
		const struct report *last = merger_report(r->merger, r->test.workers[i].uid);
		const struct books *known = !last ? NULL : warmup ? last->warmup : last->books;
		struct account_range range = {from, to, known ? known->ledger.scheduled : 0};
		struct account a;

		test_account(&r->test, i, &range, &a);
		sum.unconfirmed += a.unconfirmed;
		sum.worker_lost += a.worker_lost;
		sum.fenced += a.fenced;
		sum.aborted += a.aborted;
	}
	books_lose(b, sum.unconfirmed, sum.worker_lost);
	books_dropped_many(b, sum.fenced, DROPPED_FENCED);
	books_dropped_many(b, sum.aborted, DROPPED_ABORTED);
}

/* In the closed model nothing was due that no worker started. */
static void book_rest(const struct run *r, struct closing *c)
{
	if (!r->test.committed || r->schedule.closed)
		return;
	if (c->warmup)
		book_range(r, 0, r->schedule.warm, true, c->warmup);
	book_range(r, r->schedule.warm, r->schedule.total, false, c->load);
}

/* A copy that is closed: what is in flight stays so. */
static int close_part(const struct books *from, struct books **ret)
{
	*ret = books_new(0);
	if (!*ret)
		return -ENOMEM;
	books_merge(*ret, from);
	books_lose(*ret, 0, 0);
	return 0;
}

static int merge_parts(struct run *r, struct closing *c)
{
	const struct books *warmup = merger_warmup(r->merger);
	int status = close_part(merger_books(r->merger), &c->load);

	if (status == 0 && warmup)
		status = close_part(warmup, &c->warmup);
	else if (status == 0 && r->plan->warmup > 0 && !(c->warmup = books_new(0)))
		status = -ENOMEM;
	for (uint32_t i = 0; status == 0 && i < r->plan->request_count; i++) {
		const struct books *request = merger_request(r->merger, i);

		if (request)
			status = close_part(request, &c->requests[i]);
	}
	return status;
}

/* Merged, with every tick in a class (account.c). 0 or -ENOMEM. */
static int close_books(struct run *r, struct closing *c)
{
	int status = merge_parts(r, c);

	if (status == 0)
		book_rest(r, c);
	for (uint32_t i = 0; status == 0 && r->test.committed && i < r->test.setup.workers; i++) {
		const struct worker *w = &r->test.workers[i];

		if (w->final && !*w->problem && !w->lost)
			continue;
		c->lost++;
		status = record_lose_worker(&r->record, *w->uid ? w->uid : "?");
	}
	return status;
}

/* --- audit ----------------------------------------------------------------------------------- */

/* sent - reset - timeout - in_flight <= counted <= sent + unconfirmed (design 5) */
static const char *judge_audit(const struct run *r, const struct ledger *l)
{
	uint64_t sent = ledger_sent(l);
	uint64_t least = sent - l->error[ERROR_RESET] - l->error[ERROR_TIMEOUT] - l->in_flight_at_end;

	if (r->audited == 0)
		return "n/a";
	if (r->audited == sent)
		return "equal";
	return r->audited >= least && r->audited <= sent + l->unconfirmed ? "within" : "broken";
}

/* --- what the result has beside the books ------------------------------------------------------ */

static struct json_object *member(struct json_object *o, const char *name)
{
	return json_object_object_get(o, name);
}

static bool put_history(struct json_object *doc, const struct run *r)
{
	return doc_put(member(doc, "workers"), "lost", json_object_get(r->record.workers.lost)) &&
	       doc_put(doc, "history", json_object_get(r->record.history));
}

/* How far clocks may be off, and the distance of the first sends of two workers from their due times. */
static void compare_clocks(const struct run *r, struct result_input *in)
{
	int64_t first = INT64_MAX, last = -1;

	in->clock_error = in->start_skew = -1;
	for (uint32_t i = 0; i < merger_count(r->merger); i++) {
		const struct report *w = merger_at(r->merger, i);

		in->clock_error = w->clock_error > in->clock_error ? w->clock_error : in->clock_error;
		if (w->start_lag < 0)
			continue;
		first = w->start_lag < first ? w->start_lag : first;
		last = w->start_lag > last ? w->start_lag : last;
	}
	if (last >= 0)
		in->start_skew = last - first;
}

static int keep(struct run *r, struct json_object *doc)
{
	struct test_record *rec = &r->record;

	json_object_put(rec->result);
	json_object_put(rec->validity);
	rec->result = doc;
	rec->validity = json_object_get(member(doc, "validity"));
	record_set(rec->verdict, sizeof rec->verdict, json_object_get_string(member(doc, "verdict")));
	return 0;
}

/* Losses whose requests nobody took over. */
static unsigned spared(const struct run *r)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < r->test.setup.workers; i++)
		n += test_lost(&r->test, r->test.ticked, i) &&
		     (r->test.workers[i].spared || !r->test.workers[i].moved);
	return n;
}

static struct json_object *write_result(struct run *r, enum test_state state, const char *reason,
                                        const struct closing *c)
{
	struct health health = merger_health(r->merger);
	struct result_input in = {
	    .test_id = r->id,
	    .state = lifecycle_word(state),
	    .reason = reason,
	    .plan = r->plan,
	    .plan_as_given = r->record.plan,
	    .books = c->load,
	    .warmup = c->warmup,
	    .requests = (const struct books *const *)c->requests,
	    .request_count = r->plan->request_count,
	    .health = &health,
	    .submitted = r->record.submitted_at,
	    .started = r->record.started_at,
	    .ended = r->record.ended_at,
	    .elapsed = elapsed(r),
	    .planned = r->test.setup.workers,
	    .armed = r->record.workers.armed,
	    .reported = merger_count(r->merger),
	    .lost = c->lost,
	    .spared = spared(r),
	    .audit = judge_audit(r, &c->load->ledger),
	    .audit_counted = r->audited,
	    .watch = r->watch,
	};

	compare_clocks(r, &in);
	return result_write(&in);
}

int outcome_write(struct run *r, enum test_state state, const char *reason)
{
	struct json_object *doc = NULL;
	struct closing c = {0};

	while (json_object_array_length(r->record.workers.lost) > 0) /* of an earlier try */
		json_object_array_del_idx(r->record.workers.lost, 0, 1);
	if (close_books(r, &c) == 0)
		doc = write_result(r, state, reason, &c);
	closing_free(&c);
	doc = doc_close(doc, doc && put_history(doc, r));
	return doc ? keep(r, doc) : -ENOMEM;
}

/* --- for the log -------------------------------------------------------------------------------- */

static const char *text_at(struct json_object *o, const char *name)
{
	struct json_object *v = json_object_is_type(o, json_type_object) ? member(o, name) : NULL;

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "-";
}

static uint64_t sum(struct json_object *counts)
{
	uint64_t all = 0;
	struct json_object_iter it;

	if (!json_object_is_type(counts, json_type_object))
		return 0;
	json_object_object_foreachC(counts, it) all += json_object_get_uint64(it.val);
	return all;
}

static double ms_at(struct json_object *latency, const char *name)
{
	struct json_object *v = json_object_is_type(latency, json_type_object) ? member(latency, name) : NULL;

	return v ? json_object_get_double(v) : 0;
}

void outcome_tell(const struct run *r)
{
	struct json_object *doc = r->record.result, *ledger, *response;
	char p50[TEXT_MAX], p99[TEXT_MAX], max[TEXT_MAX];

	if (!json_object_is_type(doc, json_type_object))
		return; /* it never ran */
	ledger = member(doc, "ledger");
	response = member(member(doc, "latency_ms"), "response");
	SQ_INFO(
	    r->o->host, SQ_KV({"test", r->id}),
	    "result: verdict=%s validity=%s scheduled=%llu sent=%llu ok=%llu http_errors=%llu errors=%llu "
	    "response p50=\"%s\" p99=\"%s\" max=\"%s\"",
	    text_at(doc, "verdict"), text_at(member(doc, "validity"), "status"),
	    (unsigned long long)json_object_get_uint64(member(ledger, "scheduled")),
	    (unsigned long long)sum(member(ledger, "sent")),
	    (unsigned long long)json_object_get_uint64(member(ledger, "ok")),
	    (unsigned long long)sum(member(ledger, "http_error")),
	    (unsigned long long)sum(member(ledger, "error")), text_ms(p50, ms_at(response, "p50")),
	    text_ms(p99, ms_at(response, "p99")), text_ms(max, ms_at(response, "max")));
}
