/* answer.c - beginning, answering and ending a client's request. */
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/http_parse.h"
#include "core/base/text.h"
#include "gateway.h"
#include "plugins/common/doc.h"
#include "query.h"

void *call_begin(struct gateway *gw, struct sq_http *rq, size_t size)
{
	const struct sq_http_calls *http = gw->host->http;
	struct sq_slice id = rq->params[0];
	struct call *c;

	if (!keys_admit(&gw->keys, http->header(rq, "Authorization"))) {
		http->set(rq, "WWW-Authenticate", "Bearer");
		http->problem(rq, 401, "this gateway wants an API key: send Authorization: Bearer KEY");
		return NULL;
	}
	if (gw->drain) {
		http->problem(rq, 503, "this gateway is stopping: try again in a moment");
		return NULL;
	}
	if (gw->alone && id.len > 0) {
		http->problem(
		    rq, 404,
		    "this gateway shares no store with the orchestrators, so it cannot tell about test "
		    "%.*s: give both the same Redis (REDIS_HOST); the orchestrator's log has the result",
		    (int)(id.len < SQ_ID_MAX ? id.len : SQ_ID_MAX), id.data);
		return NULL;
	}
	if (id.len > SQ_ID_MAX) {
		http->problem(rq, 404, "there is no test with this id: GET /tests lists them");
		return NULL;
	}
	c = calloc(1, size);
	if (!c) {
		http->problem(rq, 503, "out of memory: try again later");
		return NULL;
	}
	c->gw = gw;
	c->rq = rq;
	if (id.len > 0)
		memcpy(c->id, id.data, id.len);
	gw->open++;
	return c;
}

void call_end(struct call *c)
{
	struct gateway *gw = c->gw;

	assert(c->rq == NULL);
	free(c);
	gateway_left(gw);
}

static struct sq_http *take(struct call *c)
{
	struct sq_http *rq = c->rq;

	assert(rq);
	c->rq = NULL;
	return rq;
}

void answer_memory(struct call *c)
{
	c->gw->host->http->problem(take(c), 503, "out of memory: try again later");
}

static void reply(struct call *c, int status, const char *type, struct json_object *doc)
{
	size_t len = 0;
	const char *text = doc ? doc_text(doc, &len) : NULL;

	if (text)
		c->gw->host->http->reply(take(c), status, type, text, len);
	else
		answer_memory(c);
	json_object_put(doc);
}

void answer_json(struct call *c, int status, struct json_object *doc)
{
	reply(c, status, "application/json", doc);
}

void answer_text(struct call *c, const char *type, const struct buf *text)
{
	if (buf_failed(text))
		answer_memory(c);
	else
		c->gw->host->http->reply(take(c), 200, type, text->data, text->len);
}

void answer_empty(struct call *c, int status)
{
	c->gw->host->http->reply(take(c), status, NULL, "", 0);
}

void answer_problem(struct call *c, int status, const char *fmt, ...)
{
	char detail[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	c->gw->host->http->problem(take(c), status, "%s", detail);
}

/* RFC 9457; of the type about:blank the title is the phrase of the status. */
void answer_errors(struct call *c, int status, const char *detail, struct json_object *errors)
{
	struct json_object *o = json_object_new_object();
	bool good = doc_put_text(o, "type", "about:blank") && doc_put_text(o, "title", http_phrase(status)) &&
	            doc_put_count(o, "status", (uint64_t)status) && doc_put_text(o, "detail", detail) &&
	            doc_put(o, "errors", json_object_get(errors));

	reply(c, status, "application/problem+json", doc_close(o, good));
}

static const char *store_trouble(int status)
{
	switch (status) {
	case -ENOTCONN:
		return "it is not connected";
	case -ENOSPC:
		return "it is full, make room where it keeps its data";
	case -ETIMEDOUT:
		return "it did not answer in time";
	case -SQ_EUNCERTAIN:
		return "the connection to it broke";
	case -SQ_ECONFLICT:
	case -SQ_EFINAL:
		return "others wrote this record each time";
	default:
		return strerror(-status);
	}
}

void answer_store(struct call *c, int status)
{
	switch (status) {
	case -ENOENT:
	case -EINVAL:
		answer_problem(c, 404, "there is no test with the id %s: GET /tests lists them", c->id);
		break;
	case -SQ_EGONE:
		answer_problem(c, 410, "test %s was deleted", c->id);
		break;
	case -ENOMEM:
		answer_memory(c);
		break;
	default:
		SQ_WARN(c->gw->host, SQ_KV({*c->id ? "test" : NULL, c->id}), "the store failed: %s",
		        store_trouble(status));
		answer_problem(c, 503, "the store failed: %s; try again in a moment", store_trouble(status));
	}
}

void call_get(struct call *c, struct sq_store_get *get, sq_done_fn *done)
{
	const struct sq_host *host = c->gw->host;

	get->id = c->id;
	get->op.done = done;
	get->op.timeout = STORE_TIMEOUT;
	call_submitted(&get->op, host->store->get(host->store_self, get));
}

bool call_got(struct call *c, const struct sq_store_get *get, int status, struct test_record *out)
{
	struct sq_err err;

	if (status >= 0 && get->record.life == SQ_TOMBSTONE)
		status = -SQ_EGONE;
	if (status < 0) {
		answer_store(c, status);
		return false;
	}
	status = record_read(get->record.body, out, &err);
	if (status == -ENOMEM)
		answer_memory(c);
	else if (status < 0)
		answer_problem(c, 500, "test %s cannot be read: %s", c->id, err.text);
	return status == 0;
}

bool query_number(struct call *c, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *ret)
{
	char text[24];
	int64_t n = fallback;
	int r = query_get(c->rq->query, name, text, sizeof text);

	if (r > 0)
		r = text_parse_int(text, &n);
	if (r < 0 || n < min || n > max) {
		answer_problem(c, 400, "%s: must be a whole number of %lld .. %lld", name, (long long)min,
		               (long long)max);
		return false;
	}
	*ret = n;
	return true;
}
