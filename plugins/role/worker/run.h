/*
 * run.h - one load from its plan to its result.
 *
 *     resolve the target's name -> connect once to each address -> T0 -> schedule -> drain -> result
 *
 * A run ends in every case with one result document: completed, failed (the target cannot be
 * reached) or cancelled.
 */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include <stdbool.h>

#include <squall/host.h>

#include "plugins/common/plan.h"

struct run;

enum run_output { RUN_TEXT, RUN_JSON }; /* on stdout: lines and text, or the document alone */

struct run_setup {
	const struct sq_host *host;
	const struct plan *plan; /* stays with the caller */
	enum run_output output;
	bool strict, allow_invalid; /* about the exit code: result.h */
	/* Once, from the loop, after the result was written; the run may be freed inside. */
	void (*over)(void *owner, int exit_code);
	void *owner;
};

int run_start(const struct run_setup *setup, struct run **ret, struct sq_err *err);

/* Sends nothing more; over() follows soon. */
void run_cancel(struct run *r);

void run_free(struct run *r); /* NULL is fine; over() is not called anymore */

#endif
