/* messages.c - publish, take, settle, renew: one call of the script each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"

#define DAY_MS (24 * 3600 * 1000LL)
#define SEEN_MS (1 * DAY_MS) /* for as long a message published again is dropped */
#define DEAD_MS (30 * DAY_MS)
#define CLEAN_EVERY (3600 * SQ_S)
#define CLEAN_MORE (1 * SQ_S)

static struct transport *transport_of(struct queue *q)
{
	return sq_container(q, struct transport, queue);
}

static struct held *held_of(struct hold *h)
{
	return sq_container(h, struct held, hold);
}

static void call_begin(struct args *a, struct arena *arena, const struct transport *t, const char *verb,
                       unsigned most)
{
	*arena = (struct arena){0};
	args_init(a, arena, t->script_key, verb, most);
}

static int call_end(struct args *a, struct transport *t, struct redis_eval *e)
{
	int r = a->failed ? -ENOMEM : redis_link_eval(&t->link, e, a->list, a->count);

	arena_free(a->arena);
	return r;
}

/* --- publish ----------------------------------------------------------------------------------- */

struct publishing {
	struct redis_eval eval;
	struct transport *transport;
	struct sq_publish *rq; /* NULL: cancelled */
};

static int publish_check(const struct sq_message *m)
{
	if (m->id == NULL || strlen(m->id) > SQ_ID_MAX || (m->body.data == NULL && m->body.len > 0))
		return -EINVAL;
	return m->body.len > BODY_MAX ? -E2BIG : 0;
}

static void published(struct redis_eval *e, const struct reply *r, bool sent)
{
	struct publishing *p = sq_container(e, struct publishing, eval);
	struct transport *t = p->transport;
	struct sq_publish *rq = p->rq;
	int status = args_status(&t->link, r, sent);

	free(p);
	if (rq)
		t->host->op_done(t->host->ctx, &rq->op, status);
}

static int publish_send(struct publishing *p)
{
	const struct sq_message *m = &p->rq->msg;
	struct arena arena;
	struct args a;

	call_begin(&a, &arena, p->transport, "publish", 6);
	args_text(&a, m->id);
	args_int(&a, m->edition);
	args_int(&a, m->submitted_at);
	args_blob(&a, m->body);
	args_int(&a, SEEN_MS);
	args_int(&a, p->transport->conf->max_waiting);
	return call_end(&a, p->transport, &p->eval);
}

static void publish_again(struct redis_eval *e)
{
	struct publishing *p = sq_container(e, struct publishing, eval);
	struct transport *t = p->transport;
	struct sq_publish *rq = p->rq;
	int r = rq ? publish_send(p) : 0;

	if (rq && r == 0)
		return;
	free(p);
	if (rq)
		t->host->op_done(t->host->ctx, &rq->op, r);
}

int messages_publish(struct transport *t, struct sq_publish *rq)
{
	struct publishing *p;
	int r = publish_check(&rq->msg);

	if (r < 0)
		return r;
	if (!redis_link_is_up(&t->link))
		return -ENOTCONN;
	p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	*p = (struct publishing){
	    .eval = {.done = published, .again = publish_again}, .transport = t, .rq = rq};
	r = publish_send(p);
	if (r < 0) {
		free(p);
		return r;
	}
	rq->op.driver = &p->rq;
	return 0;
}

/* --- take -------------------------------------------------------------------------------------- */

enum { AT_ENTRY, AT_TOKEN, AT_ATTEMPT, AT_ID, AT_EDITION, AT_SUBMITTED, AT_BODY, AT_COUNT };

static void settle_done(struct redis_eval *e, const struct reply *r, bool sent);
static void settle_again(struct redis_eval *e);
static void renew_done(struct redis_eval *e, const struct reply *r, bool sent);
static void renew_again(struct redis_eval *e);

/* NULL without memory, or when that is no message. */
static struct hold *held_new(struct transport *t, const struct reply *r)
{
	struct sq_slice id = reply_item(r, AT_ID)->text, body = reply_item(r, AT_BODY)->text,
	                entry = reply_item(r, AT_ENTRY)->text;
	struct held *h;

	if (r->count != AT_COUNT || entry.len == 0 || entry.len >= ENTRY_ID)
		return NULL;
	h = calloc(1, sizeof *h + id.len + 1 + body.len);
	if (!h)
		return NULL;
	memcpy(h->entry, entry.data, entry.len);
	if (id.len > 0)
		memcpy(h->data, id.data, id.len);
	if (body.len > 0)
		memcpy(h->data + id.len + 1, body.data, body.len);
	h->token = reply_number(r->items[AT_TOKEN], 0);
	h->settle.done = settle_done;
	h->settle.again = settle_again;
	h->renew.done = renew_done;
	h->renew.again = renew_again;
	h->hold.delivery = (struct sq_delivery){
	    .msg = {.id = h->data,
	            .edition = (uint32_t)reply_number(r->items[AT_EDITION], 0),
	            .body = {h->data + id.len + 1, body.len},
	            .submitted_at = reply_number(r->items[AT_SUBMITTED], 0)},
	    .attempt = (uint32_t)reply_number(r->items[AT_ATTEMPT], 1),
	    .attempt_max = (uint32_t)t->conf->max_deliveries,
	    .driver = &h->hold};
	return &h->hold;
}

/* What memory does not suffice for comes again when its lock has run out. */
static struct hold *chain(struct transport *t, const struct reply *r)
{
	struct hold *first = NULL, **last = &first;

	for (uint32_t i = 0; i < r->count; i++) {
		*last = held_new(t, r->items[i]);
		if (*last)
			last = &(*last)->next;
	}
	return first;
}

