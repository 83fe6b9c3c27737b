/*
 * watch.c - GET /tests/{id}/events: what happens to a test, as server-sent events (WHATWG HTML, 9.2).
 *
 *     event: state    an entry of the record's history
 *     event: live     the last point that the record holds, when the record has changed
 *     event: point    a point of the timeline, all of them in order
 *     event: end      {"state","reason","verdict","validity"}, the last one; then the stream ends
 *
 * Nobody tells the gateway of changes: while a client is connected it looks at the record and the
 * timeline every 250 ms. The id of an event is "H.N": the first H entries of the history are known, and
 * the points before number N; with Last-Event-ID a client goes on there. After "end" it is told
 * by 204 to come back no more.
 *
 * A watch lives until both its stream is closed and no answer of the store is on its way. What one look
 * can write is bounded; a client that does not read holds up the next look, and nothing else.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"
#include "plugins/common/doc.h"

#define LOOK (250 * SQ_MS)
#define PING (15 * SQ_S)
#define POINTS 64 /* at most, in one look */
#define BYTES (64 << 10) /* of one look, but for its last event: well below a stream's buffer */
#define LAST_ID "end"

struct watch {
	struct call call; /* its request becomes the stream */
	struct link link;
	struct sq_stream stream;
	bool streaming; /* until closed() */
	bool ended; /* end() was called: nothing more may be written */
	bool busy; /* an answer of the store is on its way */
	bool full; /* until writable() */
	bool over; /* the record is final */
	struct sq_timer timer;
	struct sq_store_get get;
	struct sq_store_range range;
	struct buf out; /* events of this look */
	struct json_object *end; /* data of the last event */
	uint64_t version; /* of the record that was seen last */
	uint64_t steps; /* entries of the history that the client has */
	uint64_t next; /* number of the first point that it has not */
	int64_t written; /* when something was written last */
};

static void watch_free(struct watch *w)
{
	const struct sq_host *host = w->call.gw->host;

	host->timer_stop(host->ctx, &w->timer);
	list_remove(&w->link);
	--*w->call.gw->watching;
	w->call.gw->watchers--;
	buf_free(&w->out);
	json_object_put(w->end);
	call_end(&w->call);
}

static void stream_closed(struct sq_stream *stream)
{
	struct watch *w = sq_container(stream, struct watch, stream);

	w->streaming = false;
	if (!w->busy)
		watch_free(w);
}

static void watch_end(struct watch *w)
{
	const struct sq_host *host = w->call.gw->host;

	w->ended = true;
	host->timer_stop(host->ctx, &w->timer);
	host->http->end(&w->stream);
}

/* --- events ---------------------------------------------------------------------------------- */

static void put_event(struct watch *w, const char *name, const char *data, size_t len)
{
	buf_printf(&w->out, "event: %s\nid: %" PRIu64 ".%" PRIu64 "\ndata: ", name, w->steps, w->next);
	buf_add(&w->out, data, len);
	buf_str(&w->out, "\n\n");
}

/* JSON without blanks has no line breaks, which would end the data. */
static void put_document(struct watch *w, const char *name, struct json_object *o)
{
	size_t len = 0;
	const char *text = o ? doc_text(o, &len) : NULL;

	if (text)
		put_event(w, name, text, len);
	else
		w->out.failed = true;
}

static void put_history(struct watch *w, const struct test_record *r)
{
	size_t n = json_object_array_length(r->history);

	while (w->steps < n) {
		struct json_object *entry = json_object_array_get_idx(r->history, (size_t)w->steps++);

		put_document(w, "state", entry);
	}
}

static struct json_object *end_document(const struct test_record *r)
{
	struct json_object *o = json_object_new_object(), *status;
	bool good = doc_put_text(o, "state", lifecycle_word(r->state)) &&
	            doc_put_text(o, "reason", *r->reason ? r->reason : NULL) &&
	            doc_put_text(o, "verdict", r->verdict);

