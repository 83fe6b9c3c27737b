/*
 * place.h - what the daemons that share a state_dir know of each other's workers.
 *
 * Each job with processes has a file state_dir/workers.ID: "FENCE PID PID ...". Its workers inherit a
 * descriptor of it with a flock(), and nobody else keeps one: as long as the lock is held, one of them
 * lives, whatever became of the daemon that started them (it may be stopped, and wake up again). So a fence
 * counts between daemons as well, and "gone" is confirmed. What is read and written in between is guarded
 * by a record lock, which is another kind than flock().
 *
 * All calls are short and may be repeated. 0, or
 *     -SQ_EFENCED   a higher fence was here
 *     -EAGAIN       workers of a lower one are alive: ask again
 */
#ifndef FORK_PLACE_H
#define FORK_PLACE_H

#include <stdint.h>
#include <sys/types.h>

#define PLACE_FD 4 /* in the worker */

/* Before workers start: *ret is a locked descriptor for them, to be closed when they have it. Those of a
 * lower fence are killed. */
int place_take(const char *dir, const char *id, uint64_t fence, int *ret);
/* Names those that started, so that another daemon can kill them. */
int place_name(const char *dir, const char *id, uint64_t fence, const pid_t *pids, uint32_t count);
/* The fence is that of an adopter. -ENOENT: nobody is left. */
int place_claim(const char *dir, const char *id, uint64_t fence);
/* Kills whoever is left. 0: nobody is. */
int place_clear(const char *dir, const char *id, uint64_t fence);

#endif
