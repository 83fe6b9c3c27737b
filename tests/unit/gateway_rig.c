/* gateway_rig.c - a gateway in a unit test. */
#include "gateway_rig.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

extern const struct sq_plugin sq_plugin_role_gateway;

static struct rig *rig; /* the one of this test: calls of struct sq_http_calls know no context */

/* --- time and threads ------------------------------------------------------------------------ */

static int64_t now(void *ctx)
{
	return ((struct rig *)ctx)->now;
}

static void timer_stop(void *ctx, struct sq_timer *t)
{
	struct rig *r = ctx;

	for (unsigned i = 0; i < SQ_LEN(r->timers); i++)
		if (r->timers[i] == t)
			r->timers[i] = NULL;
}

static void timer_start(void *ctx, struct sq_timer *t, int64_t delay)
{
	struct rig *r = ctx;
	unsigned i = 0;

	timer_stop(ctx, t);
	while (r->timers[i])
		i++;
	assert(i < SQ_LEN(r->timers));
	r->timers[i] = t;
	r->due[i] = r->now + delay;
}

static int accept_op(struct rig *r, struct sq_op *op, int status,
                     void (*fill)(struct rig *r, struct sq_op *op))
{
	assert(r->op_count < SQ_LEN(r->ops));
	r->ops[r->op_count].op = op;
	r->ops[r->op_count].status = status;
	r->ops[r->op_count++].fill = status >= 0 ? fill : NULL;
	return 0;
}

static int work(void *ctx, struct sq_work *w)
{
	return accept_op(ctx, &w->op, w->run(w), NULL);
}

static void op_done(void *ctx, struct sq_op *op, int status)
{
	(void)ctx;
	op->done(op, status);
}

static void log_line(void *ctx, enum sq_level level, const struct sq_kv *kv, const char *fmt, ...)
{
	(void)ctx, (void)level, (void)kv, (void)fmt;
}

static int64_t *cell(void *ctx, const char *name, const char *help)
{
	struct rig *r = ctx;

	(void)name, (void)help;
	return &r->cells[r->cell_count++ % SQ_LEN(r->cells)];
}

static const char *url(void *ctx)
{
	(void)ctx;
	return "http://127.0.0.1:8000";
}

/* --- the store and the queue ----------------------------------------------------------------- */

static int store_op(struct rig *r, struct sq_op *op, void (*fill)(struct rig *r, struct sq_op *op))
{
	if (r->refuse)
		return r->store;
	return accept_op(r, op, r->store, fill);
}

static void fill_info(struct rig *r, struct sq_op *op)
{
	(void)r;
	sq_container(op, struct sq_store_info, op)->now = 1000000;
}

static int store_info(void *self, struct sq_store_info *rq)
{
	return store_op(self, &rq->op, fill_info);
}

static struct sq_record record_of(const struct rig *r)
{
	return (struct sq_record){.id = "t",
	                          .version = r->record.version,
	                          .life = r->record.life,
	                          .state = r->record.state,
	                          .owner = "",
	                          .address = "",
	                          .body = {r->record.body, r->record.len}};
}

static void fill_get(struct rig *r, struct sq_op *op)
{
	struct sq_store_get *rq = sq_container(op, struct sq_store_get, op);

	rq->record = record_of(r);
	rq->now = 1000000;
}

static int store_get(void *self, struct sq_store_get *rq)
{
	struct rig *r = self;

	if (r->store == 0 && r->record.version == 0)
		return accept_op(r, &rq->op, -ENOENT, NULL);
	return store_op(r, &rq->op, fill_get);
}

static int put_record(struct rig *r, const struct sq_store_put *rq)
{
	if (r->record.version > 0 && r->record.life == SQ_TERMINAL)
		return -SQ_EFINAL;
	if (r->record.version != rq->version)
		return -SQ_ECONFLICT;
	assert(rq->body.len < sizeof r->record.body);
	memcpy(r->record.body, rq->body.data, rq->body.len);
	r->record.len = rq->body.len;
	r->record.version++;
	r->record.life = rq->life;
	snprintf(r->record.state, sizeof r->record.state, "%s", rq->state);
	return 0;
}

static int store_put(void *self, struct sq_store_put *rq)
{
	struct rig *r = self;
	unsigned n = r->put_count++;
	int status = n < RIG_SCRIPT ? r->puts[n].status : 0;
	int real = 0;

	if (status == 0 || r->puts[n].applied)
		real = put_record(r, rq);
	return accept_op(r, &rq->op, status ? status : real, NULL);
}

