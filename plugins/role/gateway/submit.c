/*
 * submit.c - POST /tests: from a plan to a test that is queued.
 *
 *     read the plan -> resolve and judge its target -> ask the store's time -> see whether it fits beside the
 *     others -> write the record -> publish -> 202
 *
 * The record is written before the message, so that a message always finds one. Whatever breaks
 * between the two leaves a record in state queued: an orchestrator's sweep publishes it, and so does the
 * client that sends the request again with the same Idempotency-Key. An uncertain write is simply
 * written again (the second one conflicts with the first); an uncertain message is sent again with
 * the same id and edition, so that the queue may drop it as a duplicate. A gateway whose store no
 * orchestrator sees writes no record: the message is all there is.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "core/base/backoff.h"
#include "core/base/text.h"
#include "gateway.h"
#include "plugins/common/doc.h"
#include "plugins/common/plan_field.h"
#include "plugins/common/route.h"

#define TRIES 4 /* of one step whose outcome is uncertain */
#define PUBLISH_TIMEOUT (5 * SQ_S)
#define KEY_MAX 255 /* bytes of an Idempotency-Key */
#define PRESENCE_MIN 5 /* s */
#define PRESENCE_MAX 3600

struct submit {
	struct call call;
	struct plan *plan;
	struct json_object *posted;
	struct sq_work resolve;
	struct addresses found;
	struct sq_store_info info;
	struct total total;
	struct test_record record;
	struct sq_store_put put;
	struct sq_part part;
	struct buf body, secret, message;
	struct sq_store_get get;
	struct sq_publish publish;
	struct backoff backoff;
	struct sq_timer again;
	unsigned tries; /* of the present step that ended uncertain */
	struct sq_err why; /* it does not fit */
	int64_t presence; /* s after which whoever begins it counts as gone; 0: nobody has to stay */
};

static void submit_end(struct submit *s)
{
	total_leave(&s->total);
	plan_free(s->plan);
	json_object_put(s->posted);
	record_free(&s->record);
	buf_free(&s->body);
	buf_free(&s->secret);
	buf_free(&s->message);
	call_end(&s->call);
}

/* --- the answer ------------------------------------------------------------------------------ */

static bool put_shared(struct json_object *o, const char *name, struct json_object *from)
{
	return doc_put(o, name, json_object_get(json_object_object_get(from, name)));
}

/* What the specification says, to the letter. */
static struct json_object *accepted(const struct test_record *r)
{
	struct json_object *o = json_object_new_object(), *p = json_object_new_object();
	bool good = put_shared(p, "hits_per_sec", r->effective_plan) &&
	            put_shared(p, "duration_sec", r->effective_plan) &&
	            put_shared(p, "workers", r->effective_plan);

	good = doc_put_text(o, "test_id", r->test_id) &&
	       doc_put_text(o, "message", "Test request submitted successfully") && good;
	p = doc_close(p, good);
	good = doc_put(o, "parameters", p);
	return doc_close(o, good);
}

static void submit_accept(struct submit *s)
{
	answer_json(&s->call, 202, accepted(&s->record));
	submit_end(s);
}

/* --- publishing ------------------------------------------------------------------------------ */

static void submit_publish(struct submit *s)
{
	const struct sq_host *host = s->call.gw->host;

	s->publish.msg = (struct sq_message){.id = s->call.id,
	                                     .edition = s->record.edition,
	                                     .body = {s->message.data, s->message.len},
	                                     .submitted_at = s->record.submitted_at};
	s->publish.op.timeout = PUBLISH_TIMEOUT;
	call_submitted(&s->publish.op, host->transport->publish(host->transport_self, &s->publish));
}

static void publish_again(struct sq_timer *t)
{
	submit_publish(sq_container(t, struct submit, again));
}

