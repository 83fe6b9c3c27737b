/*
 * spawn.h - starts this same program again with another .conf.
 */
#ifndef FORK_SPAWN_H
#define FORK_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

#include <squall/util.h>

/*
 * Starts /proc/self/exe -c conf with the environment env (closed by NULL), which stops in good order
 * at the end of file of lifeline. Standard input and output are /dev/null, errors go where ours go;
 * it gets place as PLACE_FD (place.h; -1 for none) and no other descriptor of ours, signals as at login, and
 * a process group of its own, so that Ctrl-C reaches us alone. 0, or a negative errno with the reason in err.
 */
int spawn_self(const char *conf, char *const *env, int lifeline, int place, pid_t *ret, struct sq_err *err);

/* Pins the process to the n-th CPU that we may use, counted round. A wish: failure is no matter. */
void spawn_pin(pid_t pid, uint32_t n);

/* The job's variables, SQUALL_WORKER, and those of ours that a worker may see: no secret of this
 * process is among them. One block, freed with free(). NULL without memory. */
char **spawn_environment(const char *const *job_env, const char *worker);
char **spawn_copy(const char *const *env); /* the same, of a list as it is */

#endif
