/* session.c - carries out orders: HTTP to the orchestrator on one side, the load on the other. */
#include "session.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "figures.h"
#include "machine.h"
#include "orders.h"
#include "plugins/common/digest.h"
#include "plugins/common/fetch.h"
#include "plugins/common/mask.h"
#include "plugins/common/plan.h"

#define SESSION_MAGIC 0x73657373u
#define SESSION_REGISTER_MAX (10 * SQ_S) /* longest wait for the plan */
#define SESSION_REPORT_MAX (2 * SQ_S) /* for an answer to a report; well below what loses a worker */

struct session {
	uint32_t magic;
	struct session_setup set;
	char uid[UUID_TEXT];
	struct orders orders;
	struct sq_timer timer; /* to the next request, or the deadline */
	bool over;

	struct fetcher *fetcher;
	struct fetch rq;
	uint64_t number; /* of the request */
	const char *headers[3];
	char *bearer;
	struct buf url, body;
	bool troubled; /* said so: the orchestrator does not answer */

	/* A thread's while it writes a report. */
	struct sq_work write;
	struct report report;
	struct figures figures; /* of an empty plan until the plan comes; lines are for kubectl logs */
	bool frozen; /* the vitals are those of the end */
	bool told; /* the numbers of the end */

	struct plan *plan;
	struct drive *drive;
};

static struct session *session_of(void *owner)
{
	struct session *s = owner;

	assert(s && s->magic == SESSION_MAGIC);
	return s;
}

static int64_t session_now(const struct session *s)
{
	return s->set.host->now(s->set.host->ctx);
}

#define SESSION_KV(s) SQ_KV({"test", (s)->set.test_id}, {"worker", (s)->uid})

static void session_do(struct session *s, unsigned todo);

/* --- the load -------------------------------------------------------------------------------- */

static void session_ended(void *owner)
{
	struct session *s = session_of(owner);

	orders_ended(&s->orders, session_now(s));
	session_do(s, 0);
}

static void session_fail(struct session *s, const char *reason, const char *detail)
{
	SQ_ERROR(s->set.host, SESSION_KV(s), "%s", detail);
	session_do(s, orders_fail(&s->orders, session_now(s), reason, detail));
}

static void session_prepared(void *owner, const char *reason, const char *detail)
{
	struct session *s = session_of(owner);

	if (reason) {
		session_fail(s, reason, detail);
		return;
	}
	SQ_INFO(s->set.host, SESSION_KV(s), "state=ready timer=%s addresses=%u",
	        plan_timer_name[drive_timer(s->drive)], drive_addresses(s->drive));
	orders_prepared(&s->orders, session_now(s), drive_span(s->drive) + s->plan->drain);
	session_do(s, 0);
}

static int session_read_plan(struct session *s, struct json_object *doc, struct sq_err *err)
{
	struct plan_problems problems = {0};
	int r = doc ? plan_read(doc, NULL, &s->plan, &problems) : sq_fail(err, -EBADMSG, "no plan came");

	if (r == -EINVAL)
		sq_fail(err, r, "the plan cannot be used: %.*s", (int)strcspn(problems.text.data, "\n"),
		        problems.text.data);
	else if (r == -ENOMEM)
		sq_fail(err, r, "not enough memory for the plan");
	plan_problems_free(&problems);
	return r;
}

static void session_prepare(struct session *s, struct json_object *doc)
{
	struct drive_setup setup = {.host = s->set.host,
	                            .test_id = s->set.test_id,
	                            .accounts = &s->figures.accounts,
	                            .prepared = session_prepared,
	                            .ended = session_ended,
	                            .owner = s};
	struct sq_err err;
	int r = session_read_plan(s, doc, &err);

	setup.plan = s->plan;
	if (r == 0 && (r = figures_open(&s->figures, s->plan)) < 0)
		sq_fail(&err, r, "not enough memory for the books of this plan");
	if (r == 0)
		r = drive_new(&setup, &s->drive, &err);
	if (r < 0)
		session_fail(s, r == -ENOMEM ? "out_of_memory" : "plan_refused", err.text);
}

