/*
 * redis.h - the store in a Redis: what its files share. Loop thread.
 *
 * Records and what hangs on them are dealt with by a script (script.h), in the order of submission, over one
 * connection. The counter of all hits is a plain integer at the key of option key, as other programs may
 * leave or read it. No script touches it, so in a cluster it may be on another node: MOVED opens a second
 * connection.
 */
#ifndef STORE_REDIS_REDIS_H
#define STORE_REDIS_REDIS_H

#include <squall/plugin.h>

#include "plugins/common/redis/args.h"
#include "plugins/common/well_formed.h"

struct store_conf {
	struct redis_conf redis; /* first */
	const char *key;
	int64_t retention, tombstone_ttl;
};

struct hit;

struct store {
	uint32_t magic;
	const struct sq_host *host;
	const struct store_conf *conf;
	struct redis_link main, hits; /* hits: when the counter is on another node; stage OFF before */
	char script_key[100]; /* "squall:{SPACE}:store" */
	char candidate[33]; /* the store's name, if it has none yet */
	char id[SQ_ID_MAX + 1]; /* its name when it was last seen */
	struct sq_slice greet[REDIS_EVAL_HEAD + 4], greet_hits[3];

	struct hit *waiting, **waiting_last; /* additions to the hits that wait for the one under way, and */
	int64_t waiting_sum;
	unsigned waves; /* INCRBY under way */

	struct sq_timer reap_timer;
	struct redis_eval reap;

	struct sq_op *op; /* of drain or probe */
	struct sq_err *err; /* of probe */
};

/* --- request.c --- */

struct verb;

/* op begins the request of that verb. 0, or why it is refused. */
int store_submit(struct store *s, struct sq_op *op, const struct verb *verb);

/* --- count.c --- */

enum count_verb { COUNT_ADD, COUNT_READ, COUNT_RESET };
int store_count(struct store *s, struct sq_store_count *rq, enum count_verb verb);

/* --- reap.c --- */

void reap_start(struct store *s);
void reap_stop(struct store *s);

#endif