static void published(struct sq_op *op, int status)
{
	struct submit *s = sq_container(op, struct submit, publish.op);
	const struct sq_host *host = s->call.gw->host;

	if ((status == -SQ_EUNCERTAIN || status == -ETIMEDOUT) && ++s->tries < TRIES && !s->call.gw->drain) {
		host->timer_start(host->ctx, &s->again, backoff_next(&s->backoff));
		return;
	}
	if (status >= 0) {
		submit_accept(s);
		return;
	}
	SQ_WARN(host, SQ_KV({"test", s->call.id}), "%snot queued: %s",
	        s->call.gw->alone ? "" : "recorded, but ",
	        status == -ENOTCONN ? "the queue is not connected" : strerror(-status));
	if (s->call.gw->alone) {
		answer_problem(
		    &s->call, 503,
		    "the queue has not confirmed test %s: send it again, with an Idempotency-Key so that "
		    "it cannot run twice",
		    s->call.id);
		submit_end(s);
		return;
	}
	answer_problem(
	    &s->call, 503,
	    "test %s is recorded, but the queue has not confirmed it: it runs once the queue is back; "
	    "GET /tests/%s shows it, POST /tests/%s/cancel takes it back",
	    s->call.id, s->call.id, s->call.id);
	submit_end(s);
}

static void submit_queue(struct submit *s)
{
	record_message(&s->record, &s->message);
	if (buf_failed(&s->message)) {
		answer_memory(&s->call);
		submit_end(s);
		return;
	}
	s->tries = 0;
	s->publish.op.done = published;
	s->again.fire = publish_again;
	s->backoff = (struct backoff){.base = 100 * SQ_MS, .ceiling = SQ_S, .seed = (uint64_t)s->info.now};
	submit_publish(s);
}

/* --- the record ------------------------------------------------------------------------------ */

/* There is a record with this id: written by us a moment ago, or by an earlier request. */
static void found_record(struct sq_op *op, int status)
{
	struct submit *s = sq_container(op, struct submit, get.op);
	struct test_record old;

	if (!call_got(&s->call, &s->get, status, &old)) {
		submit_end(s);
		return;
	}
	if (strcmp(old.plan_sha256, s->record.plan_sha256) != 0) {
		record_free(&old);
		answer_problem(
		    &s->call, 409,
		    "this Idempotency-Key was used for another plan, test %s: send that plan again, or "
		    "another key",
		    s->call.id);
		submit_end(s);
		return;
	}
	record_free(&s->record);
	s->record = old;
	if (old.state == T_QUEUED)
		submit_queue(s);
	else
		submit_accept(s);
}

static void submit_put(struct submit *s)
{
	const struct sq_host *host = s->call.gw->host;

	s->part = (struct sq_part){.name = RECORD_SECRET_PLAN, .data = {s->secret.data, s->secret.len}};
	s->put.id = s->call.id;
	s->put.state = lifecycle_word(T_QUEUED);
	s->put.life = SQ_LIVE;
	s->put.body = (struct sq_slice){s->body.data, s->body.len};
	s->put.parts = &s->part;
	s->put.part_count = 1;
	s->put.op.timeout = STORE_TIMEOUT;
	call_submitted(&s->put.op, host->store->put(host->store_self, &s->put));
}

static void tell_accepted(const struct submit *s)
{
	char duration[TEXT_MAX], load[TEXT_MAX], rate[TEXT_MAX];
	const struct plan *p = s->plan;

	if (p->mode == PLAN_CLOSED)
		snprintf(load, sizeof load, "connections=%lld", (long long)p->connections);
	else
		snprintf(load, sizeof load, "rate=%.30s/s",
		         text_number(rate, (double)plan_peak_rate(p) / PLAN_RATE_ONE));
	SQ_INFO(s->call.gw->host, SQ_KV({"test", s->call.id}),
	        "state=queued %s duration=%s workers=%lld target=%s client=%s", load,
	        text_duration(duration, p->duration), (long long)p->workers, p->url.text, s->call.rq->peer);
	++*s->call.gw->accepted;
}

