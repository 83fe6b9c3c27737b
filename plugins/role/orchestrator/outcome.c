/* outcome.c - what is written at the end: the merged books, what nobody can know, and the result. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "plugins/common/doc.h"
#include "plugins/common/result.h"
#include "run.h"

/* How long the load ran. In the closed model its end is when a worker started the last request. */
static int64_t elapsed(const struct run *r)
{
	int64_t end = r->stopped ? r->stopped : orchestrator_now(r->o), longest = 0;

	if (!r->test.committed || end <= run_load_at(r))
		return 0;
	end -= run_load_at(r);
	for (uint32_t i = 0; r->schedule.closed && i < merger_count(r->merger); i++) {
		int64_t one = merger_at(r->merger, i)->elapsed;

		longest = one > longest ? one : longest;
	}
	end = longest > 0 && longest < end ? longest : end;
	return end < r->schedule.end ? end : r->schedule.end;
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

/* The ticks of a place in [from, to): known is what its last report has of them. */
static void book_range(struct run *r, const struct worker *w, const struct books *known, uint64_t from,
                       uint64_t to, struct books *b)
{
	uint64_t all = slots_count_ticks(&r->slots, from, to), due = all,
	         was = known ? known->ledger.scheduled : 0;

	if (w->final) {
		due = 0; /* it said all there was */
	} else if (w->gone) {
		uint64_t until = schedule_ticks_until(&r->schedule, w->gone_at - r->test.t0);

		due = until > from ? slots_count_ticks(&r->slots, from, until < to ? until : to) : 0;
	}
	was = was < all ? was : all;
	due = due > was ? due : was;
	books_lose(b, due - was, all - due);
}

/*
 * The ticks of a place whose worker gave no final, or could not do its part: what its last report has in no
 * class and what was due before the scheduler confirmed its death nobody can know; what was due later was
 * surely not sent. In the closed model nothing was due that it did not start.
 */
static void book_lost(struct run *r, uint32_t place, struct closing *c)
{
	const struct worker *w = &r->test.workers[place];
	const struct report *last = merger_report(r->merger, w->uid);

	if (r->schedule.closed)
		return;
	slots_deal(&r->slots, place, r->test.setup.workers);
	if (c->warmup)
		book_range(r, w, last ? last->warmup : NULL, 0, r->schedule.warm, c->warmup);
	book_range(r, w, last ? last->books : NULL, r->schedule.warm, r->schedule.total, c->load);
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

/* Merged, with every tick in a class. 0 or -ENOMEM. */
static int close_books(struct run *r, struct closing *c)
{
	int status = merge_parts(r, c);

	for (uint32_t i = 0; status == 0 && r->test.committed && i < r->test.setup.workers; i++) {
		const struct worker *w = &r->test.workers[i];

		if (w->final && !*w->problem)
			continue;
		book_lost(r, i, c);
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
	    .audit = judge_audit(r, &c->load->ledger),
	    .audit_counted = r->audited,
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
