/* control_http.c - what workers ask: a place, and what to do next (control.h). */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

#define TYPE_JSON "application/json"

/* --- who asks -------------------------------------------------------------------------------- */

static bool knows_token(const struct orchestrator *o, const struct sq_http *rq, const char *sha256)
{
	static const char scheme[] = "Bearer ";
	struct sq_slice value = o->host->http->header(rq, "Authorization");
	size_t skip = sizeof scheme - 1;
	char hash[SHA256_TEXT];

	if (value.len <= skip || strncasecmp(value.data, scheme, skip) != 0 || !sha256_is_text(sha256))
		return false;
	return sha256_text(value.data + skip, value.len - skip, hash) == 0 &&
	       secret_equal(hash, sha256, SHA256_TEXT - 1);
}

static void refuse_token(const struct orchestrator *o, struct sq_http *rq)
{
	o->host->http->problem(rq, 401, "the token is not this test's: workers get it as SQUALL_TOKEN");
}

/* --- tests of others --------------------------------------------------------------------------- */

struct elsewhere {
	struct orchestrator *o;
	struct sq_http *rq;
	struct sq_store_get get;
	char id[SQ_ID_MAX + 1];
};

/* The owner's URL with the path that was asked. */
static void redirect(struct elsewhere *e, const char *address)
{
	const struct sq_http_calls *http = e->o->host->http;
	struct buf url = {0};

	buf_str(&url, address);
	buf_add(&url, e->rq->path.data, e->rq->path.len);
	if (buf_failed(&url) || http->set(e->rq, "Location", url.data) < 0)
		http->problem(e->rq, 503, "the owner's address cannot be told");
	else
		http->reply(e->rq, 307, NULL, NULL, 0);
	buf_free(&url);
}

static void answer_elsewhere(struct elsewhere *e, int status)
{
	const struct sq_http_calls *http = e->o->host->http;
	const struct sq_record *rec = &e->get.record;
	struct test_record record = {0};
	bool known = false;

	if (status == -ENOENT) {
		http->problem(e->rq, 404, "there is no test %s", e->id);
	} else if (status < 0) {
		http->problem(e->rq, 503, "the store does not answer: ask again");
	} else if (rec->life != SQ_LIVE) {
		http->problem(e->rq, 410, "test %s is over", e->id);
	} else if (record_read(rec->body, &record, NULL) == 0) {
		known = knows_token(e->o, e->rq, record.token_sha256);
		if (!known)
			refuse_token(e->o, e->rq);
		else if (rec->lease_until > e->get.now && *rec->address &&
		         strcmp(rec->owner, e->o->host->instance) != 0)
			redirect(e, rec->address);
		else
			http->problem(e->rq, 503, "nobody has test %s at the moment: ask again", e->id);
		record_free(&record);
	} else {
		http->problem(e->rq, 503, "the record of test %s cannot be read", e->id);
	}
}

static void looked_up(struct sq_op *op, int status)
{
	struct elsewhere *e = sq_container(op, struct elsewhere, get.op);
	struct orchestrator *o = e->o;

	answer_elsewhere(e, status);
	free(e);
	orchestrator_ended(o);
}

static void look_up(struct orchestrator *o, struct sq_http *rq)
{
	struct sq_slice id = rq->params[0];
	struct elsewhere *e;

	if (o->drain) { /* which may be over: nothing is begun any more */
		o->host->http->problem(rq, 503, "this orchestrator is stopping: ask another");
		return;
	}
	e = calloc(1, sizeof *e);
	if (!e || id.len > SQ_ID_MAX) {
		free(e);
		o->host->http->problem(rq, e ? 404 : 503, e ? "no such test" : "no memory");
		return;
	}
	e->o = o;
	e->rq = rq;
	memcpy(e->id, id.data, id.len);
	e->get = (struct sq_store_get){.op = {.done = looked_up, .timeout = STORE_TIMEOUT}, .id = e->id};
	orchestrator_began(o);
	submitted(&e->get.op, o->host->store->get(o->host->store_self, &e->get));
}

/* The run that is asked for, by a worker of it; else it has been answered. */
static struct run *find_run(struct orchestrator *o, struct sq_http *rq)
{
	struct run *r = orchestrator_find(o, rq->params[0].data, rq->params[0].len);

	if (!r || r->test.given_up) {
		look_up(o, rq);
		return NULL;
	}
	if (!knows_token(o, rq, r->record.token_sha256)) {
		refuse_token(o, rq);
		return NULL;
	}
	return r;
}

/* --- answers ----------------------------------------------------------------------------------- */

