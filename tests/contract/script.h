/*
 * script.h - a test that reads like blocking code, beside a loop that must not block.
 *
 * The script runs on a thread of its own, while everything it asks of the host or a plugin is done on
 * the loop. The two hand a baton to and fro and never run at the same time: while the script looks at
 * an answer, the loop stands inside the callback that brought it, where outputs are valid.
 */
#ifndef TESTS_SCRIPT_H
#define TESTS_SCRIPT_H

#include <pthread.h>

#include <squall/plugin.h>

enum baton { LOOP_HAS, SCRIPT_HAS };
enum order { ORDER_DO, ORDER_WAIT, ORDER_STOP };

struct script {
	const struct sq_host *host;
	void (*run)(void *arg); /* the script */
	void *arg;

	pthread_t thread;
	bool started, over;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	enum baton baton;

	enum order order; /* what the script wants next */
	int (*what)(void *arg);
	bool (*until)(void *arg);
	void *with;
	int result;
	int64_t delay;
	bool calling; /* the loop is inside what() */
	bool asleep;
	struct sq_timer timer;
	int failed;
};

/* For the role. The script begins at once; at its end the plan is printed and the process stopped,
 * with 0 when all was well. */
int script_start(struct script *s, const struct sq_host *host, void (*run)(void *arg), void *arg,
                 struct sq_err *err);
void script_event(struct script *s); /* something has happened that the script may wait for */
bool script_calls(const struct script *s); /* is the loop inside a call of the script's? */
void script_end(struct script *s); /* in drain */

/* For the script. */
int script_do(struct script *s, int (*what)(void *arg), void *arg); /* on the loop; its result */
void script_wait(struct script *s, bool (*until)(void *arg), void *arg);
void script_pause(struct script *s, int ms);
/* A note that whoever reads the output is waiting for. */
void SQ_PRINTF(1, 2) script_say(const char *fmt, ...);

#endif
