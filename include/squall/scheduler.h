/*
 * scheduler.h - who starts and stops worker processes (local fork, Kubernetes, ...).
 *
 * Every verb but list names the fence of the caller's lease (store.h; 0 is -EINVAL). The scheduler
 * writes it onto the object that it creates and refuses a lower one with -SQ_EFENCED; an equal one
 * is accepted. So an orchestrator that was only asleep can neither start, stop nor delete anything.
 * The sweep that ends orphans (record terminal, tombstone or unknown) names the fence that list()
 * showed. Every change is conditional on the object that was read.
 *
 * All verbs may be repeated, also after -SQ_EUNCERTAIN. All calls come on the loop thread. Strings
 * and arrays in requests are borrowed until done(); those in answers and in job_changed() are
 * valid during the call only.
 */
#ifndef SQUALL_SCHEDULER_H
#define SQUALL_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/op.h>

struct sq_job {
	const char *plan_sha256; /* an existing object is adopted only if its plan is the same */
	uint32_t workers;
	uint32_t max_failed; /* lost workers that the platform has to tolerate before it ends the rest */
	int64_t deadline; /* ns from resume after which the platform itself ends the workers */
	const char *const *env; /* "NAME=value" for the workers, closed by NULL; may hold secrets */
};

enum sq_worker_phase { SQ_W_PENDING, SQ_W_RUNNING, SQ_W_GONE }; /* GONE: confirmed by the platform */

struct sq_job_worker {
	const char *name; /* pod or child; the worker finds it in SQUALL_WORKER and registers with it */
	enum sq_worker_phase phase;
	int32_t exit_code; /* SQ_W_GONE: exit status, -signal, or INT32_MIN when unknown */
	const char *reason; /* "OOMKilled", "ImagePullBackOff: ...", or NULL */
};

enum sq_job_phase {
	SQ_JOB_PREPARED, /* exists, runs nothing */
	SQ_JOB_PENDING, /* workers asked for, not all running */
	SQ_JOB_RUNNING,
	SQ_JOB_ENDED, /* no worker left; the object may still exist */
	SQ_JOB_GONE, /* no object: all its workers are confirmed gone */
};

struct sq_job_state {
	const char *id; /* the test's */
	enum sq_job_phase phase;
	uint64_t fence;
	const char *reason; /* "exceeded quota: ...", or NULL */
	const struct sq_job_worker *workers;
	uint32_t worker_count;
};

struct sq_job_rq {
	struct sq_op op;
	const char *id; /* in: the test's id, from which the object's name follows */
	uint64_t fence; /* in */
	const struct sq_job *job; /* in: prepare */
	int64_t grace; /* in: stop: ns between asking and killing */
	bool adopted; /* out: prepare: it existed; its own env stays in force and job->env was ignored */
	struct sq_job_state state; /* out: prepare, resume, claim */
	const char *reason; /* out, also on failure: what the platform said, or NULL */
};

struct sq_job_list {
	struct sq_op op;
	const struct sq_job_state *jobs; /* out: all squall objects in reach, also other orchestrators' */
	uint32_t count; /* out */
};

/* The workers end with this process (fork): its tests cannot be adopted. */
#define SQ_SCHEDULER_MORTAL 0x01u

struct sq_scheduler {
	uint32_t size; /* sizeof(struct sq_scheduler) */
	uint32_t caps; /* SQ_SCHEDULER_* */

	/* Creates the object without workers, or adopts an equal one and writes the fence onto it.
	 * -EEXIST: another plan, or not ours. -EAGAIN: an old one is still going away, try later. */
	int (*prepare)(void *self, struct sq_job_rq *rq);
	/* Lets a prepared object start its workers. Running already: 0. Ended: -EALREADY, never started
	 * again. None: -ENOENT, never created. -EAGAIN, also of claim and stop: an older owner's workers are
	 * still there, try later. */
	int (*resume)(void *self, struct sq_job_rq *rq);
	/* Writes the caller's fence onto an existing object: what an adopter does first. -ENOENT. */
	int (*claim)(void *self, struct sq_job_rq *rq);
	/* Ends the workers and deletes the object. Ends with 0 when they are confirmed gone; none: 0. */
	int (*stop)(void *self, struct sq_job_rq *rq);
	/* Everything that exists. Changes from then on come by host->job_changed(). */
	int (*list)(void *self, struct sq_job_list *rq);

	int (*cancel)(void *self, struct sq_op *op); /* 0, 1 or -EBUSY as op.h says */
};

#endif
