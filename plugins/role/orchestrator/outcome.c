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

/*
 * The ticks of a place whose worker gave no final, or could not do its part: what its last report has in no
 * class and what was due before the scheduler confirmed its death nobody can know; what was due later was
 * surely not sent.
 */
static void book_lost(struct run *r, uint32_t place, struct books *b)
{
	const struct worker *w = &r->test.workers[place];
	const struct report *last = merger_report(r->merger, w->uid);
	uint64_t known = last ? last->books->ledger.scheduled : 0, all, due;

	slots_deal(&r->slots, place, r->test.setup.workers);
	all = slots_count_ticks(&r->slots, 0, r->schedule.total);
	due = all;
	if (w->final)
		due = 0; /* it said all there was */
	else if (w->gone)
		due = slots_count_ticks(&r->slots, 0,
		                        schedule_ticks_until(&r->schedule, w->gone_at - r->test.t0));
	known = known < all ? known : all;
	due = due > known ? due : known;
	books_lose(b, due - known, all - due);
}

/* Merged, with every tick in a class. NULL without memory. */
static struct books *close_books(struct run *r, uint32_t *ret_lost)
{
	struct books *b = books_new(0);

	*ret_lost = 0;
	if (!b)
		return NULL;
	books_merge(b, merger_books(r->merger));
	for (uint32_t i = 0; r->test.committed && i < r->test.setup.workers; i++) {
		const struct worker *w = &r->test.workers[i];

		if (w->final && !*w->problem)
			continue;
		book_lost(r, i, b);
		++*ret_lost;
		if (record_lose_worker(&r->record, *w->uid ? w->uid : "?") < 0) {
			books_free(b);
			return NULL;
		}
	}
	books_lose(b, 0, 0);
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

/* A test that lost workers is not the one that was asked for. */
static bool put_missing(struct json_object *doc, const struct run *r, uint32_t lost)
{
	struct json_object *validity = member(doc, "validity"), *reason;
	char value[TEXT_MAX];
	bool good;

	if (lost == 0)
		return true;
	snprintf(value, sizeof value, "%u of %u", (unsigned)lost, (unsigned)r->test.setup.workers);
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
	    .watch = r->watch,
	});
	books_free(b);
	good = doc && put_history(doc, r) && put_clock(doc, r) && put_missing(doc, r, lost);
	doc = doc_close(doc, good);
	return doc ? keep(r, doc) : -ENOMEM;
}