	status = r->validity ? json_object_object_get(r->validity, "status") : NULL;
	return doc_close(o, good && (status ? doc_put(o, "validity", json_object_get(status))
	                                    : doc_put_null(o, "validity")));
}

static void put_end(struct watch *w)
{
	size_t len = 0;
	const char *text = w->end ? doc_text(w->end, &len) : NULL;

	if (!text) {
		w->out.failed = true;
		return;
	}
	buf_str(&w->out, "event: end\nid: " LAST_ID "\ndata: ");
	buf_add(&w->out, text, len);
	buf_str(&w->out, "\n\n");
}

/* --- looking --------------------------------------------------------------------------------- */

static void watch_look(struct watch *w);
static void watch_read(struct sq_op *op, int status);

static void look_again(struct sq_timer *timer)
{
	watch_look(sq_container(timer, struct watch, timer));
}

static void stream_writable(struct sq_stream *stream)
{
	struct watch *w = sq_container(stream, struct watch, stream);
	bool waited = w->full;

	w->full = false;
	if (waited && !w->busy && !w->ended)
		watch_look(w);
}

/* Sends what this look has found. False: the client is lost, and closed() follows. */
static bool watch_send(struct watch *w)
{
	const struct sq_host *host = w->call.gw->host;
	int64_t now = host->now(host->ctx);
	int r = 0;

	if (w->out.len == 0 && now - w->written >= PING)
		buf_str(&w->out, ": still here\n\n");
	if (buf_failed(&w->out)) {
		watch_end(w);
		return false;
	}
	if (w->out.len > 0) {
		w->written = now;
		r = host->http->write(&w->stream, w->out.data, w->out.len);
	}
	buf_reset(&w->out);
	w->full = r > 0;
	return r >= 0;
}

/* The look is over. all: there is nothing more at the moment; else there is, and soon. */
static void watch_sent(struct watch *w, bool all, int64_t delay)
{
	const struct sq_host *host = w->call.gw->host;
	bool end = w->over && all;

	if (end)
		put_end(w);
	if (!watch_send(w))
		return;
	if (end)
		watch_end(w);
	else if (!w->full)
		host->timer_start(host->ctx, &w->timer, delay);
}

/* The answer of the store is here. False: there is no one left to tell. */
static bool watch_answered(struct watch *w)
{
	w->busy = false;
	if (!w->streaming)
		watch_free(w);
	else if (!w->ended)
		return true;
	return false;
}

static void points_read(struct sq_op *op, int status)
{
	struct watch *w = sq_container(op, struct watch, range.op);
	uint32_t i = 0;

	if (!watch_answered(w))
		return;
	while (status >= 0 && i < w->range.count && w->out.len < BYTES) {
		const struct sq_entry *e = &w->range.entries[i++];

		w->next = e->seq + 1;
		put_event(w, "point", e->data.data, e->data.len);
	}
	/* A store that is away for a moment is no end: the test may have more to tell. */
	if (status < 0)
		watch_sent(w, false, LOOK);
	else if (i < w->range.count || (w->range.more && i > 0))
		watch_sent(w, false, 0);
	else
		watch_sent(w, true, LOOK);
}

static void watch_points(struct watch *w)
{
	const struct sq_host *host = w->call.gw->host;

	w->busy = true;
	w->range.id = w->call.id;
	w->range.log = RECORD_TIMELINE;
	w->range.from = w->next;
	w->range.limit = POINTS;
	w->range.op.done = points_read;
	w->range.op.timeout = STORE_TIMEOUT;
	call_submitted(&w->range.op, host->store->range(host->store_self, &w->range));
}

static void watch_look(struct watch *w)
{
	w->busy = true;
	call_get(&w->call, &w->get, watch_read);
}