static void stored(struct sq_op *op, int status)
{
	struct submit *s = sq_container(op, struct submit, put.op);

	if ((status == -SQ_EUNCERTAIN || status == -ETIMEDOUT) && ++s->tries < TRIES) {
		submit_put(s);
		return;
	}
	total_leave(&s->total);
	if (status == -SQ_ECONFLICT || status == -SQ_EFINAL) {
		call_get(&s->call, &s->get, found_record);
	} else if (status >= 0) {
		tell_accepted(s);
		submit_queue(s);
	} else if (status == -SQ_EUNCERTAIN) {
		answer_problem(
		    &s->call, 503,
		    "the store has not confirmed test %s: GET /tests/%s shows whether it is there; send "
		    "it again with an Idempotency-Key, so that it cannot run twice",
		    s->call.id, s->call.id);
		submit_end(s);
	} else {
		answer_store(&s->call, status);
		submit_end(s);
	}
}

#define RETRY_AFTER "10" /* seconds */

/* It does not fit, and was not sent before. */
static void refuse_total(struct submit *s, const struct sq_err *why)
{
	const struct sq_host *host = s->call.gw->host;

	++*s->call.gw->refused;
	SQ_INFO(host, NULL, "refused for client %s: %s", s->call.rq->peer, why->text);
	host->http->set(s->call.rq, "Retry-After", RETRY_AFTER);
	answer_problem(&s->call, 429, "%s: try again when one of them is over", why->text);
	submit_end(s);
}

/* It may be one that was taken already, and is among those that are in its way. */
static void found_earlier(struct sq_op *op, int status)
{
	struct submit *s = sq_container(op, struct submit, get.op);

	if (status == -ENOENT)
		refuse_total(s, &s->why);
	else
		found_record(op, status);
}

static void fits(struct total *t, int status, const struct sq_err *why)
{
	struct submit *s = sq_container(t, struct submit, total);

	if (status < 0) {
		answer_store(&s->call, status);
		submit_end(s);
	} else if (why) {
		s->why = *why;
		call_get(&s->call, &s->get, found_earlier);
	} else {
		s->put.op.done = stored;
		submit_put(s);
	}
}

static void submit_count(struct submit *s)
{
	s->total.call = &s->call;
	s->total.rate = plan_peak_rate(s->plan);
	s->total.workers = s->plan->workers;
	s->total.done = fits;
	total_ask(&s->total);
}

static void submit_record(struct submit *s)
{
	const struct sq_host *host = s->call.gw->host;

	if (record_begin(&s->record, s->call.id, s->plan, s->posted, s->info.now, host->instance) == 0) {
		s->record.presence.set = s->presence > 0;
		s->record.presence.ttl = s->presence * 1000;
		s->record.presence.until = s->info.now + s->record.presence.ttl;
		record_write(&s->record, &s->body);
		doc_write(plan_write(s->plan), &s->secret); /* for the workers */
	} else {
		s->body.failed = true;
	}
	if (buf_failed(&s->body) || buf_failed(&s->secret)) {
		answer_memory(&s->call);
		submit_end(s);
		return;
	}
	submit_count(s);
}

static void submit_alone(struct submit *s)
{
	const struct sq_host *host = s->call.gw->host;

	if (record_begin(&s->record, s->call.id, s->plan, s->posted, s->info.now, host->instance) < 0) {
		answer_memory(&s->call);
		submit_end(s);
		return;
	}
	tell_accepted(s);
	submit_queue(s);
}

static void clock_read(struct sq_op *op, int status)
{
	struct submit *s = sq_container(op, struct submit, info.op);

	if (status >= 0 && s->call.gw->alone) {
		submit_alone(s);
		return;
	}
	if (status >= 0) {
		submit_record(s);
		return;
	}
	answer_store(&s->call, status);
	submit_end(s);
}

/* --- the target ------------------------------------------------------------------------------ */

static void submit_refuse(struct submit *s, int status, const char *detail, struct plan_problems *problems)
{
	++*s->call.gw->refused;
	if (plan_problems_failed(problems))
		answer_memory(&s->call);
	else
		answer_errors(&s->call, status, detail, problems->list);
	plan_problems_free(problems);
	submit_end(s);
}

