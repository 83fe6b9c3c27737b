/* virtual.c - the system calls about time, of a world without one. */
#include "tests/unit/virtual.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <squall/util.h>

#define EPOCH (1700000000 * SQ_S) /* what a wall clock shows above the monotonic one */
#define SHOWN __attribute__((visibility("default"))) /* to libev, in place of the C library's */

int64_t virtual_now = VIRTUAL_START;
int64_t (*virtual_world)(void);

static int alarm_fd = -1;
static int64_t alarm_at = VIRTUAL_NEVER;

SHOWN int clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t now = virtual_now + (id == CLOCK_REALTIME ? EPOCH : 0);

	ts->tv_sec = now / SQ_S;
	ts->tv_nsec = now % SQ_S;
	return 0;
}

/* The real timerfd is either off or has expired long ago, and is readable until it is set anew. */
static void alarm_set(int64_t real)
{
	struct itimerspec when = {.it_value = {.tv_nsec = real}};

	syscall(SYS_timerfd_settime, alarm_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

SHOWN int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
	int64_t at = when->it_value.tv_sec * SQ_S + when->it_value.tv_nsec;

	if (flags != TFD_TIMER_ABSTIME || old ||
	    (alarm_fd >= 0 && fd != alarm_fd && alarm_at != VIRTUAL_NEVER))
		abort();
	alarm_fd = fd;
	alarm_at = at ? at : VIRTUAL_NEVER;
	alarm_set(0);
	return 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

SHOWN int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	int64_t until = timeout < 0 ? VIRTUAL_NEVER : virtual_now + timeout * SQ_MS;

	for (;;) {
		int64_t next = virtual_world ? virtual_world() : VIRTUAL_NEVER;
		int n;

		if (alarm_at <= virtual_now)
			alarm_set(1);
		n = (int)syscall(SYS_epoll_pwait, fd, events, most, 0, NULL, _NSIG / 8);
		if (n != 0 || timeout == 0) {
			virtual_now += VIRTUAL_TURN;
			return n;
		}
		next = earlier(earlier(next, alarm_at), until);
		if (next == VIRTUAL_NEVER) {
			fprintf(stderr, "virtual.c: everybody waits for nothing\n");
			abort();
		}
		virtual_now = next > virtual_now ? next : virtual_now;
		if (virtual_now >= until)
			return 0;
	}
}