static void take_done(struct redis_eval *e, const struct reply *r, bool sent)
{
	struct transport *t = sq_container(e, struct transport, take);
	int status = args_status(&t->link, r, sent);
	const struct reply *dead, *list;

	if (status < 0) {
		queue_taken(&t->queue, status, NULL, false);
		return;
	}
	dead = reply_item(r, 1);
	list = reply_item(r, 2);
	for (uint32_t i = 0; i < dead->count; i++)
		queue_dead(&t->queue, reply_text(dead->items[i]),
		           "every delivery of it ran out unsettled (max_deliveries)");
	queue_taken(&t->queue, 0, chain(t, list), list->count > 0);
}

static void never(struct sq_post *p)
{
	queue_taken(&sq_container(p, struct transport, never)->queue, -ENOTCONN, NULL, false);
}

static void take_send(struct transport *t)
{
	struct arena arena;
	struct args a;

	call_begin(&a, &arena, t, "take", 4);
	args_int(&a, t->most);
	args_int(&a, t->conf->lock / SQ_MS);
	args_int(&a, t->conf->max_deliveries);
	args_int(&a, t->conf->max_dead);
	if (call_end(&a, t, &t->take) < 0)
		t->host->later(t->host->ctx, &t->never);
}

static void take_again(struct redis_eval *e)
{
	take_send(sq_container(e, struct transport, take));
}

static void take(struct queue *q, uint32_t most, bool sure)
{
	struct transport *t = transport_of(q);

	(void)sure;
	t->most = most;
	take_send(t);
}

/* --- settle and renew -------------------------------------------------------------------------- */

static int settle(struct hold *hold)
{
	static const char *const words[] = {
	    [SQ_ACK] = "ack", [SQ_RETRY] = "retry", [SQ_RELEASE] = "release", [SQ_DEAD] = "dead"};
	struct transport *t = transport_of(hold->queue);
	struct held *h = held_of(hold);
	const struct sq_settling *rq = hold->settling;
	struct arena arena;
	struct args a;

	call_begin(&a, &arena, t, "settle", 8);
	args_text(&a, h->entry);
	args_int(&a, h->token);
	args_text(&a, words[hold->how]);
	args_int(&a, t->conf->max_deliveries);
	args_int(&a, hold->pause / SQ_MS);
	args_int(&a, t->conf->max_dead);
	args_text(&a, rq && rq->reason ? rq->reason : "");
	args_text(&a, rq && rq->description ? rq->description : "");
	return call_end(&a, t, &h->settle);
}

static void settle_done(struct redis_eval *e, const struct reply *r, bool sent)
{
	struct held *h = sq_container(e, struct held, settle);
	struct transport *t = transport_of(h->hold.queue);
	int status = args_status(&t->link, r, sent);

	if (status == 0 && reply_number(reply_item(r, 1), 0) == 1)
		status = 1;
	queue_settled(&h->hold, status);
}

static void settle_again(struct redis_eval *e)
{
	struct held *h = sq_container(e, struct held, settle);
	int r = settle(&h->hold);

	if (r < 0)
		queue_settled(&h->hold, r);
}

static int renew(struct hold *hold)
{
	struct transport *t = transport_of(hold->queue);
	struct held *h = held_of(hold);
	struct arena arena;
	struct args a;

	call_begin(&a, &arena, t, "renew", 3);
	args_text(&a, h->entry);
	args_int(&a, h->token);
	args_int(&a, t->conf->lock / SQ_MS);
	return call_end(&a, t, &h->renew);
}

static void renew_done(struct redis_eval *e, const struct reply *r, bool sent)
{
	struct held *h = sq_container(e, struct held, renew);

	queue_renewed(&h->hold, args_status(&transport_of(h->hold.queue)->link, r, sent));
}

static void renew_again(struct redis_eval *e)
{
	struct held *h = sq_container(e, struct held, renew);
	int r = renew(&h->hold);

	if (r < 0)
		queue_renewed(&h->hold, r);
}

static void drop(struct hold *h)
{
	free(held_of(h));
}

static bool is_open(struct queue *q)
{
	return redis_link_is_up(&transport_of(q)->link);
}

const struct queue_carrier redis_carrier = {
    .is_open = is_open, .take = take, .settle = settle, .renew = renew, .drop = drop};

/* --- old dead letters -------------------------------------------------------------------------- */

static void clean_wait(struct transport *t, int64_t delay)
{
	if (!t->op)
		t->host->timer_start(t->host->ctx, &t->clean_timer, delay);
}

static void clean_done(struct redis_eval *e, const struct reply *r, bool sent)
{
	struct transport *t = sq_container(e, struct transport, clean);
	bool more = args_status(&t->link, r, sent) == 0 && reply_number(reply_item(r, 1), 0) == 1;

	clean_wait(t, more ? CLEAN_MORE : CLEAN_EVERY);
}

static void clean_again(struct redis_eval *e)
{
	clean_wait(sq_container(e, struct transport, clean), CLEAN_MORE);
}

static void clean(struct sq_timer *timer)
{
	struct transport *t = sq_container(timer, struct transport, clean_timer);
	struct arena arena;
	struct args a;

	call_begin(&a, &arena, t, "clean", 1);
	args_int(&a, DEAD_MS);
	if (call_end(&a, t, &t->clean) < 0)
		clean_wait(t, CLEAN_MORE);
}

void clean_start(struct transport *t)
{
	clean_wait(t, CLEAN_MORE);
}

void messages_init(struct transport *t)
{
	t->take.done = take_done;
	t->take.again = take_again;
	t->never.run = never;
	t->clean.done = clean_done;
	t->clean.again = clean_again;
	t->clean_timer.fire = clean;
}

void messages_stop(struct transport *t)
{
	t->host->timer_stop(t->host->ctx, &t->clean_timer);
	t->host->unpost(t->host->ctx, &t->never);
}