static void session_begin(struct session *s)
{
	struct orders *o = &s->orders;

	figures_headline(&s->figures, s->plan, s->set.test_id);
	SQ_INFO(s->set.host, SESSION_KV(s), "state=running begins_in_ms=%lld clock_error_us=%lld",
	        (long long)((o->t0 - session_now(s)) / SQ_MS), (long long)(trips_error(&o->trips) / SQ_US));
	if (drive_start(s->drive, &o->slots, o->until_tick, o->t0) < 0)
		session_fail(s, "out_of_memory", "not enough memory or file descriptors to begin the load");
}

static void session_extend(struct session *s)
{
	drive_extend(s->drive, &s->orders.slots, s->orders.until_tick);
}

static void session_stop_load(struct session *s)
{
	if (s->drive && drive_stage(s->drive) != DRIVE_OVER)
		drive_stop(s->drive);
	else
		orders_ended(&s->orders, session_now(s));
}

/* --- what is to be done ---------------------------------------------------------------------- */

static void session_exit(struct session *s)
{
	s->over = true;
	s->set.host->timer_stop(s->set.host->ctx, &s->timer);
	if (s->drive)
		drive_stop(s->drive);
	s->set.over(s->set.owner, s->orders.exit_code);
}

/* After each event: carries out what was decided, and sleeps until something is due. Whatever is done may
 * come back in here. */
static void session_do(struct session *s, unsigned todo)
{
	const struct sq_host *h = s->set.host;
	int64_t now, at;

	if (s->over)
		return;
	if (todo & ORDERS_EXIT) {
		session_exit(s);
		return;
	}
	if (todo & ORDERS_BEGIN)
		session_begin(s);
	if (todo & ORDERS_EXTEND)
		session_extend(s);
	if (todo & ORDERS_STOP)
		session_stop_load(s);
	now = session_now(s);
	at = orders_next(&s->orders);
	at = at < s->orders.deadline ? at : s->orders.deadline;
	h->timer_start(h->ctx, &s->timer, at > now ? at - now : 0);
}

/* --- answers --------------------------------------------------------------------------------- */

/* Once for each time of trouble, since a line a second would say no more. */
static void session_trouble(struct session *s, const char *url, const char *why)
{
	if (!s->troubled)
		SQ_WARN(s->set.host, SESSION_KV(s),
		        "the orchestrator at %s cannot be reported to (%s): trying again", url, why);
	s->troubled = true;
}

static void session_heard(struct session *s, const struct fetch *rq)
{
	struct answer answer;
	struct sq_err err = {.text = "not enough memory"};
	unsigned todo;

	if (control_read_answer(rq->answer, &answer, &err) < 0) {
		session_trouble(s, orders_url(&s->orders), err.text);
		session_do(s, orders_unheard(&s->orders, s->number, session_now(s)));
		return;
	}
	if (s->troubled)
		SQ_INFO(s->set.host, SESSION_KV(s), "the orchestrator at %s answers again",
		        orders_url(&s->orders));
	s->troubled = false;
	todo = orders_heard(&s->orders, s->number, session_now(s), rq->sent, rq->answered, &answer.directive);
	if (todo & ORDERS_PREPARE)
		session_prepare(s, answer.plan);
	answer_free(&answer);
	session_do(s, todo);
}

static void session_refused(struct session *s, const struct fetch *rq)
{
	char url[ORDERS_URL_MAX], why[64];
	unsigned todo;

	snprintf(url, sizeof url, "%s", orders_url(&s->orders));
	snprintf(why, sizeof why, "status %d", rq->status);
	todo = orders_refused(&s->orders, s->number, session_now(s), rq->status, rq->location);
	if (todo & ORDERS_EXIT && rq->status == 410)
		SQ_INFO(s->set.host, SESSION_KV(s), "the test is over, or has no place for this worker");
	else if (todo & ORDERS_EXIT)
		SQ_ERROR(s->set.host, SESSION_KV(s), "the orchestrator at %s refuses this worker: wrong %s",
		         url, rq->status == 401 ? "token (SQUALL_TOKEN)" : "plan");
	else if (rq->status != 307)
		session_trouble(s, url, why);
	session_do(s, todo);
}

