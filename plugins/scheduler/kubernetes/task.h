/*
 * task.h - one verb under way: its requests one after the other, and how it ends.
 *
 * A task belongs to the op that asked for it, which it ends exactly once. Each step is a request whose answer
 * is the next step; a step may be the last one: behind a call that says so the task is not touched any more.
 */
#ifndef KUBERNETES_TASK_H
#define KUBERNETES_TASK_H

#include "kubernetes.h"

enum verb { PREPARE, RESUME, CLAIM, STOP };

typedef void next_fn(struct api_call *c, int status, struct json_object *answer);

struct task {
	struct link link; /* of kubernetes.tasks */
	struct kubernetes *k;
	struct sq_job_rq *rq;
	enum verb verb;
	char name[OBJECT_NAME_MAX + 1];
	enum shape shape; /* of the object that there is, else of the one that is made */
	struct api_call call;
	struct json_object *asked; /* prepare: the workload as we wrote it */
	struct json_object *object; /* the workload as the server has it */
	struct workload workload; /* the same, read */
	unsigned races;
	bool waiting; /* stop: for the end of the last pod */
	struct sq_timer kill;
	char why[API_WHY];
};

static inline struct task *task_of(struct api_call *c)
{
	return sq_container(c, struct task, call);
}

/* What there is, as far as the watches know. */
void task_find(struct task *t);
/* 0, -EINVAL or -ENOMEM; the caller begins it. */
int task_new(struct kubernetes *k, struct sq_job_rq *rq, enum verb verb, struct task **ret);
void task_drop(struct task *t); /* the op was cancelled, or refused */

/* Requests: about the workload (name NULL: the collection), and to make another object ("/api/v1" a Secret,
 * else a NetworkPolicy). body is taken over; NULL where there must be one is want of memory, and ends the
 * task so. */
void task_ask(struct task *t, const char *method, const char *name, struct json_object *body, next_fn *next);
void task_make(struct task *t, const char *group, struct json_object *body, next_fn *next);

/* The workload as it is now, and whether it is ours. False: the task has ended for it. */
bool task_take(struct task *t, struct json_object *answer);
/* The same, behind a GET, and whether a newer owner has it. -ENOENT ends the task too. */
bool task_found(struct task *t, int status, struct json_object *answer);
bool task_may_change(struct task *t);
/* Somebody else changed it since it was read. */
void task_read_again(struct task *t, next_fn *next);
/* The answer to the one change that the task is about; a lost race goes back to again. */
void task_changed(struct task *t, int status, struct json_object *answer, next_fn *again);

/* --- ends --- */
void task_end(struct task *t, int status);
void task_refuse(struct task *t, int status, const char *why);
void task_trouble(struct task *t, int status); /* what the server said */

/* prepare.c */
void prepare_begin(struct task *t);

#endif
