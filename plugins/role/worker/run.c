/* run.c - one load from its plan to its result. */
#include "run.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "core/base/result_exit.h"
#include "core/base/result_text.h"
#include "figures.h"
#include "output.h"
#include "plugins/common/digest.h"
#include "plugins/common/doc.h"
#include "plugins/common/mask.h"
#include "plugins/common/result.h"
#include "plugins/common/threshold_watch.h"

#define RUN_MAGIC 0x72756e21u
#define RUN_DETAIL 480
#define RUN_LEAD (20 * SQ_MS) /* from the decision to T0: time to write the headline and the first marks */

struct run {
	uint32_t magic;
	struct run_setup set;
	struct drive *drive;
	bool over;
	char test_id[UUID_TEXT];
	struct slots slots;
	int64_t t0, load_at; /* monotonic ns, 0 before; load_at: behind the warm-up */
	int64_t submitted, started; /* Unix ms */
	/* How it ends, once that is decided before its time; NULL: it is not, or without a reason. */
	const char *state, *reason;
	char detail[RUN_DETAIL];

	struct sq_timer second; /* to the next look */
	struct figures figures;
	/* A thread's while it looks. */
	struct sq_work look;
	bool looking;
	int64_t seconds; /* of the load, so far */
	struct report report;
	struct threshold_watch *watch;
	enum watch_verdict verdict;
	char words[RUN_DETAIL];
};

static struct run *run_of(void *owner)
{
	struct run *r = owner;

	assert(r && r->magic == RUN_MAGIC);
	return r;
}

/* --- what is seen of it ---------------------------------------------------------------------- */

/* What was taken, added up; whether it ends the test, and a line about it. Waiting for the last answers is no
 * part of the load: no window reaches into it. */
static void run_add(struct run *r)
{
	int64_t at = r->seconds * SQ_S;

	figures_add(&r->figures, &r->report);
	at = at < r->report.elapsed ? at : r->report.elapsed;
	r->verdict = at > 0 ? threshold_watch_look(r->watch, r->report.books, at, r->words, sizeof r->words)
	                    : WATCH_GOES_ON;
}

/* --- the end --------------------------------------------------------------------------------- */

/* The result on standard output; in text a run that never began says nothing but its error line.
 * 0 or negative errno. */
static int run_print(const struct run *r, struct json_object *doc)
{
	const int format = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	struct buf text = {0};
	const char *json;
	int rc = 0;

	if (r->set.output == RUN_JSON) {
		json = json_object_to_json_string_ext(doc, format);
		if (json)
			buf_printf(&text, "%s\n", json);
		else
			rc = -ENOMEM;
	} else if (r->t0) {
		result_text(doc, output_is_terminal(), &text);
	}
	if (buf_failed(&text))
		rc = -ENOMEM;
	if (rc == 0)
		rc = output_write(text.data, text.len);
	buf_free(&text);
	return rc;
}

/* Writes the document and prints it; the exit code it asks for. */
static int run_tell(const struct run *r, const struct result_input *in)
{
	struct json_object *doc = result_write(in);
	int rc, code = RESULT_EXIT_STOPPED;

	if (doc && *r->detail)
		doc = doc_close(doc, doc_put_foreign(doc, "detail", r->detail, strlen(r->detail)));
	rc = doc ? run_print(r, doc) : -ENOMEM;
	if (rc < 0)
		SQ_ERROR(r->set.host, SQ_KV({"test", r->test_id}),
		         "the result cannot be written to standard output: %s", strerror(-rc));
	else
		code = result_exit_code(doc, r->set.strict, r->set.allow_invalid);
	json_object_put(doc);
	return code;
}

/* Everything has ended, and no thread looks any more. */
static void run_conclude(struct run *r)
{
	const struct sq_host *h = r->set.host;
	struct report *all = &r->report;
	struct result_input in;

	r->seconds = INT64_MAX / SQ_S; /* all that came of it */
	figures_take(&r->figures, r->drive);
	run_add(r);
	mask_samples(r->set.plan, all->books);
	if (!books_closed(all->books))
		SQ_ERROR(h, SQ_KV({"test", r->test_id}),
		         "the ledger does not balance: this is a bug of squall, please report it");
	in = (struct result_input){.test_id = r->test_id,
	                           .state = r->state ? r->state : "completed",
	                           .reason = r->reason,
	                           .plan = r->set.plan,
	                           .books = all->books,
	                           .warmup = all->warmup,
	                           .requests = (const struct books *const *)all->requests,
	                           .request_count = all->request_count,
	                           .health = &all->health,
	                           .submitted = r->submitted,
	                           .started = r->started,
	                           .ended = h->wall(h->ctx),
	                           .elapsed = all->elapsed,
	                           .planned = 1,
	                           .armed = r->t0 != 0,
	                           .reported = r->t0 != 0,
	                           .clock_error = -1,
	                           .start_skew = -1,
	                           .audit = "n/a",
	                           .watch = r->watch};
	r->set.over(r->set.owner, run_tell(r, &in));
}

static void run_end(struct run *r)
{
	r->over = true;
	r->set.host->timer_stop(r->set.host->ctx, &r->second);
	if (!r->looking)
		run_conclude(r);
}

static void run_ended(void *owner)
{
	run_end(run_of(owner));
}

static void run_decide(struct run *r, const char *state, const char *reason, const char *detail)
{
	r->state = state;
	r->reason = reason;
	snprintf(r->detail, sizeof r->detail, "%s", detail);
}

static void run_fail(struct run *r, const char *reason, const char *text)
{
	SQ_ERROR(r->set.host, SQ_KV({"test", r->test_id}), "%s", text);
	run_decide(r, "failed", reason, text);
	run_end(r);
}

