/*
 * target.c - the API under test: POST /hit, GET /stats, POST /reset, all answering {"total_hits": N}.
 *
 * All hits of one loop turn travel to the store in one request, and each gets a number of its own
 * from the answer. A hit is answered only after the store has it. Nothing is allocated per hit:
 * the waiting requests form a chain through sq_http.user, and calls to the store are used again.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <squall/plugin.h>

#include "core/base/digits.h"
#include "tests.h"

#define TARGET_MAGIC 0x51535447u
#define RETRY (1 * SQ_S) /* until the store answers for the first time */
#define STORE_HEADER "X-Squall-Store"
#define TEST_HEADER "X-Squall-Test"
#define ANSWER "{\"total_hits\":" /* the number, and } */

struct target;

/* One request to the store with the HTTP requests that wait for it. */
struct call {
	struct sq_store_count rq;
	struct sq_counter items[1 + TESTS_MAX]; /* all hits, then those of each test */
	struct target *target;
	void (*answer)(struct call *c); /* the store's number is in items[0].value */
	struct sq_http *first, *last; /* chained through user */
	struct call *next; /* while it is free */
};

struct target {
	uint32_t magic;
	const struct sq_host *host;
	struct call *hits; /* collects the hits of this turn */
	struct call *free;
	unsigned open; /* requests to the store that are collecting hits or on their way */
	struct sq_post turn_end;
	struct tests tests;

	/* At start: claim the counter, then ask for the store's name, until both have worked. */
	struct sq_store_count claim;
	struct sq_counter claimed;
	struct sq_store_info info;
	struct sq_timer retry;
	char store_id[SQ_ID_MAX + 1]; /* "" until the store has answered */
	struct sq_op *drain; /* set: stopping, nothing new is taken */
	int64_t *answered, *refused;
};

static struct target *target_of(void *self)
{
	struct target *t = self;

	assert(t && t->magic == TARGET_MAGIC);
	return t;
}

/* --- answers --- */

static const char *status_text(int status)
{
	switch (status) {
	case -SQ_EUNCERTAIN:
		return "the connection broke, so this may have been counted or not";
	case -ENOTCONN:
		return "it is not connected";
	default:
		return strerror(-status);
	}
}

static void answer_number(struct target *t, struct sq_http *rq, int64_t n)
{
	const struct sq_http_calls *http = t->host->http;
	char body[sizeof ANSWER + DIGITS_MAX] = ANSWER, *end = put_digits(body + sizeof ANSWER - 1, n);

	*end++ = '}';
	if (t->store_id[0])
		http->set(rq, STORE_HEADER, t->store_id);
	http->reply(rq, 200, "application/json", body, (size_t)(end - body));
	++*t->answered;
}

static void answer_problem(struct target *t, struct sq_http *rq, int status)
{
	t->host->http->problem(rq, 503, "the store did not answer: %s", status_text(status));
	++*t->refused;
}

static struct sq_http *call_pop(struct call *c)
{
	struct sq_http *rq = c->first;

	c->first = rq->user;
	rq->user = NULL;
	return rq;
}

/* value-n+1 .. value are ours, in the order the hits came. */
static void answer_hits(struct call *c)
{
	int64_t n = c->items[0].value - c->items[0].n;

	while (c->first)
		answer_number(c->target, call_pop(c), ++n);
}

static void answer_stats(struct call *c)
{
	answer_number(c->target, call_pop(c), c->items[0].value);
}

static void answer_reset(struct call *c)
{
	answer_number(c->target, call_pop(c), 0);
}

/* --- calls --- */

static void call_done(struct sq_op *op, int status);

static struct call *call_new(struct target *t, void (*answer)(struct call *c))
{
	struct call *c = t->free;

	if (c)
		t->free = c->next;
	else
		c = malloc(sizeof *c);
	if (c == NULL)
		return NULL;
	*c = (struct call){.target = t, .answer = answer, .items[0].name = SQ_COUNTER_HITS};
	c->rq.op.done = call_done;
	c->rq.items = c->items;
	c->rq.count = 1;
	t->open++;
	return c;
}

