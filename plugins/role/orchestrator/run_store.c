/* run_store.c - what a run asks of the store: record, lease, snapshots, timeline, and its last words. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "core/base/failpoint.h"
#include "plugins/common/doc.h"
#include "run.h"
#include "test_parts.h"

#define RETRY (500 * SQ_MS) /* after a snapshot or point that was not stored */
#define AUDIT_EVERY (150 * SQ_MS)
#define AUDITS_MORE 2 /* looks at a counter that is behind what was sent */
#define POINT_DELAY (600 * SQ_MS) /* how long after a second reports about it are waited for */

/* --- lease ----------------------------------------------------------------------------------- */

static void renewed(struct sq_op *op, int status)
{
	struct run *r = sq_container(op, struct run, lease.op);

	r->renewing = false;
	switch (status) {
	case 0:
		test_leased(&r->test, r->lease_asked + r->lease.ttl);
		if (r->lease_clean && !r->test.store.busy && r->lease.version != r->version)
			test_changed(&r->test);
		break;
	case -SQ_EFENCED:
	case -SQ_ECONFLICT:
		test_fenced(&r->test);
		break;
	case -SQ_EFINAL:
	case -SQ_EGONE:
	case -ENOENT:
		test_changed(&r->test);
		break;
	default:
		orchestrator_trouble(r->o, status);
	}
	run_release(r);
}

void run_renew(struct sq_timer *t)
{
	struct run *r = sq_container(t, struct run, renew);
	const struct sq_host *h = r->o->host;
	int64_t ttl = r->o->conf->lease_ttl;
	const char *url = h->url(h->ctx);

	h->timer_start(h->ctx, &r->renew, ttl / 10 < SQ_S ? ttl / 10 : SQ_S);
	if (r->renewing || lifecycle_terminal(r->test.saved.state))
		return;
	r->lease = (struct sq_store_lease){.op = {.done = renewed, .timeout = ttl / 2},
	                                   .id = r->id,
	                                   .owner = h->instance,
	                                   .address = url ? url : "",
	                                   .ttl = ttl,
	                                   .fence = r->test.fence};
	r->lease_asked = orchestrator_now(r->o);
	r->lease_clean = !r->test.store.busy;
	r->renewing = true;
	run_hold(r);
	submitted(&r->lease.op, h->store->lease(h->store_self, &r->lease));
}

/* --- reading --------------------------------------------------------------------------------- */

/* A record that was read, as a standing; what the gateway wrote is taken over. */
static int take_record(struct run *r, const struct sq_store_get *get, struct standing *out)
{
	struct test_record found;
	struct sq_err err;
	int status;

	if (get->record.life == SQ_TOMBSTONE)
		return -SQ_EGONE;
	if (get->record.fence != r->test.fence)
		return -SQ_EFENCED;
	status = record_read(get->record.body, &found, &err);
	if (status < 0) {
		SQ_ERROR(r->o->host, RUN_KV(r), "its record cannot be read: %s", err.text);
		return status;
	}
	*out = run_standing(r->o, &found, get->now);
	r->record.cancel = found.cancel;
	r->record.presence = found.presence;
	r->version = get->record.version;
	record_free(&found);
	return 0;
}

static void was_read(struct sq_op *op, int status)
{
	struct run *r = sq_container(op, struct run, get.op);
	struct standing found;

	orchestrator_trouble(r->o, status);
	if (status >= 0)
		status = take_record(r, &r->get, &found);
	test_was_read(&r->test, orchestrator_now(r->o), status, status == 0 ? &found : NULL);
	run_release(r);
}

/* --- writing --------------------------------------------------------------------------------- */

/* Brings the record up to date with what was decided. */
static void update_record(struct run *r)
{
	struct test_record *rec = &r->record;
	const struct standing *d = &r->draft;
	const struct test *t = &r->test;

	rec->epoch = (uint32_t)d->epoch;
	rec->adoptions = d->adoptions;
	rec->t0.set = d->committed;
	rec->t0.epoch = (uint32_t)d->t0_epoch;
	rec->t0.until_tick = (int64_t)d->until_tick;
	rec->t0.moves = d->moves;
	rec->t0.unix_ns = d->committed ? d->t0 + r->o->clock : 0;
	rec->started_at = rec->t0.unix_ns / SQ_MS;
	rec->workers.ready = t->committed ? t->setup.workers : test_count_ready(t);
	rec->workers.armed = test_count_armed(t);
	rec->workers.reported = merger_count(r->merger);
	rec->provisioning.set = d->state == T_PROVISIONING;
	rec->provisioning.ready = rec->workers.ready;
	rec->provisioning.wanted = t->setup.workers;
	record_set(rec->provisioning.reason, sizeof rec->provisioning.reason, t->launch.reason);
}

