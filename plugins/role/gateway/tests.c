/* tests.c - what can be done with tests that exist: list, show, delete. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "gateway.h"
#include "plugins/common/doc.h"
#include "query.h"

#define LIST_LIMIT 20
#define LIST_MOST 100 /* bodies of that many records come at once */

/* --- GET /tests ------------------------------------------------------------------------------ */

struct listing {
	struct call call;
	struct sq_store_list list;
	char state[32], cursor[256];
};

/* One that a newer squall wrote is listed by what the store knows of it. */
static struct json_object *list_entry(const struct sq_record *from)
{
	struct json_object *o;
	struct test_record r;
	struct sq_err err;

	if (record_read(from->body, &r, &err) == 0) {
		o = record_summary(&r);
		record_free(&r);
		return o;
	}
	o = json_object_new_object();
	return doc_close(o, doc_put_text(o, "test_id", from->id) && doc_put_text(o, "state", from->state) &&
	                        doc_put_text(o, "problem", err.text));
}

static struct json_object *list_page(const struct sq_store_list *list)
{
	struct json_object *o = json_object_new_object(), *tests = json_object_new_array();
	bool good = true;

	for (uint32_t i = 0; good && i < list->count; i++)
		good = doc_append(tests, list_entry(&list->records[i]));
	good = doc_put(o, "tests", doc_close(tests, good)) &&
	       doc_put_text(o, "next", *list->next ? list->next : NULL);
	return doc_close(o, good);
}

static void listed(struct sq_op *op, int status)
{
	struct listing *l = sq_container(op, struct listing, list.op);

	if (status >= 0)
		answer_json(&l->call, 200, list_page(&l->list));
	else if (status == -EINVAL)
		answer_problem(&l->call, 400, "cursor: use what \"next\" of the page before said");
	else
		answer_store(&l->call, status);
	call_end(&l->call);
}

/* False: answered. */
static bool list_query(struct listing *l)
{
	struct sq_slice query = l->call.rq->query;
	int64_t limit;
	int r = query_get(query, "state", l->state, sizeof l->state);

	if (r < 0 || (r > 0 && lifecycle_parse(l->state) < 0)) {
		answer_problem(
		    &l->call, 400,
		    "state: must be queued, provisioning, ready, armed, running, draining, completed, "
		    "failed, cancelled or timed_out");
		return false;
	}
	l->list.state = r > 0 ? l->state : NULL;
	if (query_get(query, "cursor", l->cursor, sizeof l->cursor) < 0) {
		answer_problem(&l->call, 400, "cursor: use what \"next\" of the page before said");
		return false;
	}
	l->list.cursor = l->cursor;
	if (!query_number(&l->call, "limit", 1, LIST_MOST, LIST_LIMIT, &limit))
		return false;
	l->list.limit = (uint32_t)limit;
	return true;
}

void handle_list(void *self, struct sq_http *rq)
{
	struct gateway *gw = gateway_of(self);
	struct listing *l = call_begin(gw, rq, sizeof *l);

	if (!l)
		return;
	if (!list_query(l)) {
		call_end(&l->call);
		return;
	}
	l->list.op.done = listed;
	l->list.op.timeout = STORE_TIMEOUT;
	call_submitted(&l->list.op, gw->host->store->list(gw->host->store_self, &l->list));
}

/* --- GET /tests/{id} ------------------------------------------------------------------------- */

struct showing {
	struct call call;
	struct sq_store_get get;
};

static void shown(struct sq_op *op, int status)
{
	struct showing *s = sq_container(op, struct showing, get.op);
	struct test_record r;

	if (call_got(&s->call, &s->get, status, &r)) {
		answer_json(&s->call, 200, record_answer(&r));
		record_free(&r);
	}
	call_end(&s->call);
}

void handle_show(void *self, struct sq_http *rq)
{
	struct showing *s = call_begin(gateway_of(self), rq, sizeof *s);

	if (s)
		call_get(&s->call, &s->get, shown);
}

/* --- DELETE /tests/{id} ---------------------------------------------------------------------- */

struct deleting {
	struct call call;
	struct sq_store_delete del;
};

static void deleted(struct sq_op *op, int status)
{
	struct deleting *d = sq_container(op, struct deleting, del.op);

	if (status >= 0)
		answer_empty(&d->call, 204);
	else if (status == -EBUSY)
		answer_problem(&d->call, 409,
		               "test %s is not over: cancel it first, with POST /tests/%s/cancel", d->call.id,
		               d->call.id);
	else
		answer_store(&d->call, status);
	call_end(&d->call);
}

void handle_delete(void *self, struct sq_http *rq)
{
	struct gateway *gw = gateway_of(self);
	struct deleting *d = call_begin(gw, rq, sizeof *d);

	if (!d)
		return;
	d->del.id = d->call.id;
	d->del.op.done = deleted;
	d->del.op.timeout = STORE_TIMEOUT;
	call_submitted(&d->del.op, gw->host->store->del(gw->host->store_self, &d->del));
}
