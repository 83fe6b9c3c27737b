/*
 * job.h - one test's worker processes on this machine. Loop thread only.
 *
 * A job lives from prepare until stop has confirmed that all its processes are gone. Processes are
 * watched through a pidfd, so that no signal handler is needed and no pid can be mistaken.
 */
#ifndef FORK_JOB_H
#define FORK_JOB_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <squall/host.h>

struct job;

struct child {
	struct job *job;
	char name[SQ_ID_MAX + 1]; /* "7f3k9m2q-0" */
	pid_t pid; /* 0 = not started or gone */
	int pidfd; /* -1 = none */
	int lifeline; /* our end of its life-line pipe, -1 = none */
	ev_io ended;
	enum sq_worker_phase phase;
	int32_t exit_code;
	char reason[96]; /* "" = none */
};

/* What a job needs of its surroundings. Valid as long as any job. */
struct job_site {
	const struct sq_host *host;
	const char *worker_conf; /* path */
	bool affinity; /* pin worker i to the i-th CPU that this process may use */
	void (*changed)(struct job *j); /* a process started or ended, outside of any call of job.h */
};

struct job {
	struct job *next;
	const struct job_site *site;
	char id[SQ_ID_MAX + 1];
	char plan_sha256[65];
	uint64_t fence;
	uint32_t count; /* workers */
	int64_t deadline; /* ns from resume, 0 = none */
	char **env; /* the workers', owned, closed by NULL */
	bool resumed, stopping;
	struct sq_timer kill; /* stop's grace, or the deadline */
	struct child children[];
};

struct job *job_new(const struct job_site *site, const char *id, uint64_t fence, const struct sq_job *spec);
void job_free(struct job *j); /* kills what is left and waits for it */

/* Starts every worker. On failure those that were started are being stopped. */
int job_resume(struct job *j, struct sq_err *err);
/* SIGTERM now, SIGKILL after grace. May be called again with a shorter grace. */
void job_stop(struct job *j, int64_t grace);

uint32_t job_running(const struct job *j);
enum sq_job_phase job_phase(const struct job *j);

/* Fills state and the workers array (room for j->count); strings point into j. */
void job_state(const struct job *j, struct sq_job_state *state, struct sq_job_worker *workers);

#endif