static void session_answered(struct sq_op *op, int status)
{
	struct session *s = sq_container(op, struct session, rq.op);

	if (status == 0 && s->rq.status == 200) {
		session_heard(s, &s->rq);
	} else if (status == 0) {
		session_refused(s, &s->rq);
	} else {
		session_trouble(s, orders_url(&s->orders), s->rq.why);
		session_do(s, orders_unheard(&s->orders, s->number, session_now(s)));
	}
}

/* --- requests -------------------------------------------------------------------------------- */

/* Body holds what is to be posted, or could not. */
static void session_post(struct session *s, int r, int64_t timeout, const char *uid)
{
	buf_reset(&s->url);
	buf_printf(&s->url, "%s/control/tests/%s/workers%s%s", orders_url(&s->orders), s->set.test_id,
	           *uid ? "/" : "", uid);
	s->rq = (struct fetch){.op = {.done = session_answered, .timeout = timeout},
	                       .method = "POST",
	                       .url = s->url.data,
	                       .headers = s->headers,
	                       .body = {s->body.data, s->body.len},
	                       .max_answer = CONTROL_TEXT_MAX};
	if (r == 0)
		r = buf_failed(&s->url) ? -ENOMEM : fetch_start(s->fetcher, &s->rq);
	if (r < 0) {
		session_trouble(s, orders_url(&s->orders), strerror(-r));
		session_do(s, orders_unheard(&s->orders, s->number, session_now(s)));
	}
}

static void session_register(struct session *s)
{
	const struct sq_host *h = s->set.host;
	struct registration reg = {.wall = h->wall(h->ctx) * SQ_MS};
	int64_t quota = machine_cpu_quota("");
	struct rlimit files;

	snprintf(reg.uid, sizeof reg.uid, "%s", s->uid);
	snprintf(reg.name, sizeof reg.name, "%s", s->set.name);
	snprintf(reg.version, sizeof reg.version, "%s", h->version);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur <= INT32_MAX)
		reg.files = (int64_t)files.rlim_cur;
	reg.cpus = quota >= 0 ? quota : sysconf(_SC_NPROCESSORS_ONLN) * 1000;
	buf_reset(&s->body);
	session_post(s, control_write_registration(&reg, &s->body), SESSION_REGISTER_MAX, "");
}

static int session_write(struct sq_work *w)
{
	struct session *s = sq_container(w, struct session, write);

	figures_add(&s->figures, &s->report);
	if (s->plan)
		mask_samples(s->plan, s->report.books);
	figures_show(&s->figures, &s->report, s->report.elapsed);
	return report_write(&s->report, &s->body);
}

static void session_tell(struct session *s)
{
	const struct ledger *l = &s->report.books->ledger;

	if (s->told || !s->figures.progress.plan || s->report.seq != s->orders.final_seq)
		return;
	s->told = true;
	SQ_INFO(s->set.host, SESSION_KV(s),
	        "result of this worker: scheduled=%llu sent=%llu ok=%llu http_errors=%llu errors=%llu "
	        "unsent=%llu "
	        "dropped=%llu",
	        (unsigned long long)l->scheduled, (unsigned long long)ledger_sent(l),
	        (unsigned long long)l->ok, (unsigned long long)ledger_http_errors(l),
	        (unsigned long long)ledger_errors(l), (unsigned long long)ledger_unsent(l),
	        (unsigned long long)ledger_dropped(l));
}