static void call_push(struct call *c, struct sq_http *rq)
{
	if (c->first)
		c->last->user = rq;
	else
		c->first = rq;
	c->last = rq;
	rq->user = NULL;
}

static void target_left(struct target *t)
{
	t->open--;
	if (t->drain && t->open == 0)
		t->host->op_done(t->host->ctx, t->drain, 0);
}

static void call_end(struct call *c, int status)
{
	struct target *t = c->target;

	if (status >= 0)
		c->answer(c);
	while (c->first)
		answer_problem(t, call_pop(c), status);
	tests_done(&t->tests, c->items + 1, c->rq.count - 1);
	c->next = t->free;
	t->free = c;
	target_left(t);
}

static void call_done(struct sq_op *op, int status)
{
	call_end(sq_container(op, struct call, rq.op), status);
}

/* --- routes --- */

static void send_hits(struct target *t)
{
	struct call *c = t->hits;
	int r;

	if (c == NULL)
		return;
	t->hits = NULL;
	c->rq.count += tests_take(&t->tests, c->items + 1, TESTS_MAX);
	r = t->host->store->add(t->host->store_self, &c->rq);
	if (r < 0)
		call_end(c, r);
}

static void turn_ended(struct sq_post *p)
{
	send_hits(sq_container(p, struct target, turn_end));
}

/* From now on there is a call for the end of this turn; false without memory. */
static bool collect_hits(struct target *t)
{
	if (t->hits)
		return true;
	t->hits = call_new(t, answer_hits);
	if (t->hits)
		t->host->later(t->host->ctx, &t->turn_end);
	return t->hits;
}

static void handle_hit(void *self, struct sq_http *rq)
{
	struct target *t = target_of(self);

	if (t->drain) {
		t->host->http->problem(rq, 503, "this target is stopping");
		return;
	}
	if (!collect_hits(t)) {
		answer_problem(t, rq, -ENOMEM);
		return;
	}
	t->hits->items[0].n++;
	call_push(t->hits, rq);
	tests_hit(&t->tests, t->host->http->header(rq, TEST_HEADER));
}

/* Hits of a test that came before the store had said that it is one. */
static void test_ready(void *owner)
{
	collect_hits(target_of(owner));
}

static void test_asked(void *owner, bool begins)
{
	struct target *t = target_of(owner);

	if (begins)
		t->open++;
	else
		target_left(t);
}

/* What came first goes first: the hits of this turn so far are sent before it. */
static void handle_one(struct target *t, struct sq_http *rq, void (*answer)(struct call *c),
                       int (*verb)(void *self, struct sq_store_count *rq))
{
	struct call *c;
	int r;

	send_hits(t);
	c = t->drain ? NULL : call_new(t, answer);
	if (c == NULL) {
		t->host->http->problem(rq, 503, t->drain ? "this target is stopping" : "no memory");
		return;
	}
	call_push(c, rq);
	r = verb(t->host->store_self, &c->rq);
	if (r < 0)
		call_end(c, r);
}

static void handle_stats(void *self, struct sq_http *rq)
{
	struct target *t = target_of(self);

	handle_one(t, rq, answer_stats, t->host->store->read);
}

static void handle_reset(void *self, struct sq_http *rq)
{
	struct target *t = target_of(self);

	handle_one(t, rq, answer_reset, t->host->store->reset);
}

/* --- life --- */

static void target_ask_again(struct target *t, int status)
{
	char why[120];

	snprintf(why, sizeof why, "waiting for the store: %s", status_text(status));
	t->host->ready(t->host->ctx, 0, why);
	if (t->drain == NULL)
		t->host->timer_start(t->host->ctx, &t->retry, RETRY);
}

