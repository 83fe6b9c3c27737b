/*
 * change.c - what clients write into the record of a test: POST /tests/{id}/cancel and /presence.
 *
 * Without a fence, as the record belongs to an orchestrator: the owner finds it there, and does what follows.
 * Another writer in between only means to look again.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "gateway.h"
#include "plugins/common/doc.h"

struct changing {
	struct call call;
	struct sq_store_get get;
	struct sq_store_put put;
	struct test_record record;
	struct buf body;
	unsigned tries;
	/* Changes the record; 0, 1 when there is nothing to change, or -ENOMEM. */
	int (*mark)(struct changing *c, int64_t now);
	void (*answer)(struct changing *c);
};

static void change_end(struct changing *c)
{
	record_free(&c->record);
	buf_free(&c->body);
	call_end(&c->call);
}

static void change_over(struct changing *c)
{
	c->answer(c);
	change_end(c);
}

static void change_seen(struct sq_op *op, int status);

static void change_written(struct sq_op *op, int status)
{
	struct changing *c = sq_container(op, struct changing, put.op);
	bool again = status == -SQ_ECONFLICT || status == -SQ_EFINAL || status == -SQ_EUNCERTAIN;

	if (again && ++c->tries < CAS_TRIES) {
		call_get(&c->call, &c->get, change_seen);
	} else if (status < 0) {
		answer_store(&c->call, status);
		change_end(c);
	} else {
		change_over(c);
	}
}

static void change_write(struct changing *c)
{
	const struct sq_host *host = c->call.gw->host;

	buf_reset(&c->body);
	record_write(&c->record, &c->body);
	if (buf_failed(&c->body)) {
		answer_memory(&c->call);
		change_end(c);
		return;
	}
	c->put.op.done = change_written;
	c->put.op.timeout = STORE_TIMEOUT;
	c->put.id = c->call.id;
	c->put.version = c->get.record.version;
	c->put.state = lifecycle_word(c->record.state);
	c->put.life = lifecycle_terminal(c->record.state) ? SQ_TERMINAL : SQ_LIVE;
	c->put.body = (struct sq_slice){c->body.data, c->body.len};
	call_submitted(&c->put.op, host->store->put(host->store_self, &c->put));
}

static void change_seen(struct sq_op *op, int status)
{
	struct changing *c = sq_container(op, struct changing, get.op);
	int r;

	record_free(&c->record);
	if (!call_got(&c->call, &c->get, status, &c->record)) {
		change_end(c);
		return;
	}
	r = lifecycle_terminal(c->record.state) ? 1 : c->mark(c, c->get.now);
	if (r == 0) {
		change_write(c);
	} else if (r > 0) {
		change_over(c);
	} else {
		answer_memory(&c->call);
		change_end(c);
	}
}

static void change_begin(void *self, struct sq_http *rq, int (*mark)(struct changing *c, int64_t now),
                         void (*answer)(struct changing *c))
{
	struct changing *c = call_begin(gateway_of(self), rq, sizeof *c);

	if (!c)
		return;
	c->mark = mark;
	c->answer = answer;
	call_get(&c->call, &c->get, change_seen);
}

static bool put_state(struct json_object *o, const struct changing *c)
{
	return doc_put_text(o, "test_id", c->call.id) &&
	       doc_put_text(o, "state", lifecycle_word(c->record.state));
}

/* --- cancel ---------------------------------------------------------------------------------- */

/* A test that nobody has begun is over at once; the orchestrator that gets its message finds it so. */
static int mark_cancel(struct changing *c, int64_t now)
{
	const struct sq_host *host = c->call.gw->host;
	struct test_record *r = &c->record;

	if (r->cancel.set)
		return 1;
	SQ_INFO(host, SQ_KV({"test", c->call.id}), "cancel asked for: state=%s client=%s",
	        lifecycle_word(r->state), c->call.rq->peer);
	r->cancel.set = true;
	r->cancel.at = now;
	snprintf(r->cancel.by, sizeof r->cancel.by, "client %s", c->call.rq->peer);
	if (r->state != T_QUEUED)
		return 0;
	return record_step(r, now, T_CANCELLED, "cancelled", "before it began", host->instance);
}

static void answer_cancel(struct changing *c)
{
	struct json_object *o = json_object_new_object();

	answer_json(&c->call, lifecycle_terminal(c->record.state) ? 200 : 202, doc_close(o, put_state(o, c)));
}

void handle_cancel(void *self, struct sq_http *rq)
{
	change_begin(self, rq, mark_cancel, answer_cancel);
}

/* --- presence -------------------------------------------------------------------------------- */

/* Nobody has to stay with a test that was not begun so. */
static int mark_presence(struct changing *c, int64_t now)
{
	struct test_record *r = &c->record;

	if (!r->presence.set || r->cancel.set)
		return 1;
	r->presence.until = now + r->presence.ttl;
	return 0;
}

static void answer_presence(struct changing *c)
{
	struct json_object *o = json_object_new_object();
	bool good = put_state(o, c) &&
	            (c->record.presence.set && !lifecycle_terminal(c->record.state)
	                 ? doc_put_count(o, "presence_until", (uint64_t)c->record.presence.until)
	                 : doc_put_null(o, "presence_until"));

	answer_json(&c->call, 200, doc_close(o, good));
}

void handle_presence(void *self, struct sq_http *rq)
{
	change_begin(self, rq, mark_presence, answer_presence);
}
