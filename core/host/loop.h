/*
 * loop.h - the one event loop of the process: time, timers, wake-ups.
 *
 * One turn of it: sleep until something happens, run the callbacks of sockets, timers and post(),
 * then what asked for the end of the turn: first later(), then last(). Each of these runs at most
 * as many as stood in line when it began; what they queue runs in the next turn, which does not
 * sleep, so that a chain of them cannot starve the sockets.
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <pthread.h>

#include <ev.h>

#include <squall/host.h>

struct post_list {
	struct sq_post *first, *last;
	unsigned count;
};

struct loop {
	struct ev_loop *ev;
	ev_async wake;
	ev_prepare turn_end;
	ev_check turn_begin;
	ev_idle awake; /* active while the next turn must not sleep */
	pthread_mutex_t lock; /* guards the lists and every sq_post on them */
	struct post_list posted, later, last;
	int64_t woke; /* when this turn began, 0 before the first */
	int64_t longest; /* ns */
};

int loop_init(struct loop *l); /* -ENOMEM */
void loop_fini(struct loop *l); /* what is still queued never runs */
void loop_run(struct loop *l); /* until loop_break() */
void loop_break(struct loop *l);

int64_t loop_now(void); /* CLOCK_MONOTONIC, ns */
int64_t loop_wall(void); /* Unix ms */

void loop_timer_start(struct loop *l, struct sq_timer *t, int64_t delay);
void loop_timer_stop(struct loop *l, struct sq_timer *t);

void loop_post(struct loop *l, struct sq_post *p); /* any thread */
void loop_later(struct loop *l, struct sq_post *p);
void loop_last(struct loop *l, struct sq_post *p); /* the host's own: after everybody's later() */
void loop_unpost(struct loop *l, struct sq_post *p);

/* The longest turn since the last call of this: how late anything else may have been served. */
int64_t loop_longest_turn(struct loop *l);

#endif
