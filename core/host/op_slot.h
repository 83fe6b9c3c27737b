/* op_slot.h - what the host keeps inside every struct sq_op; op.c and op_due.c only. */
#ifndef HOST_OP_SLOT_H
#define HOST_OP_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/op.h>

struct op_slot {
	struct sq_op *next, **pprev; /* in ops.open; next alone in ops.ended */
	struct op_carrier *carrier;
	const char *what;
	int64_t deadline; /* monotonic ns; 0 = not in the heap */
	struct sq_op *child, *sibling, *back; /* op_due.c */
	int status;
	uint8_t state; /* enum op_state */
	bool cancelled; /* asked for while the carrier was still being called */
} __attribute__((may_alias));
_Static_assert(sizeof(struct op_slot) <= sizeof(((struct sq_op *)0)->host), "sq_op is too small");

static inline struct op_slot *op_slot(struct sq_op *op)
{
	return (struct op_slot *)&op->host;
}

/* A heap of ops by deadline; *root is the earliest, NULL when there is none. */
void op_due_add(struct sq_op **root, struct sq_op *op); /* slot's deadline is set */
void op_due_remove(struct sq_op **root, struct sq_op *op); /* clears the slot's deadline */

#endif
