/* result.c - closed books and their circumstances as the result document. */
#include "result.h"

#include <json-c/json.h>
#include <string.h>

#include "core/base/text.h"
#include "doc.h"
#include "core/base/schedule.h"
#include "threshold_watch.h"

typedef unsigned __int128 u128;

/* --- latencies ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	double percent;
} percentiles[] = {
    {"p50", 50}, {"p90", 90}, {"p95", 95}, {"p99", 99}, {"p99_9", 99.9}, {"p99_99", 99.99},
};

/* The value, or null when nothing was measured. */
static bool put_measured(struct json_object *o, const char *name, const struct hist *h, int64_t ns)
{
	return h->count ? doc_put_decimal(o, name, ns, 6) : doc_put_null(o, name);
}

static struct json_object *write_hist(const struct hist *h)
{
	struct json_object *o = json_object_new_object();
	bool good = doc_put_count(o, "count", h->count) && doc_put_count(o, "censored", h->censored) &&
	            put_measured(o, "min", h, h->min) &&
	            put_measured(o, "mean", h, (int64_t)(hist_mean(h) + 0.5));

	for (size_t i = 0; good && i < SQ_LEN(percentiles); i++)
		good = hist_can_tell(h->count, percentiles[i].percent)
		           ? put_measured(o, percentiles[i].name, h,
		                          hist_percentile(h, percentiles[i].percent))
		           : doc_put_null(o, percentiles[i].name);
	return doc_close(o, good && put_measured(o, "max", h, h->max));
}

static struct json_object *write_hists(const struct books *b, int from, int to)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (int i = from; good && i < to; i++)
		good = doc_put(o, books_hist_name[i], write_hist(b->hist[i]));
	return doc_close(o, good);
}

/* --- samples --------------------------------------------------------------------------------- */

static struct json_object *write_phases(const struct sample *s)
{
	struct json_object *o = json_object_new_object();
	int64_t receive = s->first_byte < 0 ? -1 : s->service - s->first_byte;

	return doc_close(o, doc_put_ms(o, "pickup", s->pickup) && doc_put_ms(o, "wait", s->wait) &&
	                        doc_put_ms(o, "dns", s->dns) && doc_put_ms(o, "connect", s->connect) &&
	                        doc_put_ms(o, "tls", s->tls) && doc_put_ms(o, "first_byte", s->first_byte) &&
	                        doc_put_ms(o, "receive", receive));
}

static struct json_object *write_sample(const struct result_input *in, const struct sample *s)
{
	struct json_object *o = json_object_new_object();
	bool good =
	    doc_put_ms(o, "offset_ms", s->offset) && doc_put_ms(o, "response_ms", s->response) &&
	    doc_put_ms(o, "service_ms", s->service) && doc_put(o, "phases_ms", write_phases(s)) &&
	    (s->status ? doc_put_count(o, "status", (uint64_t)s->status) : doc_put_null(o, "status")) &&
	    doc_put_text(o, "request",
	                 s->request < in->plan->request_count ? in->plan->requests[s->request].name : NULL) &&
	    doc_put_text(o, "worker", *s->worker ? s->worker : NULL) &&
	    doc_put_foreign(o, "address", s->address, strnlen(s->address, sizeof s->address)) &&
	    doc_put_foreign(o, "what", s->what, strnlen(s->what, sizeof s->what)) &&
	    doc_put_foreign(o, "body", s->body, s->body_len);

	return doc_close(o, good);
}

static struct json_object *write_sample_list(const struct result_input *in, const struct sample *s,
                                             uint32_t count)
{
	struct json_object *array = json_object_new_array();
	bool good = true;

	for (uint32_t i = 0; good && i < count; i++)
		good = doc_append(array, write_sample(in, &s[i]));
	return doc_close(array, good);
}

static struct json_object *write_samples(const struct result_input *in)
{
	const struct books *b = in->books;
	struct json_object *o = json_object_new_object(), *errors = json_object_new_object();
	bool good = true;

