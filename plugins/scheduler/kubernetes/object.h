/*
 * object.h - one test as objects of the cluster: how they are written, and how they are read back. Pure.
 *
 * A test is a workload, named "lw-" and the test's id: a Job or a Deployment that is made without pods
 * and is let go later (resume). Everything that an owner has to know stands in its annotations, so that
 * any orchestrator can adopt it. A Secret with the workers' variables and a NetworkPolicy have the same name
 * and are owned by it: they go with it.
 *
 * Three shapes:
 *
 *   SHAPE_JOB         batch/v1 Job as of 1.29: suspended, Indexed, a failed index is not replaced and costs
 *                     nobody else (backoffLimitPerIndex, maxFailedIndexes)
 *   SHAPE_JOB_PLAIN   for older servers, which drop those fields without a word: made with parallelism 0, as
 *                     not all of them know suspend; more failures than the test allows are judged by us
 *   SHAPE_DEPLOYMENT  as the specification words it: replicas 0, then scaled; the same
 *
 * A Job is let go and ended by suspend and parallelism both, whichever held it back. Read back, it is a
 * SHAPE_JOB when the server has kept backoffLimitPerIndex.
 *
 * The plan is no object: workers get it by the control protocol with its hash, and a copy that nobody reads
 * could only be out of date. The policy lets nobody in and everything out: which addresses a test may load is
 * judged at each resolution, by name, which a policy cannot do; to shut workers in further is the
 * namespace's own policies' part.
 *
 * Pods carry app=load-worker. What is injected into them runs beside: the container named "worker" alone says
 * how a worker fares. A pod that replaces another is a worker like any other: it has no part in a
 * test that has begun.
 */
#ifndef KUBERNETES_OBJECT_H
#define KUBERNETES_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/record.h>
#include <squall/scheduler.h>
#include <squall/util.h>

struct json_object;

enum shape { SHAPE_JOB, SHAPE_JOB_PLAIN, SHAPE_DEPLOYMENT };

/* A shape of the other kind of object. */
static inline enum shape shape_other_kind(enum shape s)
{
	return s == SHAPE_DEPLOYMENT ? SHAPE_JOB : SHAPE_DEPLOYMENT;
}

#define OBJECT_NAME_MAX 52 /* a Job's pod is called NAME-INDEX-5 letters, of which 63 fit */
/* In a query, with a space behind it. */
#define OBJECT_SELECTOR "app%3Dload-worker,app.kubernetes.io/managed-by%3Dsquall,squall.io/space%3D"

/* How objects are made beside what a test says; strings are borrowed, NULL documents stand for none. */
struct object_style {
	enum shape shape;
	const char *space; /* a label */
	const char *image, *pull_policy, *service_account;
	const char *const *env; /* "NAME=value", closed by NULL: beside those of the test */
	struct json_object *pod, *container,
	    *annotations; /* merged into the pod's spec, its container, its annotations */
	int64_t grace; /* ns between SIGTERM and SIGKILL */
};

/* What the value of a label may be, and not empty. */
bool object_is_label(const char *text);

/* "lw-" and the id in lower case where that is a name; else a hash of it. */
void object_name(const char *id, char out[OBJECT_NAME_MAX + 1]);

/* "/apis/batch/v1/namespaces/NS/jobs" */
const char *object_group(enum shape shape); /* "/apis/batch/v1" */
const char *object_plural(enum shape shape); /* "jobs" */

/* The workload without pods, the Secret of its variables, the NetworkPolicy that lets nobody in. owner: the
 * workload as the server has it. NULL without memory. */
struct json_object *object_workload(const struct object_style *style, const char *id, uint64_t fence,
                                    const struct sq_job *job);
struct json_object *object_secret(struct json_object *owner, const struct sq_job *job);
struct json_object *object_policy(struct json_object *owner);

/* Merge patches, each upon the version that was read. NULL without memory. */
struct workload;
struct json_object *object_patch_fence(const struct workload *w, uint64_t fence);
/* now: Unix ms. */
struct json_object *object_patch_resume(const struct workload *w, uint64_t fence, int64_t now);
/* No pod any more, for ever, and why. */
struct json_object *object_patch_end(const struct workload *w, const char *reason);
/* The body of a DELETE of just this version. */
struct json_object *object_delete(const struct workload *w);

/* A workload as read. Strings are copies. */
struct workload {
	enum shape shape;
	char name[OBJECT_NAME_MAX + 1], id[SQ_ID_MAX + 1];
	char space[64];
	char uid[64], version[32]; /* resourceVersion */
	char plan_sha256[65];
	uint64_t fence;
	uint32_t workers, max_failed;
	int64_t deadline; /* ns from resume on, 0 = none */
	int64_t expires; /* Unix ms, 0 = none yet */
	int64_t created; /* Unix s */
	bool resumed, terminating;
	bool ended; /* it starts no pod any more */
	char reason[256]; /* what the platform says, "" = nothing */
};
/* 0, or -EBADMSG: not made by us, as it has not what ours have. */
int workload_read(struct json_object *o, struct workload *out);
/* Fields that were asked for and are not in the answer, at any depth: "spec.suspend,
 * spec.template.spec.containers[0].resorces", or "". */
void object_dropped(struct json_object *asked, struct json_object *got, char *out, size_t size);

/* A pod as read. */
struct pod {
	char name[SQ_ID_MAX + 1];
	char workload[OBJECT_NAME_MAX + 1]; /* of which it is a worker */
	char uid[64];
	enum sq_worker_phase phase;
	int32_t exit_code;
	char reason[256]; /* "" = nothing to say */
};
int pod_read(struct json_object *o, struct pod *out); /* 0 or -EBADMSG */
/* What the last warning in a list of events says, or "". */
void events_read(struct json_object *list, char *out, size_t size);

#endif
