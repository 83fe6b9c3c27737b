/*
 * op.h - one asynchronous operation.
 *
 * The caller owns the memory and usually embeds the op (or a request that embeds it) in the
 * object that waits. Set done and timeout, zero the rest. From the moment a call accepts the
 * op (returns 0) until done() has been entered, nobody may move, reuse or free it.
 *
 *   accepted    done() runs exactly once, on the loop thread, never before the accepting call
 *               has returned, never inside host->cancel(). When it is entered the memory is the
 *               caller's again: it may free the op or submit it anew.
 *   refused     (negative return) done() never runs.
 *   cancelled   done() still runs, with the result if that came first. Otherwise the plugin
 *               that carries the op is told to forget it and says whether anything had left
 *               the process: done() gets -ECANCELED, or -SQ_EUNCERTAIN if something had.
 *   too late    the same when the timeout passes: -ETIMEDOUT or -SQ_EUNCERTAIN.
 *
 * For the carrier: it completes an accepted op with host->op_done(), once. Outside the submitting
 * call done() has returned when op_done() returns, so outputs may be released then; done() may
 * have submitted and cancelled other ops meanwhile. Inside the submitting call done() waits for
 * the end of the loop turn, and outputs have to live until then. Its cancel() answers
 *    0        forgotten; nothing of it left the process
 *    1        forgotten; something may have left
 *   -EBUSY    a thread is using the request: it stays accepted and op_done() follows
 *
 * The host keeps all four promises: it stands between the caller and the carrier, holds every
 * accepted op on a list, aborts on a second completion, and names what is left at exit.
 */
#ifndef SQUALL_OP_H
#define SQUALL_OP_H

#include <stdint.h>

/*
 * Statuses beside negative errno (returned and passed as -SQ_E...).
 */
enum {
	/* Neither success nor failure is known: the request left this process and no answer
	 * came back. Retry only what is idempotent, with the same id. */
	SQ_EUNCERTAIN = 1001,
	SQ_ECONFLICT = 1002, /* compare-and-swap lost: somebody else wrote first */
	SQ_EFENCED = 1003, /* a higher fence exists: the caller no longer owns this */
	SQ_EFINAL = 1004, /* the record is terminal: it takes no writes */
	SQ_EGONE = 1005, /* deleted; a tombstone is all that is left */
};

struct sq_op;
typedef void sq_done_fn(struct sq_op *op, int status); /* status: 0 or more = done, negative = why not */

struct sq_op {
	/* Set by the caller before submitting. */
	sq_done_fn *done;
	int64_t timeout; /* ns from submission, 0 = none of its own */

	/* For the plugin that carries the op: free to use between accept and completion. */
	void *driver;

	/* The host's: zero before first use, and again when done() is entered. */
	struct {
		void *a[10];
	} host;
};

#endif
