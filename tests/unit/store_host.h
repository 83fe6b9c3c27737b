/*
 * store_host.h - a host for one store in a unit test: no loop, no threads, time by hand.
 *
 * Everything that waits is dealt with by host_turn(), in the order a real host keeps: timers that
 * are due, later(), work, completions that had to wait for the end of the turn.
 */
#ifndef TESTS_STORE_HOST_H
#define TESTS_STORE_HOST_H

#include <squall/plugin.h>

struct store_host {
	struct sq_host host;
	int64_t now;
	bool submitting; /* the test is inside a submitting call */
	bool hold; /* work stays on its queue, as if the thread were busy */
	struct sq_post *later;
	struct sq_work *work;
	struct sq_timer *timers[8];
	int64_t due[8];
	struct {
		struct sq_op *op;
		int status;
	} ended[64];
	unsigned ended_count;
	int ready; /* as last told; -1 before */
	unsigned errors, infos; /* lines logged */
	char line[300]; /* the last one */
};

void store_host_init(struct store_host *h, const char *state_dir);
bool host_turn(struct store_host *h); /* whether anything happened */
void host_settle(struct store_host *h); /* turns until nothing happens */
void host_pass(struct store_host *h, int64_t ns); /* time passes, then settles */

#endif
