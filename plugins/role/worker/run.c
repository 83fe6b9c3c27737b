/* run.c - one load from its plan to its result. */
#include "run.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "plugins/common/address.h"
#include "clock.h"
#include "core/base/result_text.h"
#include "engine.h"
#include "machine.h"
#include "output.h"
#include "pacer.h"
#include "plugins/common/result.h"
#include "progress.h"
#include "reach.h"
#include "request.h"

#define RUN_MAGIC 0x72756e21u
#define EXIT_FAILED 97 /* of the command line: cancelled or failed */
#define RUN_LEAD (20 * SQ_MS) /* from the decision to T0: time to write the headline and the first marks */
#define RUN_REACH_MAX (10 * SQ_S) /* longest wait for an address to accept */
#define RUN_CANCEL_DRAIN (2 * SQ_S) /* longest wait for answers once it was cancelled */

enum run_stage { RUN_RESOLVING, RUN_REACHING, RUN_LOADING, RUN_OVER };

struct run {
	uint32_t magic;
	struct run_setup set;
	enum run_stage stage;
	bool cancelled;
	char test_id[37];

	struct sq_work resolve;
	struct sq_err resolve_err;
	struct addresses addresses;
	struct reach reach;

	struct buf request;
	struct schedule schedule;
	struct slots slots;
	struct books *books;
	struct engine *engine;
	enum plan_timer timer; /* what the plan's became on this machine */
	struct progress progress;
	struct sq_timer second; /* for progress */
	struct sq_timer limit; /* the end of the schedule or of the drain */
	struct machine_marks marks;

	int64_t t0; /* monotonic ns */
	int64_t stopped; /* monotonic ns: the end of the schedule, or cancelled */
	int64_t submitted, started; /* Unix ms */
};

static struct run *run_of(void *owner)
{
	struct run *r = owner;

	assert(r && r->magic == RUN_MAGIC);
	return r;
}

/* A random UUID (RFC 9562, 5.4). */
static int run_name(char out[37])
{
	unsigned char b[16];

	if (getrandom(b, sizeof b, 0) != sizeof b)
		return -EIO;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	for (int i = 0, at = 0; i < 16; i++)
		at += sprintf(out + at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	return 0;
}

/* --- the end --------------------------------------------------------------------------------- */

static void run_stop_timers(struct run *r)
{
	const struct sq_host *h = r->set.host;

	h->timer_stop(h->ctx, &r->second);
	h->timer_stop(h->ctx, &r->limit);
}

/* Over the time of the load: a long wait for the last answers would thin out what happened in it. */
static void run_health(struct run *r, struct health *health)
{
	struct machine_marks now;

	machine_read("", clock_now(), &now);
	machine_between(&r->marks, &now, health);
	engine_health(r->engine, health);
	health->elapsed = r->stopped > r->t0 ? r->stopped - r->t0 : 0;
}

/* The result on standard output; in text a run that never began says nothing but its error line.
 * 0 or -ENOMEM. */
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
	} else if (r->engine) {
		result_text(doc, output_is_terminal(), &text);
	}
	if (buf_failed(&text))
		rc = -ENOMEM;
	if (rc == 0)
		output_write(text.data, text.len);
	buf_free(&text);
	return rc;
}

/* Writes the document and puts it; the exit code it asks for. */
static int run_conclude(const struct run *r, const struct result_input *in)
{
	struct json_object *doc = result_write(in);
	int code = EXIT_FAILED;

	if (!doc || run_print(r, doc) < 0)
		SQ_ERROR(r->set.host, SQ_KV({"test", r->test_id}), "no memory left to write the result");
	else
		code = result_exit_code(doc, r->set.strict, r->set.allow_invalid);
	json_object_put(doc);
	return code;
}

static void run_end(struct run *r, const char *state, const char *reason)
{
	const struct sq_host *h = r->set.host;
	struct health health = {.elapsed = 0,
	                        .cpu = -1,
	                        .throttled = -1,
	                        .run_queue = -1,
	                        .steal = -1,
	                        .loop_lag_p99 = -1,
	                        .retransmits = -1,
	                        .segments = -1};
	struct result_input in = {.test_id = r->test_id,
	                          .state = state,
	                          .reason = reason,
	                          .plan = r->set.plan,
	                          .books = r->books,
	                          .health = &health,
	                          .submitted = r->submitted,
	                          .started = r->started,
	                          .ended = h->wall(h->ctx),
	                          .planned = 1,
	                          .audit = "n/a"};

	r->stage = RUN_OVER;
	run_stop_timers(r);
	if (r->engine) {
		engine_close(r->engine);
		run_health(r, &health);
		in.elapsed = health.elapsed;
		in.armed = in.reported = 1;
	}
	if (!books_closed(r->books))
		SQ_ERROR(h, SQ_KV({"test", r->test_id}),
		         "the ledger does not balance: this is a bug of squall, please report it");
	r->set.over(r->set.owner, run_conclude(r, &in));
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

	progress_line(&r->progress, r->books, at, &line);
	output_try(line.data, line.len);
	buf_free(&line);
	h->timer_start(h->ctx, t, SQ_S - at % SQ_S);
}