static void info_done(struct sq_op *op, int status)
{
	struct target *t = sq_container(op, struct target, info.op);

	if (status >= 0) {
		memcpy(t->store_id, t->info.id, sizeof t->store_id);
		t->host->ready(t->host->ctx, 1, NULL);
	} else {
		target_ask_again(t, status);
	}
	target_left(t);
}

static void claim_done(struct sq_op *op, int status)
{
	struct target *t = sq_container(op, struct target, claim.op);
	int r = status;

	if (r >= 0)
		r = t->host->store->info(t->host->store_self, &t->info);
	if (r >= 0)
		return;
	target_ask_again(t, r);
	target_left(t);
}

/* Adding nothing makes the counter ours where a store has owners, and finds out early whether a
 * hit could be counted. */
static int target_claim(struct target *t)
{
	int r = t->host->store->add(t->host->store_self, &t->claim);

	if (r >= 0)
		t->open++;
	return r;
}

static void claim_again(struct sq_timer *timer)
{
	struct target *t = sq_container(timer, struct target, retry);
	int r = target_claim(t);

	if (r < 0)
		target_ask_again(t, r);
}

static int target_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct target *t = calloc(1, sizeof *t);

	(void)conf;
	if (t == NULL)
		return sq_fail(err, -ENOMEM, "no memory");
	t->magic = TARGET_MAGIC;
	t->host = host;
	t->turn_end.run = turn_ended;
	t->tests = (struct tests){.host = host, .ready = test_ready, .asked = test_asked, .owner = t};
	t->claimed.name = SQ_COUNTER_HITS;
	t->claim.items = &t->claimed;
	t->claim.count = 1;
	t->claim.op.done = claim_done;
	t->info.op.done = info_done;
	t->retry.fire = claim_again;
	t->answered = host->counter(host->ctx, "target_answers_total", "Requests answered with a number.");
	t->refused = host->counter(host->ctx, "target_refusals_total", "Requests answered 503.");
	*ret_self = t;
	return 0;
}

static int target_start(void *self, struct sq_err *err)
{
	struct target *t = target_of(self);
	int r = target_claim(t);

	if (r == -EBUSY)
		return sq_fail(err, r,
		               "counter " SQ_COUNTER_HITS
		               " belongs to another process, named in the line above: stop"
		               " it, or use another store");
	if (r < 0)
		target_ask_again(t, r);
	else
		t->host->ready(t->host->ctx, 0, "waiting for the store");
	return 0;
}

static void target_drain(void *self, struct sq_op *op)
{
	struct target *t = target_of(self);

	t->host->timer_stop(t->host->ctx, &t->retry);
	t->drain = op;
	if (t->open == 0)
		t->host->op_done(t->host->ctx, op, 0);
}

static void target_destroy(void *self)
{
	struct target *t = target_of(self);

	t->host->timer_stop(t->host->ctx, &t->retry);
	t->host->unpost(t->host->ctx, &t->turn_end);
	while (t->free) {
		struct call *c = t->free;

		t->free = c->next;
		free(c);
	}
	free(t->hits);
	t->magic = 0;
	free(t);
}

static const struct sq_route target_routes[] = {
    {.method = "POST",
     .path = "/hit",
     .handle = handle_hit,
     .help = "Counts one hit and answers its number."},
    {.method = "GET", .path = "/stats", .handle = handle_stats, .help = "Answers the number of hits so far."},
    {.method = "POST", .path = "/reset", .handle = handle_reset, .help = "Sets the number of hits to zero."},
    {.method = NULL}};

static const struct sq_role target_role = {
    .size = sizeof(struct sq_role), .needs = SQ_NEEDS_STORE, .routes = target_routes};

SQ_PLUGIN(role, SQ_ROLE, target, .version = PACKAGE_VERSION, .summary = "The API under test: counts hits",
          .create = target_create, .start = target_start, .drain = target_drain, .destroy = target_destroy,
          .vt.role = &target_role);
