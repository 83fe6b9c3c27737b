/*
 * spawn.h - starts this same program again with another .conf.
 */
#ifndef FORK_SPAWN_H
#define FORK_SPAWN_H

#include <sys/types.h>

#include <squall/util.h>

struct spawned {
	pid_t pid;
	int pidfd; /* becomes readable when the process ends */
	int lifeline; /* closing it makes the process end in good order */
};

/*
 * Starts /proc/self/exe -c conf --lifeline 3 with the environment env (closed by NULL) and, when
 * cpu >= 0, on that CPU alone. Its standard input is /dev/null; output and errors are ours. It
 * gets no other descriptor of ours. 0, or a negative errno with the reason in err.
 */
int spawn_self(const char *conf, char *const *env, int cpu, struct spawned *ret, struct sq_err *err);

/* The job's variables and those of ours that a worker may see: no secret of this process is among
 * them. Allocated as one block, freed with free(). NULL without memory. */
char **spawn_environment(const char *const *job_env, const char *worker_name);

#endif
