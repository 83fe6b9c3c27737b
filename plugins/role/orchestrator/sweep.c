/*
 * sweep.c - looks for what nobody looks after: tests whose message was never published or is lost, tests
 * whose orchestrator is gone, and scheduler objects of tests that are over (design 4).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

#define PAGE 100
#define OBJECTS_EVERY 6 /* sweeps */
#define PUBLISH_TTLS 3 /* a queued test is published again after so many, then twice as many, ... */
#define PUBLISH_MAX (3600 * 1000LL) /* ms; never longer than this */

struct sweep {
	struct orchestrator *o;
	struct sq_timer timer;
	struct sq_store_list list;
	char cursor[512];
	struct sq_job_list jobs;
	unsigned count;
	bool listing, asking; /* requests under way */
	struct link orphans; /* being looked at, or ended */
};

/* --- queued, and nobody comes ---------------------------------------------------------------- */

struct publishing {
	struct orchestrator *o;
	struct test_record record;
	struct sq_store_put put;
	struct sq_publish publish;
	struct buf body, message;
};

static void publishing_end(struct publishing *p)
{
	orchestrator_ended(p->o);
	record_free(&p->record);
	buf_free(&p->body);
	buf_free(&p->message);
	free(p);
}

static void published(struct sq_op *op, int status)
{
	struct publishing *p = sq_container(op, struct publishing, publish.op);

	if (status < 0)
		SQ_WARN(p->o->host, SQ_KV({"test", p->record.test_id}),
		        "could not be published again: the queue does not answer");
	publishing_end(p);
}

/* The new number is ours alone, so that no queue drops the message as a duplicate. */
static void numbered(struct sq_op *op, int status)
{
	struct publishing *p = sq_container(op, struct publishing, put.op);
	const struct sq_host *h = p->o->host;

	record_message(&p->record, &p->message);
	if (status < 0 || buf_failed(&p->message)) {
		publishing_end(p); /* somebody else was faster, or the next sweep will do it */
		return;
	}
	SQ_INFO(h, SQ_KV({"test", p->record.test_id}), "queued and not taken: published again");
	p->publish = (struct sq_publish){.op = {.done = published, .timeout = STORE_TIMEOUT},
	                                 .msg = {.id = p->record.test_id,
	                                         .edition = p->record.edition,
	                                         .body = {p->message.data, p->message.len},
	                                         .submitted_at = p->record.submitted_at}};
	submitted(&p->publish.op, h->transport->publish(h->transport_self, &p->publish));
}

/* Takes the record over. */
static void publish_again(struct orchestrator *o, const struct sq_record *rec, struct test_record *record)
{
	struct publishing *p = calloc(1, sizeof *p);

	if (!p) {
		record_free(record);
		return;
	}
	orchestrator_began(o);
	p->o = o;
	p->record = *record;
	p->record.edition++;
	record_write(&p->record, &p->body);
	p->put = (struct sq_store_put){.op = {.done = numbered, .timeout = STORE_TIMEOUT},
	                               .id = p->record.test_id,
	                               .state = lifecycle_word(T_QUEUED),
	                               .version = rec->version,
	                               .life = SQ_LIVE,
	                               .body = {p->body.data, p->body.len}};
	if (buf_failed(&p->body))
		numbered(&p->put.op, -ENOMEM);
	else
		submitted(&p->put.op, o->host->store->put(o->host->store_self, &p->put));
}

static int64_t patience(const struct orchestrator *o, uint32_t edition)
{
	int64_t ms = PUBLISH_TTLS * o->conf->lease_ttl / SQ_MS;

	for (; edition > 1 && ms < PUBLISH_MAX; edition--)
		ms *= 2;
	return ms < PUBLISH_MAX ? ms : PUBLISH_MAX;
}

/* --- records --------------------------------------------------------------------------------- */

static void look_at_queued(struct sweep *s, const struct sq_record *rec, int64_t now)
{
	struct test_record record;
	struct sq_err err;

	if (record_read(rec->body, &record, &err) < 0) {
		SQ_ERROR(s->o->host, SQ_KV({"test", rec->id}), "its record cannot be read: %s", err.text);
		return;
	}
	if (now >= record.deadline_at || record.cancel.set ||
	    (record.presence.set && now >= record.presence.until)) {
		record_free(&record);
		take_orphan(s->o, rec->id); /* to write its end */
	} else if (now - rec->updated > patience(s->o, record.edition)) {
		publish_again(s->o, rec, &record);
	} else {
		record_free(&record);
	}
}

static void look_at(struct sweep *s, const struct sq_record *rec, int64_t now)
{
	struct orchestrator *o = s->o;

	if (take_has(o, rec->id) || orchestrator_find(o, rec->id, strlen(rec->id)))
		return;
	if (strcmp(rec->state, lifecycle_word(T_QUEUED)) == 0)
		look_at_queued(s, rec, now);
	else if (orchestrator_now(o) >= o->trouble_until)
		take_orphan(o, rec->id);
}

static void ask_page(struct sweep *s, const char *cursor);

static void got_page(struct sq_op *op, int status)
{
	struct sweep *s = sq_container(op, struct sweep, list.op);
	struct orchestrator *o = s->o;
	bool more = status >= 0 && *s->list.next && !o->drain;

	s->listing = false;
	if (status < 0)
		orchestrator_trouble(o, status);
	for (uint32_t i = 0; status >= 0 && !o->drain && i < s->list.count; i++)
		look_at(s, &s->list.records[i], s->list.now);
	if (more)
		ask_page(s, s->list.next);
	orchestrator_ended(o);
}

