/*
 * redis.h - the work queue in a Redis stream: what its files share. Loop thread.
 *
 * Everything is done by a script (script.h) over one connection, in the order in which it was asked for.
 */
#ifndef TRANSPORT_REDIS_REDIS_H
#define TRANSPORT_REDIS_REDIS_H

#include <squall/plugin.h>

#include "plugins/common/queue.h"
#include "plugins/common/redis/args.h"

#define BODY_MAX (1 << 20) /* bytes */
#define ENTRY_ID 48

struct transport_conf {
	struct redis_conf redis; /* first */
	int64_t lock, max_deliveries, max_waiting, max_dead;
};

/* A message in this process's hands. */
struct held {
	struct hold hold; /* its message points behind this structure */
	int64_t token;
	char entry[ENTRY_ID]; /* of the stream */
	struct redis_eval settle, renew;
	char data[]; /* id with its NUL, body */
};

struct transport {
	uint32_t magic;
	const struct sq_host *host;
	const struct transport_conf *conf;
	struct redis_link link;
	struct queue queue;
	char script_key[100]; /* "squall:{SPACE}:jobs" */
	struct sq_slice greet[REDIS_EVAL_HEAD + 3];

	struct redis_eval take, clean;
	uint32_t most; /* that the taking asks for */
	struct sq_post never; /* a taking that could not even be asked for ends at the end of the turn */
	struct sq_timer clean_timer;

	struct sq_op *op; /* of drain or probe */
	struct sq_err *err; /* of probe */
};

/* --- messages.c --- */

extern const struct queue_carrier redis_carrier;

void messages_init(struct transport *t);
void messages_stop(struct transport *t);
int messages_publish(struct transport *t, struct sq_publish *rq);
void clean_start(struct transport *t);

#endif