static void fill_list(struct rig *r, struct sq_op *op)
{
	static struct sq_record one;
	struct sq_store_list *rq = sq_container(op, struct sq_store_list, op);

	one = record_of(r);
	rq->records = &one;
	rq->count = r->record.version > 0;
	rq->next = "7";
}

static int store_list(void *self, struct sq_store_list *rq)
{
	return store_op(self, &rq->op, fill_list);
}

static int store_del(void *self, struct sq_store_delete *rq)
{
	return store_op(self, &rq->op, NULL);
}

static void fill_range(struct rig *r, struct sq_op *op)
{
	struct sq_store_range *rq = sq_container(op, struct sq_store_range, op);
	uint32_t skip = 0;

	while (skip < r->entry_count && r->entries[skip].seq < rq->from)
		skip++;
	rq->entries = r->entries + skip;
	rq->count = r->entry_count - skip < rq->limit ? r->entry_count - skip : rq->limit;
	rq->more = skip + rq->count < r->entry_count;
}

static int store_range(void *self, struct sq_store_range *rq)
{
	return store_op(self, &rq->op, fill_range);
}

static void fill_parts(struct rig *r, struct sq_op *op)
{
	struct sq_store_parts *rq = sq_container(op, struct sq_store_parts, op);

	rq->parts = r->parts;
	rq->count = r->part_count;
}

static int store_parts(void *self, struct sq_store_parts *rq)
{
	return store_op(self, &rq->op, fill_parts);
}

static const struct sq_store store = {
    .size = sizeof store,
    .info = store_info,
    .get = store_get,
    .put = store_put,
    .list = store_list,
    .del = store_del,
    .range = store_range,
    .parts = store_parts,
};

static int publish(void *self, struct sq_publish *rq)
{
	struct rig *r = self;
	unsigned n = r->publish_count++;
	int status = n < RIG_SCRIPT ? r->publishes[n] : 0;

	return status == -ENOTCONN ? status : accept_op(r, &rq->op, status, NULL);
}

static const struct sq_transport transport = {.size = sizeof transport, .publish = publish};

/* --- the target, in place of plugins/common/fetch.c ------------------------------------------ */

int fetcher_new(struct ev_loop *loop, const char *agent, struct fetcher **ret)
{
	(void)loop, (void)agent;
	*ret = calloc(1, 1);
	return *ret ? 0 : -ENOMEM;
}

void fetcher_free(struct fetcher *f)
{
	free(f);
}

static void fill_fetch(struct rig *r, struct sq_op *op)
{
	struct fetch *rq = sq_container(op, struct fetch, op);

	(void)r;
	rq->status = 200;
	rq->answer = (struct sq_slice){"{\"total_hits\":7}", 16};
}

int fetch_start(struct fetcher *f, struct fetch *rq)
{
	(void)f;
	return accept_op(rig, &rq->op, rig->fetched ? 0 : -EHOSTUNREACH, fill_fetch);
}

/* --- the client ------------------------------------------------------------------------------ */

static struct sq_slice header(const struct sq_http *rq, const char *name)
{
	for (uint32_t i = 0; i < rq->header_count; i++)
		if (rq->headers[i].name.len == strlen(name) &&
		    strncasecmp(rq->headers[i].name.data, name, strlen(name)) == 0)
			return rq->headers[i].value;
	return (struct sq_slice){NULL, 0};
}

static int set(struct sq_http *rq, const char *name, const char *value)
{
	(void)rq, (void)name, (void)value;
	return 0;
}

static void take(struct rig *r, const void *data, size_t len)
{
	assert(r->len + len < sizeof r->body);
	if (len > 0)
		memcpy(r->body + r->len, data, len);
	r->len += len;
	r->body[r->len] = '\0';
}

static void reply(struct sq_http *rq, int status, const char *type, const void *body, size_t len)
{
	struct rig *r = sq_container(rq, struct rig, rq);

	(void)type;
	r->answers++;
	r->status = status;
	take(r, body, len);
}

static void SQ_PRINTF(3, 4) problem(struct sq_http *rq, int status, const char *detail_fmt, ...)
{
	char text[1024];
	va_list ap;
	int len;

	va_start(ap, detail_fmt);
	len = vsnprintf(text, sizeof text, detail_fmt, ap);
	va_end(ap);
	reply(rq, status, NULL, text, (size_t)len);
}