static void ask_page(struct sweep *s, const char *cursor)
{
	const struct sq_host *h = s->o->host;

	record_set(s->cursor, sizeof s->cursor, cursor);
	s->list = (struct sq_store_list){.op = {.done = got_page, .timeout = STORE_TIMEOUT},
	                                 .live_only = true,
	                                 .unleased_only = true,
	                                 .cursor = s->cursor,
	                                 .limit = PAGE};
	s->listing = true;
	orchestrator_began(s->o);
	submitted(&s->list.op, h->store->list(h->store_self, &s->list));
}

/* --- objects --------------------------------------------------------------------------------- */

/* One object: what does the store know of its test? */
struct orphan {
	struct link link;
	struct orchestrator *o;
	bool stopping;
	char id[SQ_ID_MAX + 1];
	struct sq_store_get get;
	struct sq_job_rq stop;
};

static void orphan_end(struct orphan *p)
{
	list_remove(&p->link);
	orchestrator_ended(p->o);
	free(p);
}

static void orphan_stopped(struct sq_op *op, int status)
{
	struct orphan *p = sq_container(op, struct orphan, stop.op);

	if (status < 0 && !p->o->drain)
		SQ_WARN(p->o->host, SQ_KV({"test", p->id}),
		        "its workers could not be ended%s%s: trying again", p->stop.reason ? ": " : "",
		        p->stop.reason ? p->stop.reason : "");
	orphan_end(p);
}

static void orphan_known(struct sq_op *op, int status)
{
	struct orphan *p = sq_container(op, struct orphan, get.op);
	const struct sq_host *h = p->o->host;
	bool live = status >= 0 && p->get.record.life == SQ_LIVE;

	if (live || p->o->drain || (status < 0 && status != -ENOENT)) {
		orphan_end(p);
		return;
	}
	SQ_WARN(h, SQ_KV({"test", p->id}), "it is over, but its workers are there: ending them");
	p->stop.op = (struct sq_op){.done = orphan_stopped, .timeout = 30 * SQ_S};
	p->stop.id = p->id;
	p->stopping = true;
	submitted(&p->stop.op, h->scheduler->stop(h->scheduler_self, &p->stop));
}

void sweep_orphan(struct orchestrator *o, const char *id, uint64_t fence)
{
	struct orphan *p = calloc(1, sizeof *p);

	if (!p)
		return; /* a later sweep finds it */
	orchestrator_began(o);
	list_add_last(&o->sweep->orphans, &p->link);
	p->o = o;
	record_set(p->id, sizeof p->id, id);
	p->stop.fence = fence;
	p->get = (struct sq_store_get){.op = {.done = orphan_known, .timeout = STORE_TIMEOUT}, .id = p->id};
	submitted(&p->get.op, o->host->store->get(o->host->store_self, &p->get));
}

static void got_jobs(struct sq_op *op, int status)
{
	struct sweep *s = sq_container(op, struct sweep, jobs.op);
	struct orchestrator *o = s->o;

	s->asking = false;
	for (uint32_t i = 0; status >= 0 && !o->drain && i < s->jobs.count; i++) {
		const struct sq_job_state *j = &s->jobs.jobs[i];

		if (j->phase != SQ_JOB_GONE && !orchestrator_find(o, j->id, strlen(j->id)))
			sweep_orphan(o, j->id, j->fence);
	}
	orchestrator_ended(o);
}

static void ask_jobs(struct sweep *s)
{
	const struct sq_host *h = s->o->host;

	s->jobs = (struct sq_job_list){.op = {.done = got_jobs, .timeout = 30 * SQ_S}};
	s->asking = true;
	orchestrator_began(s->o);
	submitted(&s->jobs.op, h->scheduler->list(h->scheduler_self, &s->jobs));
}

/* --- life ------------------------------------------------------------------------------------ */

static void due(struct sq_timer *timer)
{
	struct sweep *s = sq_container(timer, struct sweep, timer);
	const struct sq_host *h = s->o->host;

	h->timer_start(h->ctx, &s->timer, s->o->conf->lease_ttl);
	orchestrator_set_credit(s->o);
	if (!s->listing)
		ask_page(s, "");
	if (s->count++ % OBJECTS_EVERY == 0 && !s->asking)
		ask_jobs(s);
}

int sweep_start(struct orchestrator *o)
{
	struct sweep *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	s->o = o;
	s->timer.fire = due;
	list_init(&s->orphans);
	o->sweep = s;
	o->host->timer_start(o->host->ctx, &s->timer, 0);
	return 0;
}

void sweep_stop(struct orchestrator *o)
{
	struct sweep *s = o->sweep;
	const struct sq_host *h = o->host;

	if (!s)
		return;
	h->timer_stop(h->ctx, &s->timer);
	/* A scheduler that does not answer, or pods that take their time, are not waited for. */
	if (s->asking)
		h->cancel(h->ctx, &s->jobs.op);
	for (struct link *l = s->orphans.next; l != &s->orphans; l = l->next) {
		struct orphan *p = sq_container(l, struct orphan, link);

		if (p->stopping)
			h->cancel(h->ctx, &p->stop.op);
	}
}

void sweep_free(struct orchestrator *o)
{
	sweep_stop(o);
	free(o->sweep);
	o->sweep = NULL;
}
