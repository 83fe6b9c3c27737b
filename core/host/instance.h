/*
 * instance.h - one plugin of this process: its host table, its listener, its life.
 *
 *     new -> created -> started -> draining -> drained -> destroyed
 *
 * host.c decides when; this says how. A created instance that could not start goes to draining as
 * well, one that could not be created is new again.
 */
#ifndef HOST_INSTANCE_H
#define HOST_INSTANCE_H

#include "conf.h"
#include "http_listen.h"
#include "http_server.h"
#include "op.h"
#include "pool.h"
#include "proxy.h"

struct instance;

/* What the instances of a process share, and whom they tell. */
struct process {
	struct loop *loop;
	struct ops *ops;
	struct pool *pool;
	const char *state_dir; /* NULL = none */
	const char *name; /* unique */
	struct instance *store, *transport, *scheduler; /* NULL = none, or not created yet */
	struct instance *taker; /* the role that takes deliveries, while it is created */
	struct instance *job_taker; /* the role that takes job changes, while it is created */
	void (*stop)(struct process *p, int code);
	void (*ready_changed)(struct process *p);
	void (*step)(struct process *p); /* an instance that drains may be further */
};

enum instance_stage { INST_NEW, INST_CREATED, INST_STARTED, INST_DRAINING, INST_DRAINED };

enum instance_ready { READY_UNSAID, READY_NO, READY_YES };

struct instance {
	uint32_t magic;
	struct process *process;
	const struct conf_plugin *conf;
	char name[80]; /* "target", "store/local": in logs, metrics and reports */
	enum instance_stage stage;
	void *self; /* the plugin's */
	struct sq_role role; /* its own table, zeroes for what it lacks; of roles only */
	struct sq_host table; /* what the plugin is given */
	struct proxy store, transport, scheduler; /* of roles only, ops = NULL when there is no such plugin */
	struct op_carrier work, life; /* its work in the pool; its own drain */
	struct sq_op drain;
	struct http_server *server;
	char url[HTTP_URL_MAX]; /* of its listener, for others */
	bool drain_ended, server_empty, lingering, in_destroy;
	struct sq_timer linger; /* for connections that outlive the role's own drain */
	enum instance_ready ready;
	char why[160];
};

void instance_init(struct instance *i, struct process *p, const struct conf_plugin *conf);

/* Binds the role's listener, if it has one. The first routes are first's (the host's own). */
int instance_listen(struct instance *i, struct http_site first, struct sq_err *err);

int instance_create(struct instance *i, struct sq_err *err);
int instance_start(struct instance *i, struct sq_err *err);
void instance_serve(struct instance *i);

void instance_drain(struct instance *i); /* from created or started on */

/*
 * True, once and for all, when nothing of a draining instance is open any more: its drain has
 * ended, no work, op or connection is left; the listener is closed then. process->step() is called
 * when to ask again. Connections that outlive the role's own drain have linger ns from then on.
 */
bool instance_drained(struct instance *i, int64_t linger);

bool instance_quiet(const struct instance *i); /* none of its work and ops is open */

void instance_destroy(struct instance *i); /* of every created instance, when it is drained */
void instance_close(struct instance *i); /* the listener, if it is still open */

#endif