/* --- each second ----------------------------------------------------------------------------- */

static int run_look(struct sq_work *w)
{
	struct run *r = sq_container(w, struct run, look);

	run_add(r);
	figures_show(&r->figures, &r->report, r->seconds * SQ_S);
	return 0;
}

/* Nothing more is sent; run_ended() follows, or runs inside when nothing had begun. The first reason stays.
 */
static void run_stop(struct run *r, const char *state, const char *reason, const char *detail)
{
	if (r->state || r->over)
		return;
	run_decide(r, state, reason, detail);
	r->set.host->timer_stop(r->set.host->ctx, &r->second);
	drive_stop(r->drive);
}

/* Who waits for the last answers only has done what was asked, and is not ended for it. */
static void run_looked(struct sq_op *op, int status)
{
	struct run *r = sq_container(op, struct run, look.op);
	const struct sq_host *h = r->set.host;

	r->looking = false;
	if (status < 0) /* no thread could be started */
		run_look(&r->look);
	if (r->over) {
		run_conclude(r);
	} else if (r->verdict != WATCH_GOES_ON && !r->state &&
	           h->now(h->ctx) < r->t0 + drive_span(r->drive)) {
		SQ_WARN(h, SQ_KV({"test", r->test_id}), "state=draining reason=%s: %s",
		        watch_reason[r->verdict], r->words);
		run_stop(r, "failed", watch_reason[r->verdict], r->words);
	}
}

/* Adding up takes longer than a request may wait. */
static void run_look_later(struct run *r)
{
	const struct sq_host *h = r->set.host;

	figures_take(&r->figures, r->drive);
	r->looking = true;
	r->look = (struct sq_work){
	    .op.done = run_looked, .run = run_look, .what = "look", .lane = SQ_LANE_CPU};
	h->work(h->ctx, &r->look);
}

static void run_second(struct sq_timer *t)
{
	struct run *r = sq_container(t, struct run, second);
	const struct sq_host *h = r->set.host;
	int64_t since = h->now(h->ctx) - r->load_at, seconds = since / SQ_S;

	h->timer_start(h->ctx, t, SQ_S - since % SQ_S);
	if (r->looking || seconds <= r->seconds)
		return;
	r->seconds = seconds;
	run_look_later(r);
}

/* --- the load -------------------------------------------------------------------------------- */

static int run_deal(struct run *r)
{
	int rc = slots_init(&r->slots, 1);

	if (rc == 0)
		slots_deal(&r->slots, 0, 1);
	return rc;
}

static void run_load(struct run *r)
{
	const struct sq_host *h = r->set.host;
	const struct plan *plan = r->set.plan;
	int64_t t0 = clock_now() + RUN_LEAD;
	char load[TEXT_MAX * 2];

	if (run_deal(r) < 0 || drive_start(r->drive, &r->slots, SCHEDULE_NEVER, t0) < 0) {
		run_fail(r, "out_of_memory", "not enough memory or file descriptors to begin the load");
		return;
	}
	r->t0 = t0;
	r->load_at = t0 + plan->warmup;
	r->started = h->wall(h->ctx) + RUN_LEAD / SQ_MS;
	SQ_INFO(h, SQ_KV({"test", r->test_id}), "state=running load=\"%s\" timer=%s addresses=%u",
	        plan_load_text(plan, load), plan_timer_name[drive_timer(r->drive)],
	        drive_addresses(r->drive));
	if (r->set.output == RUN_TEXT)
		figures_headline(&r->figures, plan, r->test_id);
	h->timer_start(h->ctx, &r->second, RUN_LEAD + plan->warmup + SQ_S);
}

static void run_prepared(void *owner, const char *reason, const char *detail)
{
	struct run *r = run_of(owner);

	if (reason)
		run_fail(r, reason, detail);
	else
		run_load(r);
}

/* --- life ------------------------------------------------------------------------------------ */

static int run_prepare_memory(struct run *r)
{
	int rc = figures_open(&r->figures, r->set.plan);

	r->watch = rc < 0 ? NULL : threshold_watch_new(r->set.plan);
	if (rc == 0 && !r->watch)
		rc = -ENOMEM;
	return rc < 0 ? rc : uuid_random(r->test_id);
}

int run_start(const struct run_setup *setup, struct run **ret, struct sq_err *err)
{
	const struct sq_host *h = setup->host;
	struct run *r = calloc(1, sizeof *r);
	struct drive_setup drive;
	int rc;

	if (!r)
		return sq_fail(err, -ENOMEM, "not enough memory for a run");
	r->magic = RUN_MAGIC;
	r->set = *setup;
	r->second.fire = run_second;
	r->submitted = h->wall(h->ctx);
	rc = run_prepare_memory(r);
	drive = (struct drive_setup){.host = h,
	                             .plan = setup->plan,
	                             .test_id = r->test_id,
	                             .accounts = &r->figures.accounts,
	                             .prepared = run_prepared,
	                             .ended = run_ended,
	                             .owner = r};
	rc = rc < 0 ? sq_fail(err, rc, "cannot begin the run (%s)", strerror(-rc))
	            : drive_new(&drive, &r->drive, err);
	if (rc < 0) {
		run_free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void run_cancel(struct run *r)
{
	assert(r->magic == RUN_MAGIC);
	run_stop(r, "cancelled", "stopped", "");
}

void run_free(struct run *r)
{
	if (!r)
		return;
	r->set.host->timer_stop(r->set.host->ctx, &r->second);
	drive_free(r->drive);
	figures_close(&r->figures);
	threshold_watch_free(r->watch);
	slots_free(&r->slots);
	r->magic = 0;
	free(r);
}
