/*
 * op.c - keeps the promises of squall/op.h, whatever the carrier does.
 *
 * An op goes free -> submitting -> active -> (forgetting, busy) -> ended -> free. A completion from
 * outside goes straight to done(). One that comes while the carrier is being called for this very
 * op waits on a queue for the end of the turn, so that done() runs neither inside the submitting
 * call nor inside cancel(). A carrier that breaks the contract ends the process: going on with
 * an op whose memory may be somebody else's by now would corrupt results.
 */
#include "op.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/failpoint.h"
#include "log.h"
#include "op_slot.h"

enum op_state {
	OP_FREE,
	OP_SUBMITTING, /* inside the accepting call */
	OP_ACTIVE,
	OP_FORGETTING, /* inside the carrier's cancel() */
	OP_BUSY, /* cancel() said -EBUSY: nothing to do but wait */
	OP_ENDED, /* on the queue */
};

static _Noreturn void broken(struct sq_op *op, const char *how)
{
	const struct op_slot *s = op_slot(op);

	if (s->carrier)
		log_event(
		    "host", SQ_L_ERROR, SQ_KV({"who", s->carrier->who}, {"what", s->what}),
		    "%s: this is a bug in the plugin that carries it, and nothing can be trusted after it",
		    how);
	else
		log_event(
		    "host", SQ_L_ERROR, NULL,
		    "an operation was %s, and is not open: completed twice, or never accepted? This is a "
		    "bug in a plugin, and nothing can be trusted after it",
		    how);
	abort();
}

static void open_add(struct ops *o, struct sq_op *op)
{
	struct op_slot *s = op_slot(op);

	s->next = o->open;
	s->pprev = &o->open;
	if (o->open)
		op_slot(o->open)->pprev = &s->next;
	o->open = op;
}

static void open_remove(struct sq_op *op)
{
	struct op_slot *s = op_slot(op);

	*s->pprev = s->next;
	if (s->next)
		op_slot(s->next)->pprev = s->pprev;
}

/* One carrier has one op less. */
static void put_back(struct ops *o, struct op_carrier *c)
{
	assert(c->open > 0);
	if (--c->open == 0 && o->emptied)
		o->emptied(o);
}

/* The memory is the caller's again from here on. */
static void hand_back(struct ops *o, struct sq_op *op, int status)
{
	struct op_carrier *c = op_slot(op)->carrier;

	memset(&op->host, 0, sizeof op->host);
	op->done(op, status);
	put_back(o, c);
}

/* The result is known, done() has to wait for the end of the turn. */
static void end(struct ops *o, struct sq_op *op, int status)
{
	struct op_slot *s = op_slot(op);

	open_remove(op);
	s->state = OP_ENDED;
	s->status = status;
	s->next = NULL;
	*o->ended_tail = op;
	o->ended_tail = &s->next;
	loop_last(o->loop, &o->flush);
}

/* What ends while this runs waits for the next turn. */
static void flush(struct sq_post *p)
{
	struct ops *o = sq_container(p, struct ops, flush);
	struct sq_op *op = o->ended, *next;

	o->ended = NULL;
	o->ended_tail = &o->ended;
	for (; op; op = next) {
		next = op_slot(op)->next;
		hand_back(o, op, op_slot(op)->status);
	}
}

/* Asks the carrier to let go. clean: the status if nothing has left the process. */
static void forget(struct ops *o, struct sq_op *op, int clean)
{
	struct op_slot *s = op_slot(op);
	int r = -EBUSY;

	s->state = OP_FORGETTING;
	if (s->carrier->cancel)
		r = s->carrier->cancel(s->carrier->self, op);
	if (s->state == OP_ENDED) {
		if (r >= 0)
			broken(op, "completed inside cancel() and then forgotten");
	} else if (r < 0) {
		s->state = OP_BUSY;
	} else {
		end(o, op, r == 0 ? clean : -SQ_EUNCERTAIN);
	}
}

/* The timer is only ever moved to an earlier time; when it comes too early it is set anew. */
static void set_timer(struct ops *o)
{
	int64_t at = o->due ? op_slot(o->due)->deadline : INT64_MAX;

	if (at >= o->timer_at)
		return;
	o->timer_at = at;
	loop_timer_start(o->loop, &o->timer, at - loop_now());
}

