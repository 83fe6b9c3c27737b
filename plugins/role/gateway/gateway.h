/*
 * gateway.h - the parts of the gateway, and what each request of a client goes through.
 *
 *     submit.c   POST /tests
 *     total.c    what all tests together ask for, before one more is taken
 *     tests.c    GET /tests, GET and DELETE /tests/{id}
 *     change.c   POST /tests/{id}/cancel, POST /tests/{id}/presence
 *     report.c   GET /tests/{id}/report.*, GET /tests/{id}/timeline
 *     watch.c    GET /tests/{id}/events
 *     stats.c    GET /stats
 *
 * A request that has to wait for anything is a struct call, embedded first in what its part needs to
 * remember. It is begun by call_begin(), answered exactly once, and ended by call_end(). The gateway
 * keeps nothing about tests: all of it is in the store. Loop thread only.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/plugin.h>

#include "keys.h"
#include "plugins/common/fetch.h"
#include "plugins/common/knock.h"
#include "plugins/common/limits.h"
#include "plugins/common/list.h"
#include "plugins/common/plan.h"
#include "plugins/common/policy.h"
#include "plugins/common/record_doc.h"

#define STORE_TIMEOUT (10 * SQ_S) /* longest wait for one answer of the store */
#define CAS_TRIES 20 /* times that a record is read and written anew because somebody else was faster */

struct gateway_conf {
	const char *target_url;
	const char *const *allowed_targets;
	int64_t max_rate, max_workers, max_duration, max_request_body;
	int64_t max_total_rate, max_total_workers, max_tests;
	const char *api_keys_file;
	int shared_store;
	int64_t max_watchers;
};

struct gateway {
	uint32_t magic;
	const struct sq_host *host;
	const struct gateway_conf *conf;
	struct policy *policy;
	struct limits limits;
	struct demand arriving; /* of tests that were let in, and are not recorded yet */
	bool alone; /* the orchestrators have another store: tests are passed on, and not heard of again */
	struct keys keys;
	struct fetcher *fetcher;
	struct link watches; /* of struct watch */
	uint32_t watchers;
	unsigned open; /* calls and watches that have not ended */
	struct sq_op *drain; /* set: stopping, nothing new is taken */
	struct knock knock; /* of -t --connect */
	int64_t *accepted, *refused, *watching; /* metrics */
};

struct call {
	struct gateway *gw;
	struct sq_http *rq; /* NULL once it is answered */
	char id[SQ_ID_MAX + 1]; /* of the test that it is about, or "" */
};

/* Checks the key, makes room for size bytes that begin with a struct call, zeroed, and copies the id from
 * the path, if there is one. NULL: it has been answered. */
void *call_begin(struct gateway *gw, struct sq_http *rq, size_t size);
/* Frees it. The answer was given before. */
void call_end(struct call *c);

/* Each of these answers the request. A document is taken over, and NULL counts as "no memory". */
void answer_json(struct call *c, int status, struct json_object *doc);
void answer_text(struct call *c, const char *type, const struct buf *text);
void answer_empty(struct call *c, int status);
void SQ_PRINTF(3, 4) answer_problem(struct call *c, int status, const char *fmt, ...);
/* The same with a list of {"field","problem"}, borrowed. */
void answer_errors(struct call *c, int status, const char *detail, struct json_object *errors);
/* What a negative status of the store means for the client; c->id is the test it was about. */
void answer_store(struct call *c, int status);
void answer_memory(struct call *c);

/* Asks the store for the record of the call's test. */
void call_get(struct call *c, struct sq_store_get *get, sq_done_fn *done);
/* Inside that done(): the record. False: answered, as there is none, or it cannot be read. */
bool call_got(struct call *c, const struct sq_store_get *get, int status, struct test_record *out);

/* r is what submitting op gave: when it was refused, done() runs at once, as the caller is no part
 * of op's users any more. */
static inline void call_submitted(struct sq_op *op, int r)
{
	if (r < 0)
		op->done(op, r);
}

/* A parameter of the query as a number of min .. max, or fallback. False: answered. */
bool query_number(struct call *c, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *ret);

/* queue.c. Why the queue has not confirmed a message, and what helps; one phrase. */
const char *queue_trouble(int status);
/* Writes the message of a test that will have no record here, so that it has to hold all of the plan. False:
 * answered. */
bool queue_fits(struct call *c, struct test_record *r, const struct plan *plan, struct json_object *posted,
                struct buf *out);

/* total.c. Embedded by who submits; begun once. */
struct total {
	struct call *call;
	int64_t rate, workers; /* of the test that wants in */
	struct sq_store_list list;
	char cursor[512];
	struct demand others;
	bool counted; /* in gw->arriving */
	/* Once. why: NULL when it fits; with status < 0 the store failed. */
	void (*done)(struct total *t, int status, const struct sq_err *why);
};
void total_ask(struct total *t);
void total_leave(struct total *t); /* it is recorded, or will not be */

/* Routes. */
void handle_submit(void *self, struct sq_http *rq);
void handle_list(void *self, struct sq_http *rq);
void handle_show(void *self, struct sq_http *rq);
void handle_delete(void *self, struct sq_http *rq);
void handle_cancel(void *self, struct sq_http *rq);
void handle_presence(void *self, struct sq_http *rq);
void handle_timeline(void *self, struct sq_http *rq);
void handle_report_json(void *self, struct sq_http *rq);
void handle_report_txt(void *self, struct sq_http *rq);
void handle_report_csv(void *self, struct sq_http *rq);
void handle_report_hgrm(void *self, struct sq_http *rq);
void handle_events(void *self, struct sq_http *rq);
void handle_stats(void *self, struct sq_http *rq);

struct gateway *gateway_of(void *self);
void watches_end(struct gateway *gw); /* at drain: all of them */
void gateway_left(struct gateway *gw); /* one call or watch less */

#endif
