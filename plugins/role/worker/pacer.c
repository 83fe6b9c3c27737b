/* pacer.c - wakes the loop for the next due request: timerfd, then polling. */
#include "pacer.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"

enum plan_timer pacer_mode(enum plan_timer asked, bool whole_cpu)
{
	if (asked != PLAN_TIMER_AUTO)
		return asked;
	return whole_cpu ? PLAN_TIMER_PRECISE : PLAN_TIMER_BALANCED;
}

int64_t pacer_wake(enum plan_timer mode, int64_t due, int64_t looked)
{
	if (due == CLOCK_NEVER)
		return CLOCK_NEVER;
	if (mode == PLAN_TIMER_PRECISE)
		return due - PACER_EARLY;
	if (mode == PLAN_TIMER_ECONOMY && due < looked + PACER_ECONOMY)
		return looked + PACER_ECONOMY;
	return due;
}

/* An absolute time in the past expires at once; 0 would switch the timer off. */
static void pacer_arm(struct pacer *p, int64_t at)
{
	struct itimerspec when = {0};

	if (at != CLOCK_NEVER) {
		when.it_value.tv_sec = at / SQ_S;
		when.it_value.tv_nsec = at % SQ_S;
	}
	timerfd_settime(p->wake.fd, TFD_TIMER_ABSTIME, &when, NULL);
	p->armed = at;
}

/* Every turn of the loop, right before it polls. */
static void pacer_turn(EV_P_ struct ev_prepare *w, int revents)
{
	struct pacer *p = sq_container(w, struct pacer, turn);
	int64_t now = clock_now(), wake;
	bool expired = now >= p->armed;

	(void)loop;
	(void)revents;
	if (p->spinning && !*p->worked)
		p->spun += now - p->looked < PACER_EARLY ? now - p->looked : PACER_EARLY;
	if (expired && !p->spinning)
		hist_add(p->lag, now - p->armed);
	*p->worked = false;
	p->looked = now;
	wake = pacer_wake(p->mode, p->look(p, now), now);
	/* A timer that has expired already does for every wake-up that is due by now. */
	if (wake != p->armed && !(expired && wake <= now))
		pacer_arm(p, wake);
	p->spinning = p->armed <= now;
}

/* The turn itself is what was wanted. */
static void pacer_woken(EV_P_ struct ev_io *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
}

int pacer_start(struct pacer *p, struct ev_loop *loop, enum plan_timer mode, bool *worked,
                int64_t (*look)(struct pacer *p, int64_t now))
{
	int fd;

	memset(p, 0, sizeof *p);
	p->lag = hist_new();
	if (!p->lag)
		return -ENOMEM;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd < 0) {
		int r = -errno;

		pacer_free(p);
		return r;
	}
	/* The default slack of 50 us is added to every timer of this thread. */
	prctl(PR_SET_TIMERSLACK, 1);
	p->loop = loop;
	p->mode = mode;
	p->look = look;
	p->worked = worked;
	p->armed = CLOCK_NEVER;
	ev_prepare_init(&p->turn, pacer_turn);
	ev_io_init(&p->wake, pacer_woken, fd, EV_READ);
	ev_prepare_start(loop, &p->turn);
	ev_io_start(loop, &p->wake);
	return 0;
}

void pacer_stop(struct pacer *p)
{
	if (!p->loop)
		return;
	ev_prepare_stop(p->loop, &p->turn);
	ev_io_stop(p->loop, &p->wake);
	close(p->wake.fd);
	p->loop = NULL;
}

void pacer_free(struct pacer *p)
{
	pacer_stop(p);
	hist_free(p->lag);
	p->lag = NULL;
}