static void session_written(struct sq_op *op, int status)
{
	struct session *s = sq_container(op, struct session, write.op);

	if (s->over)
		return;
	if (s->report.final && s->report.seq == s->orders.final_seq && !books_closed(s->report.books))
		SQ_ERROR(s->set.host, SESSION_KV(s),
		         "the ledger does not balance: this is a bug of squall, please report it");
	if (s->report.final)
		session_tell(s);
	session_post(s, status < 0 ? status : 0, SESSION_REPORT_MAX, s->uid);
}

/* Numbers of a load that has ended do not change any more. */
static void session_take(struct session *s)
{
	bool measure = s->drive && !s->frozen;

	figures_take(&s->figures, measure ? s->drive : NULL);
	if (measure)
		s->report.start_lag = drive_start_lag(s->drive);
	s->frozen = s->report.final;
}

static void session_report(struct session *s)
{
	const struct sq_host *h = s->set.host;
	int r;

	session_take(s);
	buf_reset(&s->body);
	s->write = (struct sq_work){
	    .op.done = session_written, .run = session_write, .what = "report", .lane = SQ_LANE_CPU};
	r = h->work(h->ctx, &s->write);
	if (r < 0)
		session_post(s, r, 0, "");
}

static void session_due(struct sq_timer *t)
{
	struct session *s = sq_container(t, struct session, timer);
	int64_t now = session_now(s);
	unsigned todo = orders_check(&s->orders, now);
	bool registers = s->orders.stage == ORDERS_NEW;

	if (todo & ORDERS_EXIT)
		SQ_ERROR(s->set.host, SESSION_KV(s), "no orchestrator has answered for too long: giving up");
	if (todo || orders_next(&s->orders) > now) {
		session_do(s, todo);
		return;
	}
	s->number = orders_ask(&s->orders, now, s->drive ? drive_stage(s->drive) : DRIVE_FINDING, &s->report);
	session_do(s, 0);
	if (registers)
		session_register(s);
	else
		session_report(s);
}

/* --- life ------------------------------------------------------------------------------------ */

static int session_prepare_memory(struct session *s)
{
	struct buf bearer = {0};

	buf_printf(&bearer, "Authorization: Bearer %s", s->set.token);
	s->bearer = bearer.data;
	s->headers[0] = s->bearer;
	s->headers[1] = "Content-Type: application/json";
	if (buf_failed(&bearer))
		return -ENOMEM;
	return figures_open(&s->figures, &(struct plan){.request_count = 0});
}

int session_start(const struct session_setup *setup, struct session **ret, struct sq_err *err)
{
	const struct sq_host *h = setup->host;
	struct session *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return sq_fail(err, -ENOMEM, "not enough memory for a worker");
	s->magic = SESSION_MAGIC;
	s->set = *setup;
	s->timer.fire = session_due;
	s->report.start_lag = -1;
	orders_init(&s->orders, setup->urls, session_now(s), (uint64_t)session_now(s) ^ (uint64_t)getpid());
	r = session_prepare_memory(s);
	if (r == 0)
		r = uuid_random(s->uid);
	if (r == 0)
		r = fetcher_new(h->loop, "squall/" PACKAGE_VERSION, &s->fetcher);
	if (r < 0) {
		session_free(s);
		return sq_fail(err, r, "cannot begin the session (%s)", strerror(-r));
	}
	snprintf(s->report.uid, sizeof s->report.uid, "%s", s->uid);
	session_do(s, 0);
	*ret = s;
	return 0;
}

void session_terminate(struct session *s)
{
	assert(s->magic == SESSION_MAGIC);
	session_do(s, orders_terminate(&s->orders, session_now(s)));
}

void session_free(struct session *s)
{
	if (!s)
		return;
	s->set.host->timer_stop(s->set.host->ctx, &s->timer);
	fetcher_free(s->fetcher);
	drive_free(s->drive);
	orders_fini(&s->orders);
	figures_close(&s->figures);
	plan_free(s->plan);
	buf_free(&s->url);
	buf_free(&s->body);
	free(s->bearer);
	s->magic = 0;
	free(s);
}
