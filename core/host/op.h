/*
 * op.h - the host's side of squall/op.h: every op that a plugin has accepted, until done().
 *
 * Whoever stands between a caller and a carrier says
 *
 *     op_begin(ops, &rq->op, carrier, "store.add");
 *     return op_end(ops, &rq->op, vt->add(self, rq));
 *
 * Loop thread only. The list of open ops, their deadlines and the queue of completions are
 * threaded through the ops themselves: nothing here allocates.
 */
#ifndef HOST_OP_H
#define HOST_OP_H

#include <squall/op.h>

#include "loop.h"

/* Who carries ops, for whom. Owned by the proxy, pool or instance that submits; outlives its ops. */
struct op_carrier {
	const char *who; /* on whose behalf: "target" */
	void *self; /* the carrier's */
	int (*cancel)(void *self, struct sq_op *op); /* NULL: as if it always said -EBUSY */
	unsigned open; /* accepted, and done() has not returned */
};

struct ops {
	struct loop *loop;
	struct sq_op *open; /* accepted, not completed */
	struct sq_op *ended, **ended_tail; /* completed, done() is due at the end of the turn */
	struct sq_post flush;
	struct sq_op *due; /* heap of those with a timeout */
	struct sq_timer timer;
	int64_t timer_at; /* what the timer is set to, INT64_MAX when it is not */
	void (*emptied)(struct ops *o); /* may be NULL: some carrier has nothing open any more */
};

void ops_init(struct ops *o, struct loop *l);
void ops_fini(struct ops *o);

void op_begin(struct ops *o, struct sq_op *op, struct op_carrier *c, const char *what);
/* accepted: what the carrier returned. 0, or the refusal. */
int op_end(struct ops *o, struct sq_op *op, int accepted);

/* host->op_done(). Inside the carrier's accepting call or its cancel(), done() waits for the end of
 * the turn, otherwise it has returned. */
void ops_done(struct ops *o, struct sq_op *op, int status);

/* host->cancel(). Harmless when the op is not open, or completed already. */
void ops_cancel(struct ops *o, struct sq_op *op);

/* Names what is open: calls see() once for each caller and verb. */
void ops_each(const struct ops *o, void (*see)(void *arg, const char *who, const char *what, unsigned count),
              void *arg);

#endif
