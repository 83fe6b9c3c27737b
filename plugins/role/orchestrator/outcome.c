/* outcome.c - what is written at the end: the merged books, what nobody can know, and the result. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "plugins/common/doc.h"
#include "plugins/common/result.h"
#include "run.h"

/* How long the schedule ran. */
static int64_t elapsed(const struct run *r)
{
	int64_t end = r->stopped ? r->stopped : orchestrator_now(r->o);

	if (!r->test.committed || end <= r->test.t0)
		return 0;
	end -= r->test.t0;
	return end < r->plan->duration ? end : r->plan->duration;
}

static int book_place(struct run *r, uint32_t place, struct account *sum, uint32_t *lost)
{
	const struct worker *w = &r->test.workers[place];
	const struct report *last = merger_report(r->merger, w->uid);
	struct account a;

	test_account(&r->test, place, last ? last->books->ledger.scheduled : 0, &a);
	sum->unconfirmed += a.unconfirmed;
	sum->worker_lost += a.worker_lost;
	sum->fenced += a.fenced;
	sum->aborted += a.aborted;
	if (w->final && !*w->problem && !w->lost)
		return 0;
	++*lost;
	return record_lose_worker(&r->record, *w->uid ? w->uid : "?");
}

/* Merged, with every tick in a class (account.c). NULL without memory. */
static struct books *close_books(struct run *r, uint32_t *ret_lost)
{
	struct books *b = books_new(0);
	struct account sum = {0};

	*ret_lost = 0;
	if (!b)
		return NULL;
	books_merge(b, merger_books(r->merger));
	for (uint32_t i = 0; r->test.committed && i < r->test.setup.workers; i++)
		if (book_place(r, i, &sum, ret_lost) < 0) {
			books_free(b);
			return NULL;
		}
	if (r->test.committed)
		sum.worker_lost += test_account_nobody(&r->test);
	books_lose(b, sum.unconfirmed, sum.worker_lost);
	books_dropped_many(b, sum.fenced, DROPPED_FENCED);
	books_dropped_many(b, sum.aborted, DROPPED_ABORTED);
	return b;
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

/* The distance of the first sends of two workers from their due times. */
static bool put_clock(struct json_object *doc, const struct run *r)
{
	struct json_object *generator = member(doc, "generator");
	int64_t error = -1, first = INT64_MAX, last = -1;

	for (uint32_t i = 0; i < merger_count(r->merger); i++) {
		const struct report *w = merger_at(r->merger, i);

		error = w->clock_error > error ? w->clock_error : error;
		if (w->start_lag < 0)
			continue;
		first = w->start_lag < first ? w->start_lag : first;
		last = w->start_lag > last ? w->start_lag : last;
	}
	return doc_put_ms(generator, "start_skew_ms", last < 0 ? -1 : last - first) &&
	       doc_put_ms(generator, "clock_error_ms", error);
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

/* A test that lost workers is not the one that was asked for. */
static bool put_missing(struct json_object *doc, const struct run *r, uint32_t lost)
{
	struct json_object *validity = member(doc, "validity"), *reason;
	char value[TEXT_MAX];
	bool good;

	if (lost == 0)
		return true;
	snprintf(value, sizeof value, "%u of %u", (unsigned)lost, (unsigned)r->test.setup.workers);
	if (r->test.setup.on_loss == LOSS_REDISTRIBUTE)
		snprintf(value + strlen(value), sizeof value - strlen(value), ", %u not replaced", spared(r));
	reason = json_object_new_object();
	good = doc_put_text(reason, "what", "workers were lost:") && doc_put_text(reason, "value", value) &&
	       doc_put_text(reason, "limit", "0") && doc_put_text(reason, "status", "suspect") &&
	       doc_put_text(reason, "cure",
	                    "see the log lines of this test for why they ended, and run it again");
	good = doc_append(member(validity, "reasons"), doc_close(reason, good));
	if (good && strcmp(json_object_get_string(member(validity, "status")), "valid") == 0)
		good = doc_put_text(validity, "status", "suspect");
	return good;
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

int outcome_write(struct run *r, enum test_state state, const char *reason)
{
	struct health health = merger_health(r->merger);
	struct json_object *doc;
	struct books *b;
	uint32_t lost;
	bool good;

	while (json_object_array_length(r->record.workers.lost) > 0) /* of an earlier try */
		json_object_array_del_idx(r->record.workers.lost, 0, 1);
	b = close_books(r, &lost);
	if (!b)
		return -ENOMEM;
	doc = result_write(&(struct result_input){
	    .test_id = r->id,
	    .state = lifecycle_word(state),
	    .reason = reason,
	    .plan = r->plan,
	    .plan_as_given = r->record.plan,
	    .books = b,
	    .health = &health,
	    .submitted = r->record.submitted_at,
	    .started = r->record.started_at,
	    .ended = r->record.ended_at,
	    .elapsed = elapsed(r),
	    .planned = r->test.setup.workers,
	    .armed = r->record.workers.armed,
	    .reported = merger_count(r->merger),
	    .audit = judge_audit(r, &b->ledger),
	    .audit_counted = r->audited,
	});
	books_free(b);
	good = doc && put_history(doc, r) && put_clock(doc, r) && put_missing(doc, r, lost);
	doc = doc_close(doc, good);
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