	for (int kind = 0; good && kind < SAMPLE_KINDS; kind++)
		good = doc_put(errors, books_sample_name[kind],
		               write_sample_list(in, b->errors[kind], b->error_count[kind]));
	/* errors is taken over first, so that nothing is left behind by a failure. */
	good = doc_put(o, "errors", errors) && good &&
	       doc_put(o, "slowest", write_sample_list(in, b->slowest, b->slowest_count));
	return doc_close(o, good);
}

/* --- rates and cost -------------------------------------------------------------------------- */

/* n / d * unit with digits behind the point, rounded; null when there is nothing to divide by. */
static bool put_ratio(struct json_object *o, const char *name, int64_t n, int64_t d, uint64_t unit,
                      unsigned digits)
{
	u128 scaled;

	if (n < 0 || d <= 0)
		return doc_put_null(o, name);
	for (unsigned i = 0; i < digits; i++)
		unit *= 10;
	scaled = ((u128)n * unit + (u128)d / 2) / (u128)d;
	return scaled <= INT64_MAX ? doc_put_decimal(o, name, (int64_t)scaled, digits)
	                           : doc_put_null(o, name);
}

/*
 * The ns for which so many requests of the schedule stand, and *ret_spent for which those do that were sent.
 * A run that was stopped ended between two requests, and the last one stands for the time until the next:
 * else 1 request in the first ms of 10/s would be 1,000/s. What was sent behind the end of the schedule makes
 * the rate that was sent less, not the one asked.
 */
static int64_t asked_span(const struct result_input *in, uint64_t offered, int64_t *ret_spent)
{
	struct schedule s;
	uint64_t next;

	plan_schedule(in->plan, &s);
	next = s.warm + offered;
	*ret_spent = in->elapsed;
	if (in->elapsed >= s.end)
		return s.end;
	if (!s.closed && in->elapsed > 0)
		*ret_spent = next < s.total ? schedule_due(&s, next) - s.warmup : s.end;
	return *ret_spent;
}

static struct json_object *write_rate(const struct result_input *in, uint64_t offered)
{
	struct json_object *o = json_object_new_object();
	const struct ledger *l = &in->books->ledger;
	bool closed = in->plan->mode == PLAN_CLOSED; /* nothing was asked for but to go on */
	int64_t spent, asked = asked_span(in, offered, &spent);

	return doc_close(o, put_ratio(o, "offered", closed ? -1 : (int64_t)offered, asked, SQ_S, 6) &&
	                        put_ratio(o, "sent", (int64_t)ledger_sent(l), spent, SQ_S, 6) &&
	                        put_ratio(o, "ok", (int64_t)l->ok, spent, SQ_S, 6));
}

static struct json_object *write_generator(const struct result_input *in)
{
	struct json_object *o = json_object_new_object();
	const struct health *h = in->health;
	/* The warm-up used CPU as well. */
	int64_t sent = (int64_t)(ledger_sent(&in->books->ledger) +
	                         (in->warmup ? ledger_sent(&in->warmup->ledger) : 0));

	return doc_close(o, put_ratio(o, "cpu_us_per_request", h->cpu, sent * SQ_US, 1, 3) &&
	                        put_ratio(o, "requests_per_core_second", sent, h->cpu, SQ_S, 3) &&
	                        put_ratio(o, "cpu_percent", h->cpu, h->elapsed, 100, 2) &&
	                        put_ratio(o, "throttled_percent", h->throttled, h->elapsed, 100, 2) &&
	                        put_ratio(o, "run_queue_percent", h->run_queue, h->elapsed, 100, 2) &&
	                        put_ratio(o, "steal_percent", h->steal, h->elapsed, 100, 2) &&
	                        put_ratio(o, "retransmit_percent", h->retransmits, h->segments, 100, 2) &&
	                        doc_put_ms(o, "loop_lag_p99_ms", h->loop_lag_p99) &&
	                        doc_put_ms(o, "start_skew_ms", in->start_skew) &&
	                        doc_put_ms(o, "clock_error_ms", in->clock_error));
}

/* --- the document ---------------------------------------------------------------------------- */