/* A record that has changed. 0 or -ENOMEM or what record_read() says. */
static int watch_record(struct watch *w, const struct sq_record *from)
{
	struct test_record r;
	int status;

	if (from->version == w->version)
		return 0;
	status = record_read(from->body, &r, NULL);
	if (status < 0)
		return status;
	w->version = from->version;
	put_history(w, &r);
	if (lifecycle_terminal(r.state)) {
		w->over = true;
		json_object_put(w->end);
		w->end = end_document(&r);
	} else if (r.live) {
		put_document(w, "live", r.live);
	}
	record_free(&r);
	return 0;
}

static void watch_read(struct sq_op *op, int status)
{
	struct watch *w = sq_container(op, struct watch, get.op);

	if (!watch_answered(w))
		return;
	if (status >= 0 && w->get.record.life != SQ_TOMBSTONE)
		status = watch_record(w, &w->get.record);
	else if (status >= 0)
		status = -SQ_EGONE;
	if (status == -ENOENT || status == -SQ_EGONE || status == -EBADMSG || status == -EPROTONOSUPPORT)
		watch_end(w);
	else
		watch_points(w);
}

/* --- the beginning --------------------------------------------------------------------------- */

/* "H.N"; what is no id of ours counts as none. */
static void watch_resume(struct watch *w, struct sq_slice id)
{
	char text[64];
	uint64_t steps, next;
	int used = 0;

	w->next = 1;
	if (!id.data || id.len >= sizeof text)
		return;
	memcpy(text, id.data, id.len);
	text[id.len] = '\0';
	if (sscanf(text, "%" SCNu64 ".%" SCNu64 "%n", &steps, &next, &used) != 2 || (size_t)used != id.len ||
	    next < 1 || next > INT64_MAX)
		return;
	w->steps = steps;
	w->next = next;
}

static void watch_first(struct sq_op *op, int status)
{
	struct watch *w = sq_container(op, struct watch, get.op);
	const struct sq_host *host = w->call.gw->host;
	struct sq_http *rq = w->call.rq;
	struct test_record r;

	w->busy = false;
	if (!call_got(&w->call, &w->get, status, &r)) {
		watch_free(w);
		return;
	}
	record_free(&r);
	w->call.rq = NULL;
	host->http->set(rq, "Cache-Control", "no-cache");
	if (w->call.gw->drain) {
		host->http->problem(rq, 503, "this gateway is stopping: try again in a moment");
		watch_free(w);
	} else if (host->http->stream(rq, &w->stream, 200, "text/event-stream") < 0) {
		watch_free(w);
	} else {
		w->streaming = true;
		w->written = host->now(host->ctx);
		if (watch_record(w, &w->get.record) < 0)
			watch_end(w);
		else
			watch_points(w);
	}
}

static void watch_begin(struct gateway *gw, struct watch *w)
{
	list_add_last(&gw->watches, &w->link);
	gw->watchers++;
	++*gw->watching;
	w->stream.closed = stream_closed;
	w->stream.writable = stream_writable;
	w->timer.fire = look_again;
	w->busy = true;
	call_get(&w->call, &w->get, watch_first);
}

void handle_events(void *self, struct sq_http *rq)
{
	struct gateway *gw = gateway_of(self);
	struct sq_slice id = gw->host->http->header(rq, "Last-Event-ID");
	struct watch *w = call_begin(gw, rq, sizeof *w);

	if (!w)
		return;
	if (id.len == sizeof LAST_ID - 1 && memcmp(id.data, LAST_ID, id.len) == 0) {
		answer_empty(&w->call, 204);
		call_end(&w->call);
	} else if (gw->watchers >= gw->conf->max_watchers) {
		answer_problem(&w->call, 503,
		               "%u clients follow events already: try again later, or raise max_watchers",
		               gw->watchers);
		call_end(&w->call);
	} else {
		watch_resume(w, id);
		watch_begin(gw, w);
	}
}

void watches_end(struct gateway *gw)
{
	for (struct link *l = gw->watches.next; l != &gw->watches; l = l->next) {
		struct watch *w = sq_container(l, struct watch, link);

		if (w->streaming && !w->ended)
			watch_end(w);
	}
}