static void refuse_target(struct submit *s, const struct sq_err *why)
{
	struct plan_problems problems = {0};

	SQ_INFO(s->call.gw->host, NULL, "refused for client %s: %s", s->call.rq->peer, why->text);
	plan_problem(&problems, "url", "%s", why->text);
	submit_refuse(s, 403, why->text, &problems);
}

static int resolve_run(struct sq_work *w)
{
	struct submit *s = sq_container(w, struct submit, resolve);

	return route_resolve(s->plan, &s->found, NULL);
}

static void resolved(struct sq_op *op, int status)
{
	struct submit *s = sq_container(op, struct submit, resolve.op);
	const struct sq_host *host = s->call.gw->host;
	struct sq_err why;

	(void)status; /* a name that is unknown has no addresses, and the policy says what that means */
	if (route_filter(s->plan, s->call.gw->policy, &s->found, "gateway", &why) < 0) {
		refuse_target(s, &why);
		return;
	}
	s->info.op.done = clock_read;
	s->info.op.timeout = STORE_TIMEOUT;
	call_submitted(&s->info.op, host->store->info(host->store_self, &s->info));
}

/* Names are looked up on a thread, as name servers may be slow. */
static void submit_resolve(struct submit *s)
{
	const struct sq_host *host = s->call.gw->host;

	s->resolve.op.done = resolved;
	s->resolve.run = resolve_run;
	s->resolve.what = "name of a target";
	s->resolve.lane = SQ_LANE_NET;
	call_submitted(&s->resolve.op, host->work(host->ctx, &s->resolve));
}

/* --- the request ----------------------------------------------------------------------------- */

/* False: answered. */
static bool read_id(struct submit *s)
{
	struct sq_slice key = s->call.gw->host->http->header(s->call.rq, "Idempotency-Key");
	int r;

	if (key.data && (key.len == 0 || key.len > KEY_MAX)) {
		answer_problem(&s->call, 400, "an Idempotency-Key has 1 .. %d bytes; a UUID is a good one",
		               KEY_MAX);
		return false;
	}
	r = key.data ? uuid_named(key.data, key.len, s->call.id) : uuid_random(s->call.id);
	if (r < 0)
		answer_memory(&s->call);
	return r == 0;
}

/* False: answered. */
static bool read_presence(struct submit *s)
{
	struct sq_slice v = s->call.gw->host->http->header(s->call.rq, "X-Squall-Presence");
	char text[16];
	int64_t n = -1;

	if (!v.data)
		return true;
	if (v.len < sizeof text) {
		snprintf(text, sizeof text, "%.*s", (int)v.len, v.data);
		if (text_parse_int(text, &n) < 0)
			n = -1;
	}
	s->presence = n;
	if (n >= PRESENCE_MIN && n <= PRESENCE_MAX)
		return true;
	answer_problem(
	    &s->call, 400,
	    "X-Squall-Presence is the whole number of seconds, %d .. %d, after which whoever began "
	    "the test counts as gone; POST /tests/{id}/presence says that it is still there",
	    PRESENCE_MIN, PRESENCE_MAX);
	return false;
}

void handle_submit(void *self, struct sq_http *rq)
{
	struct gateway *gw = gateway_of(self);
	struct plan_problems problems = {0};
	struct submit *s = call_begin(gw, rq, sizeof *s);
	int r;

	if (!s)
		return;
	if (!read_id(s) || !read_presence(s)) {
		submit_end(s);
		return;
	}
	r = plan_read_text(rq->body.data, rq->body.len, gw->conf->target_url, &s->plan, &s->posted,
	                   &problems);
	if (r < 0) {
		submit_refuse(s, 422, "the plan has fields that cannot be used: each is named in errors",
		              &problems);
		return;
	}
	limits_check(&gw->limits, s->plan, &problems);
	if (problems.count > 0) {
		submit_refuse(s, 403,
		              "the plan asks for more than is allowed here: each limit is named in errors",
		              &problems);
		return;
	}
	plan_problems_free(&problems);
	submit_resolve(s);
}