static int stream(struct sq_http *rq, struct sq_stream *s, int status, const char *type)
{
	struct rig *r = sq_container(rq, struct rig, rq);

	assert(!r->stream);
	(void)type;
	r->answers++;
	r->status = status;
	r->stream = s;
	r->ended = false;
	return 0;
}

static int stream_write(struct sq_stream *s, const void *data, size_t len)
{
	assert(rig->stream == s && !rig->ended);
	take(rig, data, len);
	return rig->full;
}

static void stream_end(struct sq_stream *s)
{
	assert(rig->stream == s && !rig->ended);
	rig->ended = true;
}

static const struct sq_http_calls http = {.header = header,
                                          .set = set,
                                          .reply = reply,
                                          .problem = problem,
                                          .stream = stream,
                                          .write = stream_write,
                                          .end = stream_end};

void rig_leave(struct rig *r)
{
	struct sq_stream *s = r->stream;

	r->stream = NULL;
	r->closed++;
	s->closed(s);
}

/* --- turns ----------------------------------------------------------------------------------- */

static bool complete_one(struct rig *r)
{
	struct sq_op *op;
	int status;

	if (r->op_count == 0 || r->hold)
		return false;
	op = r->ops[0].op;
	status = r->ops[0].status;
	if (r->ops[0].fill)
		r->ops[0].fill(r, op);
	memmove(r->ops, r->ops + 1, --r->op_count * sizeof *r->ops);
	op->done(op, status);
	return true;
}

static bool fire_one(struct rig *r)
{
	for (unsigned i = 0; i < SQ_LEN(r->timers); i++) {
		struct sq_timer *t = r->timers[i];

		if (t && r->due[i] <= r->now) {
			r->timers[i] = NULL;
			t->fire(t);
			return true;
		}
	}
	return false;
}

void rig_settle(struct rig *r)
{
	do {
		if (r->stream && r->ended)
			rig_leave(r);
	} while (complete_one(r) || fire_one(r));
	if (r->stream && r->ended)
		rig_leave(r);
}

void rig_pass(struct rig *r, int64_t ns)
{
	r->now += ns;
	rig_settle(r);
}

static struct sq_slice slice(const char *s)
{
	return (struct sq_slice){s, s ? strlen(s) : 0};
}

void rig_ask(struct rig *r, void (*handle)(void *self, struct sq_http *rq), const char *id, const char *query,
             const char *head, const char *body)
{
	const char *colon = head ? strchr(head, ':') : NULL;

	r->answers = 0;
	r->len = 0;
	r->body[0] = '\0';
	r->rq = (struct sq_http){
	    .params = {slice(id)}, .query = slice(query), .body = slice(body), .peer = "127.0.0.1"};
	if (colon) {
		r->headers[0].name = (struct sq_slice){head, (size_t)(colon - head)};
		r->headers[0].value = slice(colon + 2);
		r->rq.headers = r->headers;
		r->rq.header_count = 1;
	}
	handle(r->gw, &r->rq);
	rig_settle(r);
}

/* --- life ------------------------------------------------------------------------------------ */

int rig_open(struct rig *r)
{
	static const char *const none[] = {NULL};
	static const struct gateway_conf conf = {.target_url = "http://127.0.0.1:8080/hit",
	                                         .allowed_targets = none,
	                                         .api_keys_file = "",
	                                         .max_watchers = 2};
	void *self;
	int status;

	*r = (struct rig){0};
	rig = r;
	r->host = (struct sq_host){
	    .size = sizeof r->host,
	    .ctx = r,
	    .version = "1",
	    .instance = "here",
	    .url = url,
	    .now = now,
	    .timer_start = timer_start,
	    .timer_stop = timer_stop,
	    .work = work,
	    .log = log_line,
	    .counter = cell,
	    .gauge = cell,
	    .op_done = op_done,
	    .http = &http,
	    .store = &store,
	    .store_self = r,
	    .transport = &transport,
	    .transport_self = r,
	};
	status = sq_plugin_role_gateway.create(&r->host, &conf, &self, NULL);
	if (status < 0)
		return status;
	r->gw = self;
	return sq_plugin_role_gateway.start(self, NULL);
}

static void drained(struct sq_op *op, int status)
{
	(void)status;
	op->driver = op;
}

void rig_close(struct rig *r)
{
	struct sq_op op = {.done = drained};

	sq_plugin_role_gateway.drain(r->gw, &op);
	rig_pass(r, 60 * SQ_S);
	assert(op.driver == &op);
	sq_plugin_role_gateway.destroy(r->gw);
}