/* What was due while the test ran, whether anybody looked at it or not. */
static uint64_t offered_ticks(const struct result_input *in)
{
	struct schedule s;

	plan_schedule(in->plan, &s);
	return s.closed ? in->books->ledger.scheduled : schedule_offered(&s, in->elapsed - 1);
}

/* What was found out of the whole. */
struct findings {
	struct load load;
	enum validity validity;
	bool failed; /* a threshold does not hold */
	struct json_object *reasons, *thresholds;
};

static const char *verdict(const struct result_input *in, const struct findings *f)
{
	bool completed = strcmp(in->state, "completed") == 0;

	if (!completed && (!in->reason || strcmp(in->reason, watch_reason[WATCH_THRESHOLD]) != 0))
		return "none";
	if (completed && in->books->ledger.ok == 0)
		return "fail";
	if (f->validity == INVALID || !books_closed(in->books))
		return "none";
	return f->failed || !completed ? "fail" : "pass";
}

static bool put_time(struct json_object *o, const char *name, int64_t unix_ms)
{
	char text[TEXT_MAX];

	return doc_put_text(o, name, unix_ms ? text_time(text, unix_ms) : NULL);
}

/* Who it was and how it ended. */
static bool put_identity(struct json_object *o, const struct result_input *in, const struct findings *f)
{
	return doc_put_text(o, "schema", "squall.result/1") && doc_put_text(o, "test_id", in->test_id) &&
	       doc_put_text(o, "name", in->plan->name) && doc_put_text(o, "state", in->state) &&
	       doc_put_text(o, "reason", in->reason) && doc_put(o, "history", json_object_new_array()) &&
	       doc_put_text(o, "verdict", verdict(in, f));
}

static struct json_object *write_validity(enum validity validity, struct json_object *reasons)
{
	struct json_object *o = json_object_new_object();
	bool good = doc_put(o, "reasons", reasons);

	return doc_close(o, good && doc_put_text(o, "status", validity_word(validity)));
}

static struct json_object *hidden(struct json_object *plan)
{
	return plan && plan_hide_secrets(plan) ? plan : doc_close(plan, false);
}

static struct json_object *copy_given(const struct result_input *in)
{
	return in->plan_as_given ? doc_copy(in->plan_as_given) : plan_write(in->plan);
}

static bool put_plans(struct json_object *o, const struct result_input *in)
{
	return doc_put(o, "plan", hidden(copy_given(in))) &&
	       doc_put(o, "effective_plan", hidden(plan_write(in->plan))) &&
	       put_time(o, "submitted_at", in->submitted) && put_time(o, "started_at", in->started) &&
	       put_time(o, "ended_at", in->ended) && doc_put_ms(o, "elapsed_ms", in->elapsed);
}

static struct json_object *write_workers(const struct result_input *in)
{
	struct json_object *o = json_object_new_object();

	return doc_close(
	    o, doc_put_count(o, "planned", in->planned) && doc_put_count(o, "armed", in->armed) &&
	           doc_put_count(o, "reported", in->reported) && doc_put(o, "lost", json_object_new_array()));
}

static struct json_object *write_ledger(const struct books *b)
{
	struct json_object *o = ledger_write(&b->ledger);

	return doc_close(o, doc_put(o, "balanced", json_object_new_boolean(books_closed(b))));
}

static struct json_object *write_audit(const struct result_input *in)
{
	struct json_object *o = json_object_new_object();
	bool known = strcmp(in->audit, "n/a") != 0;

	return doc_close(
	    o, doc_put_text(o, "status", in->audit) &&
	           doc_put_count(o, "sent", ledger_sent(&in->books->ledger)) &&
	           (known ? doc_put_count(o, "counted", in->audit_counted) : doc_put_null(o, "counted")));
}

/* Two counts under their names. */
static struct json_object *write_pair(const char *a, uint64_t n, const char *b, uint64_t m)
{
	struct json_object *o = json_object_new_object();

	return doc_close(o, doc_put_count(o, a, n) && doc_put_count(o, b, m));
}

static struct json_object *write_connections(const struct books *b)
{
	struct json_object *o = write_pair("opened", b->opened, "reused", b->reused);

