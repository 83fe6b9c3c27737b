/*
 * count.c - counters. The hits: INCRBY, GET and GETSET on a key of their own. The others: by the script.
 *
 * Each item of a request is a step of its own, so a request waits for several answers. Additions to the hits
 * go in waves: what comes while an INCRBY is under way waits for its answer and then leaves as one, so that a
 * server that is busy or far away is asked seldom, and never for more than one at a time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digits.h"
#include "redis.h"

struct counting;

struct hit {
	struct hit *next; /* in a wave of additions */
	struct redis_call call; /* of a reading, a reset, or the wave that this one heads */
	int64_t sum; /* of that wave */
	struct counting *counting;
	struct sq_counter *item;
};

struct counting {
	struct sq_op *op; /* first: op->driver points here; NULL: cancelled */
	struct store *store;
	struct sq_store_count *rq;
	enum count_verb verb;
	struct redis_eval eval; /* all but the hits */
	unsigned open; /* answers that are due */
	bool some; /* items that were done */
	int status; /* the first failure */
	struct hit hits[];
};

static bool is_hit(const struct sq_counter *item)
{
	return strcmp(item->name, SQ_COUNTER_HITS) == 0;
}

static struct redis_link *hits_link(struct store *s)
{
	return s->hits.stage == REDIS_OFF ? &s->main : &s->hits;
}

/* --- the end --------------------------------------------------------------------------------- */

static void note(struct counting *c, int status)
{
	if (status == 0)
		c->some = true;
	else if (c->status == 0)
		c->status = status;
}

/* When some were done and others not, what is true of the request is that nobody knows. */
static int outcome(const struct counting *c)
{
	return c->status < 0 && c->some && c->verb != COUNT_READ ? -SQ_EUNCERTAIN : c->status;
}

static void one_less(struct counting *c)
{
	const struct sq_host *host = c->store->host;
	struct sq_op *op = c->op;
	int status = outcome(c);

	if (--c->open > 0)
		return;
	free(c);
	if (op)
		host->op_done(host->ctx, op, status);
}

/* --- hits ------------------------------------------------------------------------------------ */

/* Another node has the key. What was asked for was not done; whoever asks again comes there. */
static void follow(struct store *s, const struct reply *r)
{
	struct sq_err err;

	if (s->hits.stage != REDIS_OFF || s->op)
		return;
	if (fault_moved(r, s->hits.moved_host, sizeof s->hits.moved_host, &s->hits.moved_port) &&
	    redis_link_start(&s->hits, &err) == 0)
		SQ_INFO(s->host, NULL, "the key %s is on %s", s->conf->key, redis_link_place(&s->hits));
}

static int hit_status(struct counting *c, const struct reply *r, bool sent)
{
	struct redis_link *l = hits_link(c->store);

	if (l == &c->store->main && r && r->type == REPLY_ERROR && fault_of(r)->kind == FAULT_MOVED) {
		follow(c->store, r);
		return -EIO;
	}
	return redis_link_status(l, r, sent && c->verb != COUNT_READ);
}

static void hit_done(struct redis_call *call, const struct reply *r, bool sent)
{
	struct hit *h = sq_container(call, struct hit, call);
	struct counting *c = h->counting;
	int status = hit_status(c, r, sent);
	int64_t value = 0;

	if (status == 0 && r->type != REPLY_NIL)
		value = reply_number(r, -1);
	if (value < 0)
		status = -EIO;
	if (status == 0 && c->op)
		h->item->value = value;
	note(c, status);
	one_less(c);
}

/* --- waves ----------------------------------------------------------------------------------- */

static void hit_end(struct hit *h, int status, int64_t value)
{
	struct counting *c = h->counting;

	if (status == 0 && c->op)
		h->item->value = value;
	note(c, status);
	one_less(c);
}

/* Every hit of a wave ends; before is the number before its first. */
static void wave_end(struct hit *first, int status, int64_t before)
{
	struct hit *next;

	for (struct hit *h = first; h; h = next) {
		next = h->next; /* its memory goes with its request */
		before += h->item->n;
		hit_end(h, status, before);
	}
}

static void wave_done(struct redis_call *call, const struct reply *r, bool sent);

/* Sends what waits as one. Also inside of the call that submits: what cannot be sent ends at the end of the
 * turn then. */
static void wave_send(struct store *s)
{
	const char *key = s->conf->key;
	char number[DIGITS_MAX];
	struct sq_slice args[3] = {{"INCRBY", 6}, {key, strlen(key)}, {number, 0}};
	struct hit *first = s->waiting;
	int r;

	if (!first)
		return;
	args[2].len = (size_t)(put_digits(number, s->waiting_sum) - number);
	first->sum = s->waiting_sum;
	first->call.done = wave_done;
	s->waiting = NULL;
	s->waiting_sum = 0;
	r = redis_link_send(hits_link(s), &first->call, args, 3);
	if (r < 0)
		wave_end(first, r, 0);
	else
		s->waves++;
}

