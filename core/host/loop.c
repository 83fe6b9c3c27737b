/* loop.c - libev behind the few calls that plugins have for time and wake-ups. */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

/* What stands in sq_timer.host. */
struct timer_slot {
	ev_timer w;
} __attribute__((may_alias));
_Static_assert(sizeof(struct timer_slot) <= sizeof(((struct sq_timer *)0)->host), "sq_timer is too small");

/* What stands in sq_post.host. */
struct post_slot {
	struct sq_post *next, *prev;
	struct post_list *list; /* NULL: not queued */
} __attribute__((may_alias));
_Static_assert(sizeof(struct post_slot) <= sizeof(((struct sq_post *)0)->host), "sq_post is too small");

static struct post_slot *post_slot(struct sq_post *p)
{
	return (struct post_slot *)&p->host;
}

static ev_timer *timer_watcher(struct sq_timer *t)
{
	return &((struct timer_slot *)&t->host)->w;
}

static void list_append(struct post_list *list, struct sq_post *p)
{
	struct post_slot *s = post_slot(p);

	s->list = list;
	s->next = NULL;
	s->prev = list->last;
	if (list->last)
		post_slot(list->last)->next = p;
	else
		list->first = p;
	list->last = p;
	list->count++;
}

static void list_remove(struct sq_post *p)
{
	struct post_slot *s = post_slot(p);
	struct post_list *list = s->list;

	if (s->prev)
		post_slot(s->prev)->next = s->next;
	else
		list->first = s->next;
	if (s->next)
		post_slot(s->next)->prev = s->prev;
	else
		list->last = s->prev;
	list->count--;
	s->list = NULL;
}

static struct sq_post *take_first(struct loop *l, struct post_list *list)
{
	struct sq_post *p;

	pthread_mutex_lock(&l->lock);
	p = list->first;
	if (p)
		list_remove(p);
	pthread_mutex_unlock(&l->lock);
	return p;
}

static unsigned list_count(struct loop *l, const struct post_list *list)
{
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = list->count;
	pthread_mutex_unlock(&l->lock);
	return n;
}

/* Those that stood in line at entry, in order; fewer when one of them takes another back. */
static void run_list(struct loop *l, struct post_list *list)
{
	struct sq_post *p;

	for (unsigned n = list_count(l, list); n > 0 && (p = take_first(l, list)); n--)
		p->run(p);
}

static void on_wake(struct ev_loop *ev, ev_async *w, int events)
{
	struct loop *l = w->data;

	(void)ev;
	(void)events;
	run_list(l, &l->posted);
	if (list_count(l, &l->posted) > 0)
		ev_async_send(l->ev, &l->wake);
}

static void on_idle(struct ev_loop *ev, ev_idle *w, int events)
{
	(void)ev;
	(void)w;
	(void)events;
}

static void on_turn_begin(struct ev_loop *ev, ev_check *w, int events)
{
	struct loop *l = w->data;

	(void)ev;
	(void)events;
	l->woke = loop_now();
}

static void on_turn_end(struct ev_loop *ev, ev_prepare *w, int events)
{
	struct loop *l = w->data;
	int64_t took;

	(void)events;
	run_list(l, &l->later);
	run_list(l, &l->last);
	if (l->later.count + l->last.count > 0)
		ev_idle_start(ev, &l->awake);
	else
		ev_idle_stop(ev, &l->awake);
	took = l->woke ? loop_now() - l->woke : 0;
	if (took > l->longest)
		l->longest = took;
}

int loop_init(struct loop *l)
{
	*l = (struct loop){.lock = PTHREAD_MUTEX_INITIALIZER};
	/* Child watchers, which schedulers need, work on the default loop only. */
	l->ev = ev_default_loop(EVFLAG_AUTO);
	if (!l->ev)
		return -ENOMEM;
	ev_async_init(&l->wake, on_wake);
	ev_prepare_init(&l->turn_end, on_turn_end);
	ev_check_init(&l->turn_begin, on_turn_begin);
	ev_idle_init(&l->awake, on_idle);
	/* Before the HTTP server's own end of turn, so that answers made here leave in it. */
	ev_set_priority(&l->turn_end, EV_MAXPRI);
	ev_set_priority(&l->turn_begin, EV_MAXPRI);
	l->wake.data = l->turn_end.data = l->turn_begin.data = l;
	ev_async_start(l->ev, &l->wake);
	ev_prepare_start(l->ev, &l->turn_end);
	ev_check_start(l->ev, &l->turn_begin);
	return 0;
}

void loop_fini(struct loop *l)
{
	ev_idle_stop(l->ev, &l->awake);
	ev_check_stop(l->ev, &l->turn_begin);
	ev_prepare_stop(l->ev, &l->turn_end);
	ev_async_stop(l->ev, &l->wake);
	ev_loop_destroy(l->ev);
	pthread_mutex_destroy(&l->lock);
}

void loop_run(struct loop *l)
{
	ev_run(l->ev, 0);
}

void loop_break(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ALL);
}

int64_t loop_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SQ_S + t.tv_nsec;
}

int64_t loop_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000 + t.tv_nsec / SQ_MS;
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events)
{
	struct sq_timer *t = w->data;

	(void)ev;
	(void)events;
	t->fire(t);
}

void loop_timer_start(struct loop *l, struct sq_timer *t, int64_t delay)
{
	ev_timer *w = timer_watcher(t);

	assert(t->fire);
	ev_timer_stop(l->ev, w);
	ev_now_update(l->ev); /* libev counts from the beginning of the turn, we from this call */
	ev_timer_init(w, on_timer, delay > 0 ? (double)delay / SQ_S : 0., 0.);
	w->data = t;
	ev_timer_start(l->ev, w);
}

void loop_timer_stop(struct loop *l, struct sq_timer *t)
{
	ev_timer_stop(l->ev, timer_watcher(t));
}

static void enqueue(struct loop *l, struct post_list *list, struct sq_post *p)
{
	assert(p->run);
	pthread_mutex_lock(&l->lock);
	if (!post_slot(p)->list)
		list_append(list, p);
	pthread_mutex_unlock(&l->lock);
}

/* The wake-up is sent under no lock: the async watcher outlives every thread that posts. */
void loop_post(struct loop *l, struct sq_post *p)
{
	enqueue(l, &l->posted, p);
	ev_async_send(l->ev, &l->wake);
}

void loop_later(struct loop *l, struct sq_post *p)
{
	enqueue(l, &l->later, p);
}

void loop_last(struct loop *l, struct sq_post *p)
{
	enqueue(l, &l->last, p);
}

void loop_unpost(struct loop *l, struct sq_post *p)
{
	pthread_mutex_lock(&l->lock);
	if (post_slot(p)->list)
		list_remove(p);
	pthread_mutex_unlock(&l->lock);
}

int64_t loop_longest_turn(struct loop *l)
{
	int64_t longest = l->longest;

	l->longest = 0;
	return longest;
}