static void run_limit(struct sq_timer *t)
{
	struct run *r = sq_container(t, struct run, limit);

	run_end(r, r->cancelled ? "cancelled" : "completed", r->cancelled ? "stopped" : NULL);
}

/* The schedule lasts for its whole duration, also behind the last request; then answers are
 * awaited. */
static void run_scheduled(void *owner)
{
	struct run *r = run_of(owner);
	const struct sq_host *h = r->set.host;
	int64_t now = h->now(h->ctx), end = r->t0 + r->set.plan->duration;

	if (r->cancelled)
		return;
	r->stopped = now > end ? now : end;
	h->timer_start(h->ctx, &r->limit, r->stopped - now + r->set.plan->drain);
}

static void run_ended(void *owner)
{
	struct run *r = run_of(owner);
	const struct sq_host *h = r->set.host;
	int64_t now = h->now(h->ctx);

	h->timer_start(h->ctx, &r->limit, r->stopped > now ? r->stopped - now : 0);
}

static int run_prepare(struct run *r)
{
	const struct plan *plan = r->set.plan;
	struct engine_setup setup = {.loop = r->set.host->loop,
	                             .plan = plan,
	                             .schedule = &r->schedule,
	                             .slots = &r->slots,
	                             .addresses = &r->addresses,
	                             .books = r->books,
	                             .scheduled = run_scheduled,
	                             .ended = run_ended,
	                             .owner = r};
	int rc;

	r->timer = setup.timer = pacer_mode((enum plan_timer)plan->timer, machine_whole_cpu(""));
	rc = request_render(plan, r->set.host->version, r->test_id, &r->request);

	if (rc < 0)
		return rc;
	schedule_constant(&r->schedule, plan->rate, plan->duration);
	rc = slots_init(&r->slots, 1);
	if (rc < 0)
		return rc;
	slots_deal(&r->slots, 0, 1);
	setup.until_tick = r->schedule.total;
	setup.request = (struct sq_slice){r->request.data, r->request.len};
	setup.t0 = r->t0 = r->books->t0 = clock_now() + RUN_LEAD;
	return engine_new(&setup, &r->engine);
}

static void run_load(struct run *r)
{
	const struct sq_host *h = r->set.host;
	struct buf line = {0};

	r->stage = RUN_LOADING;
	if (run_prepare(r) < 0) {
		run_fail(r, "out_of_memory", "not enough memory or file descriptors to begin the load");
		return;
	}
	r->started = h->wall(h->ctx) + RUN_LEAD / SQ_MS;
	SQ_INFO(h, SQ_KV({"test", r->test_id}), "state=running requests=%llu timer=%s addresses=%u",
	        (unsigned long long)r->schedule.total, plan_timer_name[r->timer], r->addresses.count);
	if (r->set.output == RUN_TEXT) {
		progress_headline(r->set.plan, r->test_id, &line);
		output_try(line.data, line.len);
		buf_free(&line);
		r->progress = (struct progress){.plan = r->set.plan};
		h->timer_start(h->ctx, &r->second, RUN_LEAD + SQ_S);
	}
	machine_read("", clock_now(), &r->marks);
}

/* --- before the load ------------------------------------------------------------------------- */

/* "connection refused": the system's words, without their capital. */
static const char *run_error_text(int error, char *out, size_t size)
{
	snprintf(out, size, "%s", strerror(error));
	if (out[0] >= 'A' && out[0] <= 'Z' && out[1] >= 'a')
		out[0] += 'a' - 'A';
	return out;
}