static void fill_parts(struct run *r)
{
	struct json_object *places = NULL;
	const char *text = NULL;
	size_t len = 0;

	r->put.parts = r->parts;
	r->put.part_count = 0;
	if (r->test.saved.state == T_QUEUED && !lifecycle_terminal(r->draft.state))
		r->parts[r->put.part_count++] = (struct sq_part){.name = RECORD_SECRET_TOKEN,
		                                                 .data = {r->token, strlen(r->token)}};
	if (!r->draft.committed || (r->test.committed && r->draft.moves == r->test.saved.moves))
		return;
	places = run_write_places(r);
	text = places ? doc_text(places, &len) : NULL;
	buf_reset(&r->slots_text);
	if (text)
		buf_add(&r->slots_text, text, len);
	else
		r->body.failed = true;
	json_object_put(places);
	r->parts[r->put.part_count++] = (struct sq_part){.name = RECORD_SLOTS,
	                                                 .data = {r->slots_text.data, r->slots_text.len}};
	r->body.failed |= buf_failed(&r->slots_text);
}

/* What is written now, in words, for tests. */
static const char *draft_word(const struct run *r)
{
	return r->draft.committed && !r->test.committed ? "t0" : lifecycle_word(r->draft.state);
}

static void was_written(struct sq_op *op, int status)
{
	struct run *r = sq_container(op, struct run, put.op);

	if (status >= 0 && failpoint_of("after", "write", draft_word(r)) < 0)
		status = -SQ_EUNCERTAIN;
	orchestrator_trouble(r->o, status);
	if (status >= 0)
		r->version = r->put.stored;
	else if (!r->test.committed) /* only proposed, or not even that */
		r->record.t0.set = false;
	if (status < 0)
		r->closing = CLOSING_NOT;
	test_was_written(&r->test, orchestrator_now(r->o), status > 0 ? 0 : status);
	run_release(r);
}

static void put(struct run *r)
{
	const struct sq_host *h = r->o->host;
	bool end = lifecycle_terminal(r->draft.state);
	int status = 0;

	update_record(r);
	if (end)
		status = outcome_write(r, r->draft.state, *r->record.reason ? r->record.reason : NULL);
	buf_reset(&r->body);
	record_write(&r->record, &r->body);
	r->put = (struct sq_store_put){.op = {.done = was_written, .timeout = STORE_TIMEOUT},
	                               .id = r->id,
	                               .state = lifecycle_word(r->draft.state),
	                               .version = r->version,
	                               .fence = r->test.fence,
	                               .life = end ? SQ_TERMINAL : SQ_LIVE,
	                               .body = {r->body.data, r->body.len}};
	fill_parts(r);
	run_hold(r);
	if (buf_failed(&r->body) || status < 0)
		r->put.op.done(&r->put.op, -ENOMEM);
	else if (failpoint_of("before", "write", draft_word(r)) < 0)
		r->put.op.done(&r->put.op, -EIO);
	else
		submitted(&r->put.op, h->store->put(h->store_self, &r->put));
}

/* --- closing: the last point, the audit, the end ---------------------------------------------- */

static void read_counter(struct run *r);

void run_audit_again(struct sq_timer *t)
{
	read_counter(sq_container(t, struct run, audit_timer));
}

static void audited(struct sq_op *op, int status)
{
	struct run *r = sq_container(op, struct run, audit_rq.op);
	const struct sq_host *h = r->o->host;

	if (status >= 0 && r->audit.value > 0)
		r->audited = (uint64_t)r->audit.value;
	/* A store may show others what one process counts a moment later. */
	if (r->audited > 0 && r->audited < ledger_sent(&merger_books(r->merger)->ledger) &&
	    r->audits++ < AUDITS_MORE) {
		h->timer_start(h->ctx, &r->audit_timer, AUDIT_EVERY);
		return;
	}
	r->closing = CLOSING_PUT;
	r->pending--;
	put(r);
}