	return doc_close(o, doc_put_count(o, "tls_full", b->tls_full) &&
	                        doc_put_count(o, "tls_resumed", b->tls_resumed));
}

static struct json_object *write_saturation(const struct result_input *in, const struct load *load)
{
	struct json_object *o = json_object_new_object();

	return doc_close(o, doc_put_text(o, "who", validity_saturated(in->books, in->health, load)));
}

static struct json_object *write_warmup(const struct books *b)
{
	struct json_object *o = json_object_new_object();

	return doc_close(o, doc_put(o, "ledger", write_ledger(b)) &&
	                        doc_put(o, "latency_ms", write_hists(b, 0, H_PHASES)));
}

static struct json_object *write_request(const struct books *b)
{
	struct json_object *o = json_object_new_object();

	return doc_close(o, doc_put(o, "ledger", write_ledger(b)) &&
	                        doc_put(o, "latency_ms", write_hists(b, 0, H_PHASES)) &&
	                        doc_put(o, "phases_ms", write_hists(b, H_FIRST_BYTE, H_COUNT)) &&
	                        doc_put(o, "status", ledger_write_statuses(b->status)));
}

static struct json_object *write_requests(const struct result_input *in)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (uint32_t i = 0; good && i < in->request_count; i++)
		if (in->requests[i])
			good = doc_put(o, in->plan->requests[i].name, write_request(in->requests[i]));
	return doc_close(o, good);
}

/* What was counted and measured. */
static bool put_measurements(struct json_object *o, const struct result_input *in, const struct findings *f)
{
	const struct books *b = in->books;

	return doc_put(o, "workers", write_workers(in)) && doc_put(o, "ledger", write_ledger(b)) &&
	       doc_put(o, "audit", write_audit(in)) && doc_put(o, "rate", write_rate(in, f->load.offered)) &&
	       (in->warmup ? doc_put(o, "warmup", write_warmup(in->warmup)) : doc_put_null(o, "warmup")) &&
	       doc_put(o, "saturation", write_saturation(in, &f->load)) &&
	       doc_put(o, "latency_ms", write_hists(b, 0, H_PHASES)) &&
	       doc_put(o, "phases_ms", write_hists(b, H_PHASES, H_COUNT)) &&
	       doc_put(o, "status", ledger_write_statuses(b->status)) &&
	       doc_put(o, "connections", write_connections(b)) &&
	       doc_put(o, "bytes", write_pair("sent", b->bytes_sent, "received", b->bytes_received)) &&
	       doc_put(o, "requests", write_requests(in)) && doc_put(o, "samples", write_samples(in)) &&
	       doc_put(o, "thresholds", json_object_get(f->thresholds)) &&
	       doc_put(o, "generator", write_generator(in));
}

static void find(const struct result_input *in, struct findings *f)
{
	f->load = (struct load){
	    .offered = offered_ticks(in),
	    .per_worker = in->planned ? (double)plan_peak_rate(in->plan) / PLAN_RATE_ONE / in->planned : 0,
	    .workers = in->planned,
	    .lost = in->lost,
	    .spared = in->spared,
	    .redistributes = in->plan->on_worker_loss == PLAN_LOSS_REDISTRIBUTE,
	    .clock_error = in->clock_error,
	    .start_skew = in->start_skew,
	    .closed = in->plan->mode == PLAN_CLOSED,
	    .rests = in->plan->think > 0,
	};

	f->validity = validity_judge(in->books, in->health, &f->load, &f->reasons);
	f->thresholds = thresholds_write(in->plan, in->watch, in->books, in->elapsed, f->validity != INVALID,
	                                 &f->failed);
}

struct json_object *result_write(const struct result_input *in)
{
	struct json_object *o = json_object_new_object();
	struct findings f;
	bool good;

	find(in, &f);
	good = put_identity(o, in, &f);
	good = doc_put(o, "validity", write_validity(f.validity, f.reasons)) && good;
	o = doc_close(o, good && f.thresholds && put_plans(o, in) && put_measurements(o, in, &f));
	json_object_put(f.thresholds);
	return o;
}