static void run_unreachable(struct run *r)
{
	const struct url *url = &r->set.plan->url;
	struct buf text = {0};
	char why[64];

	for (uint32_t i = 0; i < r->addresses.count; i++)
		buf_printf(&text, "%s%s%s%s", i ? ", " : "", url->numeric ? "" : r->addresses.list[i].text,
		           url->numeric ? "" : " ", run_error_text(r->reach.tries[i].error, why, sizeof why));
	SQ_ERROR(r->set.host, SQ_KV({"test", r->test_id}),
	         "cannot connect to %s%s%s:%u (%s): is the target running there?",
	         strchr(url->host, ':') ? "[" : "", url->host, strchr(url->host, ':') ? "]" : "", url->port,
	         text.data ? text.data : "");
	buf_free(&text);
	run_end(r, "failed", "target_unreachable");
}

static void run_reached(struct reach *reach)
{
	struct run *r = sq_container(reach, struct run, reach);
	struct addresses accepted;
	char why[64];

	reach_accepted(reach, &accepted);
	if (accepted.count == 0) {
		run_unreachable(r);
		return;
	}
	for (uint32_t i = 0; i < r->addresses.count; i++)
		if (reach->tries[i].error)
			SQ_WARN(r->set.host, SQ_KV({"test", r->test_id}), "address %s is left out (%s)",
			        r->addresses.list[i].text,
			        run_error_text(reach->tries[i].error, why, sizeof why));
	r->addresses = accepted;
	run_load(r);
}

static int run_resolve(struct sq_work *w)
{
	struct run *r = sq_container(w, struct run, resolve);

	return address_resolve(r->set.plan->url.host, r->set.plan->url.port, &r->addresses, &r->resolve_err);
}

static void run_resolved(struct sq_op *op, int status)
{
	struct run *r = sq_container(op, struct run, resolve.op);
	int64_t timeout = r->set.plan->timeout;

	if (r->cancelled) {
		run_end(r, "cancelled", "stopped");
	} else if (status < 0) {
		run_fail(r, "target_unreachable", r->resolve_err.text);
	} else {
		r->stage = RUN_REACHING;
		r->reach.loop = r->set.host->loop;
		r->reach.all = &r->addresses;
		r->reach.done = run_reached;
		reach_start(&r->reach, timeout < RUN_REACH_MAX ? timeout : RUN_REACH_MAX);
	}
}

/* --- life ------------------------------------------------------------------------------------ */

/* As many connections as the system lets us have. */
static void run_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int run_start(const struct run_setup *setup, struct run **ret, struct sq_err *err)
{
	const struct sq_host *h = setup->host;
	struct run *r = calloc(1, sizeof *r);
	int rc = -ENOMEM;

	if (!r)
		return sq_fail(err, rc, "not enough memory for a run");
	r->magic = RUN_MAGIC;
	r->set = *setup;
	r->books = books_new(0);
	if (r->books)
		rc = run_name(r->test_id);
	if (rc == 0) {
		run_raise_files();
		r->submitted = h->wall(h->ctx);
		r->second.fire = run_second;
		r->limit.fire = run_limit;
		r->resolve = (struct sq_work){
		    .op.done = run_resolved, .run = run_resolve, .what = "name lookup", .lane = SQ_LANE_NET};
		rc = h->work(h->ctx, &r->resolve);
	}
	if (rc < 0) {
		run_free(r);
		return sq_fail(err, rc, "cannot begin the run (%s)", strerror(-rc));
	}
	*ret = r;
	return 0;
}

void run_cancel(struct run *r)
{
	const struct sq_host *h = r->set.host;
	int64_t drain = r->set.plan->drain;

	assert(r->magic == RUN_MAGIC);
	if (r->cancelled || r->stage == RUN_OVER)
		return;
	r->cancelled = true;
	switch (r->stage) {
	case RUN_RESOLVING:
		h->cancel(h->ctx, &r->resolve.op);
		break;
	case RUN_REACHING:
		reach_stop(&r->reach);
		run_end(r, "cancelled", "stopped");
		break;
	default:
		r->stopped = h->now(h->ctx);
		h->timer_stop(h->ctx, &r->second);
		h->timer_start(h->ctx, &r->limit, drain < RUN_CANCEL_DRAIN ? drain : RUN_CANCEL_DRAIN);
		engine_stop(r->engine);
	}
}

void run_free(struct run *r)
{
	if (!r)
		return;
	if (r->stage != RUN_OVER)
		run_stop_timers(r);
	if (r->stage == RUN_REACHING)
		reach_stop(&r->reach);
	engine_free(r->engine);
	books_free(r->books);
	slots_free(&r->slots);
	buf_free(&r->request);
	r->magic = 0;
	free(r);
}