static void answer(struct run *r, struct sq_http *rq, uint32_t place, bool with_plan)
{
	const struct sq_http_calls *http = r->o->host->http;
	int64_t now = orchestrator_now(r->o);
	struct order order;
	struct answer a = {0};
	struct buf text = {0};

	if (test_order(&r->test, now, place, &order) < 0) {
		http->problem(rq, 503, "the lease of test %s is not sure at the moment: ask again", r->id);
		return;
	}
	a.directive = (struct directive){
	    .epoch = order.epoch,
	    .fence = r->test.fence,
	    .state = order.state,
	    .t0 = order.t0 ? order.t0 + r->o->clock : 0,
	    .until_tick = order.until_tick,
	    .poll = order.poll,
	    .stored = order.stored,
	};
	if (order.share) {
		slot_map_share(&r->test.spread.map, place, &r->slots);
		a.directive.slots = r->slots; /* borrowed */
	}
	if (with_plan) {
		a.plan = r->worker_plan;
		record_set(a.plan_sha256, sizeof a.plan_sha256, r->record.plan_sha256);
	}
	a.directive.now = orchestrator_now(r->o) + r->o->clock;
	if (control_write_answer(&a, &text) < 0)
		http->problem(rq, 503, "no memory");
	else
		http->reply(rq, 200, TYPE_JSON, text.data, text.len);
	buf_free(&text);
}

static void refuse_place(struct run *r, struct sq_http *rq, int status)
{
	const struct sq_http_calls *http = r->o->host->http;

	if (status == -EAGAIN)
		http->problem(rq, 503, "every place of test %s is taken: ask again", r->id);
	else
		http->problem(rq, 410, "test %s has no place for another worker", r->id);
}

/* Its place. Who had it before sent nothing, and counts no more. */
static int enter(struct run *r, const char *uid, const char *name)
{
	int place = test_register(&r->test, orchestrator_now(r->o), uid, name);
	struct snapshot *s;

	if (place < 0)
		return place;
	s = &r->snapshots[place];
	if (*s->uid && strcmp(s->uid, uid) != 0) {
		merger_drop(r->merger, s->uid);
		buf_reset(&s->latest);
		s->seq = s->sending_seq = 0;
	}
	record_set(s->uid, sizeof s->uid, uid);
	return place;
}

void handle_register(void *self, struct sq_http *rq)
{
	struct orchestrator *o = orchestrator_of(self);
	struct run *r = find_run(o, rq);
	struct registration reg;
	struct sq_err err;
	int place;

	if (!r)
		return;
	if (control_read_registration(rq->body, &reg, &err) < 0) {
		o->host->http->problem(rq, 400, "%s", err.text);
		return;
	}
	if (*reg.plan_sha256 && strcmp(reg.plan_sha256, r->record.plan_sha256) != 0) {
		o->host->http->problem(rq, 409, "this worker has another plan");
		return;
	}
	place = enter(r, reg.uid, reg.name);
	if (place < 0) {
		refuse_place(r, rq, place);
		return;
	}
	SQ_INFO(o->host, SQ_KV({"test", r->id}, {"worker", reg.uid}), "registered as %s, version %s",
	        *reg.name ? reg.name : "?", reg.version);
	answer(r, rq, (uint32_t)place, true);
	run_pump(r);
}

/* The place of who reports. One that an earlier owner had registered gets a place again. */
static int take_report(struct run *r, const struct report *report)
{
	int64_t now = orchestrator_now(r->o);
	int place = test_report(&r->test, now, report);

	if (place != -ENOENT)
		return place;
	place = enter(r, report->uid, "");
	return place < 0 ? place : test_report(&r->test, now, report);
}

/* Keeps the text for the store, when it says more than what is there. */
static void keep_text(struct run *r, uint32_t place, uint64_t seq, struct sq_slice text)
{
	struct snapshot *s = &r->snapshots[place];

	buf_reset(&s->latest);
	buf_add(&s->latest, text.data, text.len);
	if (buf_failed(&s->latest))
		buf_reset(&s->latest);
	else
		s->seq = seq;
}

static void answer_report(struct run *r, struct sq_http *rq, const struct report *report)
{
	const struct orchestrator *o = r->o;
	int place, news;

	if (rq->params[1].len != strlen(report->uid) ||
	    memcmp(rq->params[1].data, report->uid, rq->params[1].len) != 0) {
		o->host->http->problem(rq, 400, "report.uid is not that of the path");
		return;
	}
	place = take_report(r, report);
	news = place < 0 ? 0 : merger_take(r->merger, report);
	if (news > 0)
		keep_text(r, (uint32_t)place, report->seq, rq->body);
	if (place < 0)
		refuse_place(r, rq, place);
	else if (news < 0)
		o->host->http->problem(rq, 503, "no memory");
	else
		answer(r, rq, (uint32_t)place, false);
	run_pump_later(r);
}

void handle_report(void *self, struct sq_http *rq)
{
	struct orchestrator *o = orchestrator_of(self);
	struct run *r = find_run(o, rq);
	struct report report;
	struct sq_err err;

	if (!r)
		return;
	if (report_read_into(rq->body, o->scratch, &report, &err) < 0) {
		o->host->http->problem(rq, 400, "%s", err.text);
		return;
	}
	answer_report(r, rq, &report);
	report.books = NULL; /* the scratch */
	report_free(&report);
}