static void read_counter(struct run *r)
{
	const struct sq_host *h = r->o->host;
	int n = snprintf(r->audit_name, sizeof r->audit_name, "hits.%s", r->id);

	r->audit = (struct sq_counter){.name = r->audit_name, .record = r->id};
	r->audit_rq = (struct sq_store_count){
	    .op = {.done = audited, .timeout = STORE_TIMEOUT}, .items = &r->audit, .count = 1};
	if (n >= (int)sizeof r->audit_name)
		audited(&r->audit_rq.op, -EINVAL);
	else
		submitted(&r->audit_rq.op, h->store->read(h->store_self, &r->audit_rq));
}

static void audit(struct run *r)
{
	r->closing = CLOSING_AUDIT;
	r->audits = 0;
	run_hold(r);
	read_counter(r);
}

static bool point(struct run *r, int64_t now);
static void append(struct run *r);

static void close_points(struct run *r)
{
	r->closing = CLOSING_POINT;
	if (!point(r, orchestrator_now(r->o)))
		audit(r);
}

/* The end takes no more points: what happened since the last one goes first. */
static void close_run(struct run *r)
{
	r->closing = CLOSING_EARLIER;
	if (r->appending)
		return;
	if (r->point.len > 0)
		append(r); /* once more */
	else
		close_points(r);
}

void run_ask_store(struct run *r)
{
	const struct sq_host *h = r->o->host;

	switch (test_want_store(&r->test, orchestrator_now(r->o), &r->draft)) {
	case STORE_READ:
		r->get = (struct sq_store_get){.op = {.done = was_read, .timeout = STORE_TIMEOUT},
		                               .id = r->id};
		run_hold(r);
		submitted(&r->get.op, h->store->get(h->store_self, &r->get));
		break;
	case STORE_WRITE:
		if (lifecycle_terminal(r->draft.state))
			close_run(r);
		else
			put(r);
		break;
	default:
		break;
	}
}

/* --- timeline -------------------------------------------------------------------------------- */

static void appended(struct sq_op *op, int status)
{
	struct run *r = sq_container(op, struct run, append.op);
	bool again = status == -SQ_EUNCERTAIN || status == -ETIMEDOUT || status == -ENOTCONN;

	r->appending = false;
	orchestrator_trouble(r->o, status);
	if (status >= 0)
		run_thin_added(r, r->point.len);
	if (!again || r->closing)
		buf_reset(&r->point);
	else
		r->append_after = orchestrator_now(r->o) + RETRY;
	if (r->closing == CLOSING_EARLIER)
		close_points(r);
	else if (r->closing == CLOSING_POINT)
		audit(r);
	run_release(r);
}

static void append(struct run *r)
{
	const struct sq_host *h = r->o->host;

	r->append = (struct sq_store_append){.op = {.done = appended, .timeout = STORE_TIMEOUT},
	                                     .id = r->id,
	                                     .log = RECORD_TIMELINE,
	                                     .fence = r->test.fence,
	                                     .at = r->second,
	                                     .entry = {r->point.data, r->point.len}};
	r->appending = true;
	run_hold(r);
	submitted(&r->append.op, h->store->append(h->store_self, &r->append));
}

/* The record shows the last point, without its histogram. */
static void show_live(struct run *r, struct json_object *p)
{
	json_object_object_del(p, "hist");
	json_object_put(r->record.live);
	r->record.live = p;
	test_note_news(&r->test);
}

/* Whether what is known at the end of the present second ends the test. Waiting for the last answers is no
 * part of the load: no window reaches into it. */
static void watch(struct run *r, int64_t now)
{
	int64_t at = (int64_t)(r->second + 1) * SQ_S, end = outcome_load_end(r);
	char detail[TEST_DETAIL] = "";
	enum watch_verdict v = threshold_watch_look(r->watch, merger_books(r->merger), at < end ? at : end,
	                                            detail, sizeof detail);

	if (v != WATCH_GOES_ON)
		ending_stop(&r->test, now, T_FAILED, watch_reason[v], "%s", detail);
}

