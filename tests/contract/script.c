/* script.c - the baton between a script and the loop. */
#include "script.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

/* Gives the other side the baton and waits to get it back. */
static void hand(struct script *s, enum baton to)
{
	s->baton = to;
	pthread_cond_broadcast(&s->turn);
	while (s->baton == to && !(to == LOOP_HAS && s->over))
		pthread_cond_wait(&s->turn, &s->lock);
}

/* --- on the loop --- */

static void call_it(struct script *s)
{
	s->calling = true;
	s->result = s->what(s->with);
	s->calling = false;
}

/* Does what the script wants until it wants to wait. */
static void obey(struct script *s)
{
	for (;;) {
		hand(s, SCRIPT_HAS);
		if (s->order == ORDER_WAIT && !s->until(s->with))
			return;
		if (s->order == ORDER_DO)
			call_it(s);
		if (s->order == ORDER_STOP) {
			s->over = true;
			pthread_cond_broadcast(&s->turn);
			s->host->stop(s->host->ctx, s->failed);
			return;
		}
	}
}

void script_event(struct script *s)
{
	if (s->calling || s->over)
		return; /* the script finds it when it looks */
	pthread_mutex_lock(&s->lock);
	if (s->order == ORDER_WAIT && s->until(s->with))
		obey(s);
	pthread_mutex_unlock(&s->lock);
}

bool script_calls(const struct script *s)
{
	return s->calling;
}

static void begin(struct sq_timer *t)
{
	struct script *s = sq_container(t, struct script, timer);

	pthread_mutex_lock(&s->lock);
	obey(s);
	pthread_mutex_unlock(&s->lock);
}

static void woken(struct sq_timer *t)
{
	struct script *s = sq_container(t, struct script, timer);

	s->asleep = false;
	script_event(s);
}

static void *thread_main(void *arg)
{
	struct script *s = arg;

	pthread_mutex_lock(&s->lock);
	while (s->baton != SCRIPT_HAS)
		pthread_cond_wait(&s->turn, &s->lock);
	s->run(s->arg);
	s->failed = check_done();
	s->order = ORDER_STOP;
	hand(s, LOOP_HAS);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int script_start(struct script *s, const struct sq_host *host, void (*run)(void *arg), void *arg,
                 struct sq_err *err)
{
	int r;

	s->host = host;
	s->run = run;
	s->arg = arg;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->turn, NULL);
	r = pthread_create(&s->thread, NULL, thread_main, s);
	if (r != 0)
		return sq_fail(err, -r, "cannot start a thread: %s", strerror(r));
	s->started = true;
	s->timer.fire = begin;
	host->timer_start(host->ctx, &s->timer, 0);
	return 0;
}

void script_end(struct script *s)
{
	if (!s->started)
		return;
	s->host->timer_stop(s->host->ctx, &s->timer);
	if (!s->over) /* stopped from outside: the script waits for its turn */
		pthread_cancel(s->thread);
	pthread_join(s->thread, NULL);
	s->over = true;
}

/* --- the script's side --- */

int script_do(struct script *s, int (*what)(void *arg), void *arg)
{
	s->order = ORDER_DO;
	s->what = what;
	s->with = arg;
	hand(s, LOOP_HAS);
	return s->result;
}

void script_wait(struct script *s, bool (*until)(void *arg), void *arg)
{
	s->order = ORDER_WAIT;
	s->until = until;
	s->with = arg;
	hand(s, LOOP_HAS);
}

static bool is_awake(void *arg)
{
	return !((struct script *)arg)->asleep;
}

static int sleep_ns(void *arg)
{
	struct script *s = arg;

	s->timer.fire = woken;
	s->host->timer_start(s->host->ctx, &s->timer, s->delay);
	return 0;
}

void script_pause(struct script *s, int ms)
{
	s->asleep = true;
	s->delay = ms * SQ_MS;
	script_do(s, sleep_ns, s);
	script_wait(s, is_awake, s);
}

void script_say(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}
