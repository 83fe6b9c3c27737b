/*
 * op_due.c - ops by deadline: a pairing heap threaded through the ops.
 *
 * Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap" (1986). Adding costs O(1), removing
 * O(log n) amortised, and an op that ends in time, with later ones behind it, mostly O(1). No
 * memory of its own, so that accepting an op with a timeout can not fail.
 *
 * Each op points to its first child; children are chained by sibling. back is the parent for a
 * first child, else the sibling before.
 */
#include "op_slot.h"

#include <stddef.h>

/* The later of two roots becomes the first child of the other. Either may be NULL. */
static struct sq_op *join(struct sq_op *a, struct sq_op *b)
{
	struct sq_op *top = a, *below = b;
	struct op_slot *t, *s;

	if (!a || !b)
		return a ? a : b;
	if (op_slot(b)->deadline < op_slot(a)->deadline) {
		top = b;
		below = a;
	}
	t = op_slot(top);
	s = op_slot(below);
	s->sibling = t->child;
	if (t->child)
		op_slot(t->child)->back = below;
	s->back = top;
	t->child = below;
	return top;
}

/* Makes one heap of a chain of siblings: joined in pairs, then from the last pair to the first. */
static struct sq_op *join_chain(struct sq_op *first)
{
	struct sq_op *pairs = NULL, *all = NULL, *a, *b, *rest;

	for (a = first; a; a = rest) {
		b = op_slot(a)->sibling;
		rest = b ? op_slot(b)->sibling : NULL;
		op_slot(a)->sibling = op_slot(a)->back = NULL;
		if (b)
			op_slot(b)->sibling = op_slot(b)->back = NULL;
		a = join(a, b);
		op_slot(a)->sibling = pairs;
		pairs = a;
	}
	for (a = pairs; a; a = rest) {
		rest = op_slot(a)->sibling;
		op_slot(a)->sibling = NULL;
		all = join(all, a);
	}
	return all;
}

/* Takes op with all below it out of its chain. */
static void cut(struct sq_op *op)
{
	struct op_slot *s = op_slot(op), *back = op_slot(s->back);

	if (back->child == op)
		back->child = s->sibling;
	else
		back->sibling = s->sibling;
	if (s->sibling)
		op_slot(s->sibling)->back = s->back;
}

void op_due_add(struct sq_op **root, struct sq_op *op)
{
	struct op_slot *s = op_slot(op);

	s->child = s->sibling = s->back = NULL;
	*root = join(*root, op);
}

void op_due_remove(struct sq_op **root, struct sq_op *op)
{
	struct op_slot *s = op_slot(op);
	struct sq_op *below = join_chain(s->child);

	if (*root == op) {
		*root = below;
	} else {
		cut(op);
		*root = join(*root, below);
	}
	s->deadline = 0;
}