/* The point of the present second. False: there is none to store. */
static bool point(struct run *r, int64_t now)
{
	struct timeline_now at = {.second = r->second, .books = merger_books(r->merger)};
	int64_t end = (int64_t)(r->second + 1) * SQ_S, since = now - run_load_at(r);
	struct json_object *p;
	const char *text;
	size_t len;

	if (!r->test.committed || since <= 0)
		return false;
	at.offered = run_offered(r, (r->closing || since < end ? since : end) - 1);
	at.workers = r->test.setup.workers - test_count_lost(&r->test, now);
	at.cpu = merger_health(r->merger).cpu;
	p = timeline_point(r->timeline, &at);
	text = p ? doc_text(p, &len) : NULL;
	if (!text)
		return false;
	buf_reset(&r->point);
	buf_add(&r->point, text, len);
	watch(r, now);
	r->second++;
	show_live(r, p);
	append(r);
	return true;
}

/* Everybody has told what happened until then, which is not yet the end of the load: that comes with what was
 * still under way. */
static bool told(const struct run *r, int64_t until)
{
	if (until >= r->schedule.end)
		return false;
	for (uint32_t i = 0; i < merger_count(r->merger); i++) {
		const struct report *worker = merger_at(r->merger, i);

		if (worker->elapsed < until && !worker->final)
			return false;
	}
	return true;
}

void run_points(struct run *r, int64_t now)
{
	int64_t end = (int64_t)(r->second + 1) * SQ_S, since = now - run_load_at(r);

	if (!r->test.committed || r->appending || r->closing || !test_owned(&r->test, now))
		return;
	if (now < r->append_after)
		return;
	if (r->point.len > 0)
		append(r); /* once more */
	else if (since >= end + POINT_DELAY || (since >= end && told(r, end)))
		point(r, now);
}

/* --- snapshots ------------------------------------------------------------------------------- */

static void swap_texts(struct snapshot *s)
{
	struct buf swap = s->sending;

	s->sending = s->latest;
	s->latest = swap;
}

/* Once more, unless a later one has come: a lost worker's was its last. */
static void keep_unstored(struct snapshot *s, int64_t now)
{
	s->after = now + RETRY;
	if (s->latest.len > 0 || s->sending_seq == 0)
		return;
	swap_texts(s);
	s->seq = s->sending_seq;
}

static void snapshot_stored(struct sq_op *op, int status)
{
	struct snapshot *s = sq_container(op, struct snapshot, rq.op);
	struct run *r = s->run;
	int64_t now = orchestrator_now(r->o);

	s->busy = false;
	orchestrator_trouble(r->o, status);
	if (status >= 0)
		test_stored(&r->test, now, (uint32_t)(s - r->snapshots), s->sending_seq);
	else if (status == -SQ_EFENCED)
		test_fenced(&r->test);
	else
		keep_unstored(s, now);
	run_release(r);
}

static void store_snapshot(struct run *r, struct snapshot *s, const struct worker *w, int64_t now)
{
	const struct sq_host *h = r->o->host;
	swap_texts(s);
	buf_reset(&s->latest);
	s->sending_seq = s->seq;
	s->busy = true;
	s->after = now + SNAPSHOT_EVERY;
	snprintf(s->name, sizeof s->name, RECORD_SNAPSHOT "%s", w->uid);
	s->rq = (struct sq_store_part_put){
	    .op = {.done = snapshot_stored, .timeout = STORE_TIMEOUT},
	    .id = r->id,
	    .fence = r->test.fence,
	    .part = {.name = s->name, .seq = s->seq, .data = {s->sending.data, s->sending.len}}};
	run_hold(r);
	submitted(&s->rq.op, h->store->part_put(h->store_self, &s->rq));
}

/* Every five seconds; finals and last words at once. */
void run_snapshots(struct run *r, int64_t now)
{
	if (!test_owned(&r->test, now) || lifecycle_terminal(r->test.saved.state))
		return;
	for (uint32_t i = 0; i < r->test.setup.workers; i++) {
		struct snapshot *s = &r->snapshots[i];
		const struct worker *w = &r->test.workers[i];
		bool tried = s->sending_seq >= s->seq; /* it is not stored, as the store failed */

		if (s->busy || s->latest.len == 0 || !w->taken || !(r->test.committed || w->final))
			continue;
		if (now >= s->after || (!tried && (w->final || test_lost(&r->test, now, i))))
			store_snapshot(r, s, w, now);
	}
}
