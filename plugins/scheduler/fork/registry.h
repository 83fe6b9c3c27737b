/*
 * registry.h - what the processes that share a state folder know of each other's workers.
 *
 * A file STATE_DIR/workers/TEST for each job that runs: who started it, under which fence it is, and its
 * processes. So a job whose owner is only asleep is not lost: the adopter writes its own fence there, which
 * the owner looks at before it does anything to the job again.
 *
 * A process is named by its pid and the time it began (proc(5), stat), so that a pid that was given away
 * again is nobody's. Small files, read and written on the loop. Whoever changes something holds the lock of
 * the folder, and gives up with -EAGAIN when somebody else does.
 */
#ifndef FORK_REGISTRY_H
#define FORK_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <squall/record.h>

struct process {
	pid_t pid;
	uint64_t since; /* clock ticks after boot, 0 = unknown */
};

struct process process_of(pid_t pid);
bool process_lives(struct process p); /* a zombie does not */

struct entry {
	char plan_sha256[65];
	uint64_t fence;
	struct process owner;
	uint32_t count;
	struct entry_worker {
		char name[SQ_ID_MAX + 1];
		struct process process;
	} * workers; /* owned */
};

void entry_free(struct entry *e);

/* dir: STATE_DIR/workers. Each is 0 or negative errno. */
int registry_open(const char *dir); /* makes the folder */
int registry_lock(const char *dir); /* a descriptor to be closed, or negative errno */
int registry_read(const char *dir, const char *id, struct entry *out); /* -ENOENT; freed with entry_free */
int registry_write(const char *dir, const char *id, const struct entry *e);
void registry_remove(const char *dir, const char *id);
/* Calls one for each entry's id; it may remove that one. */
int registry_each(const char *dir, void (*one)(void *arg, const char *id), void *arg);

#endif
