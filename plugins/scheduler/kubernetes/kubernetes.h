/*
 * kubernetes.h - the parts of the scheduler around what is known (cluster.h) and how it is written
 * (object.h).
 *
 *     kubernetes.c   the plugin: options, life, the watches that fill the cluster
 *     shape.c        which shape of workload the server can take
 *     verbs.c        resume, claim, stop, list, and prepare.c: one task each
 *     task.c         the requests of a task, and its end
 *     care.c         what an old server or a Deployment does not do by itself: deadlines, too many
 *                    failures, why pods are refused
 *     rights.c       squalld -t --connect: is the server there, and lets us?
 *
 * Loop thread only.
 */
#ifndef KUBERNETES_KUBERNETES_H
#define KUBERNETES_KUBERNETES_H

#include <squall/plugin.h>

#include "api.h"
#include "cluster.h"
#include "object.h"
#include "watch.h"

enum workload_choice { WORKLOAD_AUTO, WORKLOAD_JOB, WORKLOAD_DEPLOYMENT };

struct kubernetes_conf {
	const char *ns, *space, *image, *image_pull_policy, *service_account;
	int workload; /* enum workload_choice */
	const char *api_server, *ca, *cert, *key, *token_file, *token;
	const char *pod, *container, *annotations; /* JSON */
	const char *const *env;
	bool network_policy;
	int64_t grace;
};

struct probing { /* of -t --connect */
	struct sq_op *op;
	struct sq_err *err;
	struct api_call call;
	int64_t until; /* monotonic ns: the end of all patience */
	int minor; /* of the server's version */
	unsigned right, verb; /* to be asked for */
	bool lacking; /* a verb of this right */
	struct buf lacks, spare; /* rights that are missing: no test runs without, tests run without */
};

struct kubernetes {
	uint32_t magic;
	const struct sq_host *host;
	const struct kubernetes_conf *conf;
	struct api api;
	struct object_style style;
	bool shaped; /* the server was asked what it can take */
	struct api_call version;
	struct sq_timer ask_again;
	struct cluster cluster;
	struct watch workloads, pods;
	/* Workloads of the other kind: the option or the server may have changed since they were made. Who
	 * has no rights to see them is taken to have none. */
	struct watch others;
	bool others_refused, begun; /* all was known once: tasks may begin */
	bool events_refused; /* and said */
	char selector[sizeof OBJECT_SELECTOR + 64];
	char workloads_path[200], others_path[200], pods_path[200];
	struct link tasks; /* verbs under way */
	struct sq_op *list_ops; /* of struct sq_job_list, linked by op.driver */
	struct sq_post answer; /* lists that can be answered */
	struct sq_timer care;
	struct probing probe;
};

static inline int64_t kubernetes_now(const struct kubernetes *k)
{
	return k->host->now(k->host->ctx);
}

/* All that exists is known. */
static inline bool kubernetes_synced(const struct kubernetes *k)
{
	return k->shaped && k->workloads.up && k->pods.up && (k->others.up || k->others_refused);
}

/* shape.c: asks the server for its version, then calls shaped() once. */
void shape_ask(struct kubernetes *k);
int shape_minor(struct json_object *answer); /* to GET /version: 20 of 1.20, or -1 */
enum shape shape_for(const struct kubernetes_conf *c, int minor);
void kubernetes_shaped(struct kubernetes *k);

/* verbs.c */
int verb_prepare(void *self, struct sq_job_rq *rq);
int verb_resume(void *self, struct sq_job_rq *rq);
int verb_claim(void *self, struct sq_job_rq *rq);
int verb_stop(void *self, struct sq_job_rq *rq);
int verb_list(void *self, struct sq_job_list *rq);
int verb_cancel(void *self, struct sq_op *op);
void verbs_begin(struct kubernetes *k); /* those that waited until all was known */
void verbs_look(struct kubernetes *k); /* something changed that a task may wait for */
void verbs_answer(struct sq_post *p); /* of answer */
void verbs_free(struct kubernetes *k);

/* care.c */
void care_start(struct kubernetes *k);
void care_stop(struct kubernetes *k);
void care_forget(struct kubernetes *k, struct job *j);

/* rights.c: one line in err, as plugin.h says of probe. api is initialised, nothing is started. */
void rights_probe(struct kubernetes *k, struct sq_op *op, struct sq_err *err);
void rights_free(struct kubernetes *k);

/* "/apis/batch/v1/namespaces/NS/jobs/NAME"; name NULL: the collection. */
void kubernetes_path(const struct kubernetes *k, enum shape shape, struct buf *out, const char *name);
struct kubernetes *kubernetes_of(void *self);

#endif
