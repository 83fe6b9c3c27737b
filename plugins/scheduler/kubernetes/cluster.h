/*
 * cluster.h - what is known of our workloads and their pods. Pure: reports in, states out.
 *
 * Reports come from watches and from the answers to our own changes, in any order; of two about the same
 * object the higher resourceVersion counts. A pod that was seen is remembered until its workload is
 * forgotten, so that its end can be told. A workload is forgotten when it does not exist and no pod of it is
 * alive.
 */
#ifndef KUBERNETES_CLUSTER_H
#define KUBERNETES_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "object.h"
#include "plugins/common/list.h"

struct pod_seen {
	struct link link;
	struct pod pod;
	bool listed; /* since cluster_pods_begin() */
};

struct job {
	struct link link;
	char name[OBJECT_NAME_MAX + 1];
	bool exists; /* the workload does; else only pods, or nothing, are left of it */
	struct workload workload; /* as last seen */
	bool listed;
	struct link pods;
	struct sq_job_worker *workers; /* of the state told last */
	uint32_t worker_room;
	/* Why fewer pods exist than were asked for, where only events say so (a quota). */
	char trouble[256];
	int64_t short_since; /* monotonic ns, 0 = not so */
	void *care; /* the owner's */
};

struct cluster {
	struct link jobs;
	/* Something about it changed. The job is freed after the call when it is gone. */
	void (*changed)(struct cluster *c, struct job *j);
	void (*forgotten)(struct cluster *c, struct job *j); /* right before it is freed */
};

void cluster_init(struct cluster *c);
void cluster_free(struct cluster *c);

/* 0 or -ENOMEM: what could not be remembered comes again with the next list. */
int cluster_workload(struct cluster *c, const struct workload *w);
/* The same for the answer to a change of our own, which may be older than the end of the object. */
void cluster_workload_changed(struct cluster *c, const struct workload *w);
void cluster_workload_gone(struct cluster *c, const char *name, const char *uid); /* uid NULL: whichever */
int cluster_pod(struct cluster *c, const struct pod *p, bool gone);

/* A whole list: between begin and end come all that exist, of workloads those of one kind. */
void cluster_workloads_begin(struct cluster *c, bool deployments);
void cluster_workloads_end(struct cluster *c, bool deployments);
void cluster_pods_begin(struct cluster *c);
void cluster_pods_end(struct cluster *c);

struct job *cluster_find(struct cluster *c, const char *name); /* NULL for an unknown one */
uint32_t job_alive(const struct job *j); /* pods that are not gone */
uint32_t job_gone(const struct job *j);
enum sq_job_phase job_phase(const struct job *j);
/* The state, valid until the job changes. 0 or -ENOMEM. */
int job_state(struct job *j, struct sq_job_state *out);

#endif