static void wave_done(struct redis_call *call, const struct reply *r, bool sent)
{
	struct hit *first = sq_container(call, struct hit, call);
	struct store *s = first->counting->store;
	int status = hit_status(first->counting, r, sent);
	int64_t value = status == 0 ? reply_number(r, -1) : 0, sum = first->sum;

	s->waves--;
	if (status == 0 && value < sum)
		status = -EIO;
	wave_end(first, status, value - sum);
	if (s->waves == 0)
		wave_send(s);
}

/* -ERANGE: the sum of those that wait would be too large. */
static int wave_join(struct store *s, struct hit *h)
{
	struct hit **last = s->waiting ? s->waiting_last : &s->waiting;
	int64_t sum;

	if (__builtin_add_overflow(s->waiting_sum, h->item->n, &sum))
		return -ERANGE;
	s->waiting_sum = sum;
	s->waiting_last = &h->next;
	h->next = NULL;
	*last = h;
	return 0;
}

/* --- */

/* A reading or a reset comes behind all that was added before it. */
static int hit_send(struct counting *c, struct hit *h)
{
	const char *key = c->store->conf->key;
	struct sq_slice args[3] = {{"GET", 3}, {key, strlen(key)}, {"0", 1}};

	h->counting = c;
	if (c->verb == COUNT_ADD)
		return wave_join(c->store, h);
	wave_send(c->store);
	if (c->verb == COUNT_RESET)
		args[0] = (struct sq_slice){"GETSET", 6};
	h->call.done = hit_done;
	return redis_link_send(hits_link(c->store), &h->call, args, c->verb == COUNT_READ ? 2 : 3);
}

/* --- the others ------------------------------------------------------------------------------ */

static void take_others(struct counting *c, const struct reply *r)
{
	uint32_t at = 1;

	for (unsigned i = 0; i < c->rq->count; i++)
		if (!is_hit(&c->rq->items[i]))
			c->rq->items[i].value = reply_number(reply_item(r, at++), 0);
}

static void others_done(struct redis_eval *e, const struct reply *r, bool sent)
{
	struct counting *c = sq_container(e, struct counting, eval);
	int status = args_status(&c->store->main, r, sent && c->verb != COUNT_READ);

	if (status == 0 && c->op)
		take_others(c, r);
	note(c, status);
	one_less(c);
}

static int others_send(struct counting *c)
{
	static const char *const names[] = {"add", "read", "reset"};
	struct arena arena = {0};
	struct args a;
	int r;

	args_init(&a, &arena, c->store->script_key, names[c->verb], 3 * c->rq->count);
	for (unsigned i = 0; i < c->rq->count; i++) {
		const struct sq_counter *item = &c->rq->items[i];

		if (is_hit(item))
			continue;
		args_text(&a, item->name);
		if (c->verb != COUNT_ADD)
			continue;
		args_int(&a, item->n);
		args_text(&a, item->record ? item->record : "");
	}
	r = a.failed ? -ENOMEM : redis_link_eval(&c->store->main, &c->eval, a.list, a.count);
	arena_free(&arena);
	return r;
}

static void others_again(struct redis_eval *e)
{
	struct counting *c = sq_container(e, struct counting, eval);
	int r = c->op ? others_send(c) : -ECANCELED;

	if (r == 0)
		return;
	note(c, r);
	one_less(c);
}

/* --- a request ------------------------------------------------------------------------------- */

/* 0 when anything is under way: then a part that could not be sent is a failure of the request. */
static int send_all(struct counting *c, unsigned hits)
{
	unsigned next = 0;
	int r = 0;

	for (unsigned i = 0; i < c->rq->count && r == 0; i++) {
		if (!is_hit(&c->rq->items[i]))
			continue;
		c->hits[next].item = &c->rq->items[i];
		r = hit_send(c, &c->hits[next++]);
		c->open += r == 0;
	}
	if (r == 0 && hits < c->rq->count) {
		r = others_send(c);
		c->open += r == 0;
	}
	if (c->open == 0 || r == 0)
		return r;
	note(c, r);
	c->some = true; /* so that it ends as uncertain */
	return 0;
}

int store_count(struct store *s, struct sq_store_count *rq, enum count_verb verb)
{
	struct counting *c;
	unsigned hits = 0;
	int r = count_check(rq, verb == COUNT_ADD);

	if (r < 0)
		return r;
	if (!redis_link_is_up(&s->main) || !redis_link_is_up(hits_link(s)))
		return -ENOTCONN;
	for (unsigned i = 0; i < rq->count; i++)
		hits += is_hit(&rq->items[i]);
	c = calloc(1, sizeof *c + hits * sizeof *c->hits);
	if (!c)
		return -ENOMEM;
	c->op = &rq->op;
	c->store = s;
	c->rq = rq;
	c->verb = verb;
	c->eval.done = others_done;
	c->eval.again = others_again;
	r = send_all(c, hits);
	if (r < 0) {
		free(c);
		return r;
	}
	rq->op.driver = &c->op;
	if (s->waves == 0)
		wave_send(s); /* c may be gone behind it */
	return 0;
}
