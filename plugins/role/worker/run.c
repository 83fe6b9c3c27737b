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
#include "drive.h"
#include "output.h"
#include "plugins/common/digest.h"
#include "plugins/common/mask.h"
#include "plugins/common/result.h"
#include "progress.h"

#define RUN_MAGIC 0x72756e21u
#define EXIT_FAILED 97 /* of the command line: cancelled, failed, or no result could be written */
#define RUN_LEAD (20 * SQ_MS) /* from the decision to T0: time to write the headline and the first marks */

struct run {
	uint32_t magic;
	struct run_setup set;
	struct drive *drive;
	bool cancelled, over;
	char test_id[UUID_TEXT];
	struct slots slots;
	struct accounts accounts;
	struct progress progress;
	struct sq_timer second; /* for progress */
	int64_t t0; /* monotonic ns, 0 before */
	int64_t submitted, started; /* Unix ms */
};

static struct run *run_of(void *owner)
{
	struct run *r = owner;

	assert(r && r->magic == RUN_MAGIC);
	return r;
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

/* Writes the document and puts it; the exit code it asks for. */
static int run_conclude(const struct run *r, const struct result_input *in)
{
	struct json_object *doc = result_write(in);
	int rc = doc ? run_print(r, doc) : -ENOMEM, code = EXIT_FAILED;

	if (rc < 0)
		SQ_ERROR(r->set.host, SQ_KV({"test", r->test_id}),
		         "the result cannot be written to standard output: %s", strerror(-rc));
	else
		code = result_exit_code(doc, r->set.strict, r->set.allow_invalid);
	json_object_put(doc);
	return code;
}

static void run_end(struct run *r, const char *state, const char *reason)
{
	const struct sq_host *h = r->set.host;
	struct vitals vitals;
	struct result_input in = {.test_id = r->test_id,
	                          .state = state,
	                          .reason = reason,
	                          .plan = r->set.plan,
	                          .books = r->accounts.common,
	                          .clock_error = -1,
	                          .start_skew = -1,
	                          .health = &vitals.health,
	                          .submitted = r->submitted,
	                          .started = r->started,
	                          .ended = h->wall(h->ctx),
	                          .planned = 1,
	                          .armed = r->t0 != 0,
	                          .reported = r->t0 != 0,
	                          .audit = "n/a"};

	r->over = true;
	h->timer_stop(h->ctx, &r->second);
	drive_vitals(r->drive, &vitals);
	vitals_measure(&vitals);
	in.elapsed = vitals.elapsed;
	mask_samples(r->set.plan, r->accounts.common);
	if (!books_closed(r->accounts.common))
		SQ_ERROR(h, SQ_KV({"test", r->test_id}),
		         "the ledger does not balance: this is a bug of squall, please report it");
	r->set.over(r->set.owner, run_conclude(r, &in));
}

static void run_ended(void *owner)
{
	struct run *r = run_of(owner);

	run_end(r, r->cancelled ? "cancelled" : "completed", r->cancelled ? "stopped" : NULL);
}

static void run_fail(struct run *r, const char *reason, const char *text)
{
	SQ_ERROR(r->set.host, SQ_KV({"test", r->test_id}), "%s", text);
	run_end(r, "failed", reason);
}

/* --- the load -------------------------------------------------------------------------------- */

static void run_second(struct sq_timer *t)
{
	struct run *r = sq_container(t, struct run, second);
	const struct sq_host *h = r->set.host;
	int64_t at = h->now(h->ctx) - r->t0;
	struct buf line = {0};

	progress_line(&r->progress, r->accounts.common, at, &line);
	output_try(line.data, line.len);
	buf_free(&line);
	h->timer_start(h->ctx, t, SQ_S - at % SQ_S);
}

static int run_deal(struct run *r)
{
	int rc = slots_init(&r->slots, 1);

	if (rc == 0)
		slots_deal(&r->slots, 0, 1);
	return rc;
}

static void run_headline(struct run *r)
{
	const struct sq_host *h = r->set.host;
	struct buf line = {0};

	progress_headline(r->set.plan, r->test_id, &line);
	output_try(line.data, line.len);
	buf_free(&line);
	r->progress = (struct progress){.plan = r->set.plan};
	h->timer_start(h->ctx, &r->second, RUN_LEAD + SQ_S);
}

static void run_load(struct run *r)
{
	const struct sq_host *h = r->set.host;
	int64_t t0 = clock_now() + RUN_LEAD;

	if (run_deal(r) < 0 || drive_start(r->drive, &r->slots, SCHEDULE_NEVER, t0) < 0) {
		run_fail(r, "out_of_memory", "not enough memory or file descriptors to begin the load");
		return;
	}
	r->t0 = t0;
	r->started = h->wall(h->ctx) + RUN_LEAD / SQ_MS;
	SQ_INFO(h, SQ_KV({"test", r->test_id}), "state=running requests=%llu timer=%s addresses=%u",
	        (unsigned long long)drive_total(r->drive), plan_timer_name[drive_timer(r->drive)],
	        drive_addresses(r->drive));
	if (r->set.output == RUN_TEXT)
		run_headline(r);
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
	rc = accounts_init(&r->accounts, setup->plan);
	rc = rc < 0 ? rc : uuid_random(r->test_id);
	drive = (struct drive_setup){.host = h,
	                             .plan = setup->plan,
	                             .test_id = r->test_id,
	                             .accounts = &r->accounts,
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
	const struct sq_host *h = r->set.host;

	assert(r->magic == RUN_MAGIC);
	if (r->cancelled || r->over)
		return;
	r->cancelled = true;
	h->timer_stop(h->ctx, &r->second);
	drive_stop(r->drive);
}

void run_free(struct run *r)
{
	if (!r)
		return;
	r->set.host->timer_stop(r->set.host->ctx, &r->second);
	drive_free(r->drive);
	accounts_free(&r->accounts);
	slots_free(&r->slots);
	r->magic = 0;
	free(r);
}
