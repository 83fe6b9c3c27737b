/*
 * job.h - one test's worker processes on this machine. Loop thread only.
 *
 * A job lives from prepare until it was asked to go and all its processes are gone. Processes are
 * reaped by libev's default loop, which the host's is: it takes every child of the process, so that
 * a waitpid() of our own would come too late.
 */
#ifndef FORK_JOB_H
#define FORK_JOB_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <squall/host.h>
#include <squall/record.h>

#include "registry.h"

struct job;

struct child {
	struct job *job;
	char name[SQ_ID_MAX + 1]; /* "7f3k9m2q-1", "7f3k9m2q.2-1" under the second owner */
	ev_child ended; /* active while the process runs, and is ours */
	struct process process;
	enum sq_worker_phase phase;
	int32_t exit_code;
	char reason[64]; /* "" = none */
};

/* What a job needs of its surroundings. Valid as long as any job. */
struct job_site {
	const struct sq_host *host;
	const char *worker_conf; /* path */
	const char *dir; /* of the registry, NULL = none */
	bool affinity; /* pin each worker to a CPU */
	uint32_t next_cpu;
	int lifeline; /* what the workers read; its other end is ours alone */
	void (*changed)(struct job *j); /* a process ended, or we end them; outside of any call */
};

struct job {
	struct job *next;
	struct job_site *site;
	char id[SQ_ID_MAX + 1];
	char plan_sha256[65];
	uint64_t fence;
	uint32_t count; /* workers */
	uint32_t running, failed;
	uint32_t max_failed;
	int64_t deadline; /* ns from resume, 0 = none */
	char **env; /* the workers' of this job; closed by NULL */
	bool resumed;
	bool foreign; /* its processes are another's children: looked at from time to time */
	struct sq_timer look;
	bool ending; /* the workers were told to end */
	bool leaving; /* and the job goes with the last of them */
	struct sq_timer due; /* the deadline; when ending, SIGKILL */
	int64_t kill_at; /* host time, INT64_MAX = not ending */
	char reason[160]; /* why we ended it by ourselves, "" = we did not */
	struct sq_op *stops; /* fork.c's: requests that wait for its end */
	struct sq_job_worker *view; /* of count: what job_state shows */
	struct child children[];
};

struct job *job_new(struct job_site *site, const char *id, uint64_t fence, const struct sq_job *spec);
/* The workers that another process started, which runs. NULL without memory. */
struct job *job_adopt(struct job_site *site, const char *id, uint64_t fence, const struct entry *e);
void job_free(struct job *j); /* kills what is left of our own and waits for it */

/* Starts every worker. On failure those that were started are killed, and the job is leaving. */
int job_resume(struct job *j, struct sq_err *err);
/* SIGTERM once, SIGKILL after grace ns; may be called again, and the shorter grace counts. */
void job_end(struct job *j, int64_t grace);

/* Fills state. What it points to is the job's, and as it is now until the next call. */
void job_state(struct job *j, struct sq_job_state *state);

#endif
