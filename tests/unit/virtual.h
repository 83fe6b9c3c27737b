/*
 * virtual.h - time that only passes while everybody sleeps: minutes of load in a second, to the
 * nanosecond the same on every machine.
 *
 * A program that links virtual.c runs, libev included, on this clock: clock_gettime, epoll_wait and
 * timerfd_settime are those of virtual.c. What others than the program do (a target that answers) is
 * the test's virtual_world. A turn of the loop takes a little time, so that who waits by polling sees it
 * pass as well.
 *
 * One loop, one timerfd with absolute times. Sockets are real: use unix sockets, where what was sent
 * is there at once.
 */
#ifndef TESTS_UNIT_VIRTUAL_H
#define TESTS_UNIT_VIRTUAL_H

#include <stdint.h>

#define VIRTUAL_NEVER INT64_MAX
#define VIRTUAL_START 1000000000000LL /* a machine that has been up for 1000 s */

#define VIRTUAL_TURN 5000 /* ns that a turn of the loop takes */

extern int64_t virtual_now; /* monotonic ns; a test may move it ahead: then the program was stopped */
/* Does all that is due by virtual_now; returns when the next thing is due, or VIRTUAL_NEVER. */
extern int64_t (*virtual_world)(void);

#endif