static void expire(struct sq_timer *t)
{
	struct ops *o = sq_container(t, struct ops, timer);
	int64_t now = loop_now();
	struct sq_op *op;

	o->timer_at = INT64_MAX;
	while ((op = o->due) && op_slot(op)->deadline <= now) {
		op_due_remove(&o->due, op);
		forget(o, op, -ETIMEDOUT);
	}
	set_timer(o);
}

void ops_init(struct ops *o, struct loop *l)
{
	*o = (struct ops){.loop = l, .timer_at = INT64_MAX};
	o->ended_tail = &o->ended;
	o->flush.run = flush;
	o->timer.fire = expire;
}

void ops_fini(struct ops *o)
{
	assert(!o->open && !o->ended);
	loop_timer_stop(o->loop, &o->timer);
}

void op_begin(struct ops *o, struct sq_op *op, struct op_carrier *c, const char *what)
{
	struct op_slot *s = op_slot(op);

	if (s->state != OP_FREE)
		broken(op, "submitted again before done()");
	assert(op->done && op->timeout >= 0);
	s->state = OP_SUBMITTING;
	s->carrier = c;
	s->what = what;
	c->open++;
	open_add(o, op);
}

static void refused(struct ops *o, struct sq_op *op)
{
	struct op_carrier *c = op_slot(op)->carrier;

	open_remove(op);
	memset(&op->host, 0, sizeof op->host);
	put_back(o, c);
}

int op_end(struct ops *o, struct sq_op *op, int accepted)
{
	struct op_slot *s = op_slot(op);

	if (s->state == OP_ENDED) {
		if (accepted < 0)
			broken(op, "completed and then refused");
		return 0;
	}
	assert(s->state == OP_SUBMITTING);
	if (accepted < 0) {
		refused(o, op);
		return accepted;
	}
	s->state = OP_ACTIVE;
	if (s->cancelled) {
		forget(o, op, -ECANCELED);
	} else if (op->timeout > 0) {
		s->deadline = loop_now() + op->timeout;
		op_due_add(&o->due, op);
		set_timer(o);
	}
	return 0;
}

void ops_done(struct ops *o, struct sq_op *op, int status)
{
	struct op_slot *s = op_slot(op);

	if (s->what && failpoint("after", s->what) < 0)
		status = -SQ_EUNCERTAIN;
	switch ((enum op_state)s->state) {
	case OP_ACTIVE:
	case OP_BUSY:
		if (s->deadline)
			op_due_remove(&o->due, op);
		open_remove(op);
		hand_back(o, op, status);
		return;
	case OP_SUBMITTING:
	case OP_FORGETTING:
		end(o, op, status);
		return;
	case OP_ENDED:
		broken(op, "completed twice");
	case OP_FREE:
		break;
	}
	broken(op, "completed");
}

void ops_cancel(struct ops *o, struct sq_op *op)
{
	struct op_slot *s = op_slot(op);

	if (s->state == OP_SUBMITTING) {
		s->cancelled = true;
	} else if (s->state == OP_ACTIVE) {
		if (s->deadline)
			op_due_remove(&o->due, op);
		forget(o, op, -ECANCELED);
	}
}

struct group {
	const char *who, *what;
	unsigned count;
};

/* Enough for every verb of every kind for a few roles; what does not fit is counted in the last. */
#define GROUPS 64

void ops_each(const struct ops *o, void (*see)(void *arg, const char *who, const char *what, unsigned count),
              void *arg)
{
	struct group groups[GROUPS];
	unsigned n = 0, i;

	for (struct sq_op *op = o->open; op; op = op_slot(op)->next) {
		const struct op_slot *s = op_slot(op);

		for (i = 0; i < n; i++)
			if (groups[i].who == s->carrier->who && strcmp(groups[i].what, s->what) == 0)
				break;
		if (i == n && n < GROUPS)
			groups[n++] = (struct group){s->carrier->who, s->what, 0};
		groups[i < n ? i : n - 1].count++;
	}
	for (i = 0; i < n; i++)
		see(arg, groups[i].who, groups[i].what, groups[i].count);
}
