/* store_demo.c - a store that shares its variables with transport_demo. */
#include "demo.h"

struct conf {
	const char *host, *password;
	int64_t port;
};

static const struct sq_opt opts[] = {
	SQ_STRING(struct conf, host, "localhost", "Host name of the server.", .env = "REDIS_HOST"),
	SQ_INT(struct conf, port, "6379", 1, 65535, "TCP port.", .env = "REDIS_PORT"),
	SQ_SECRET(struct conf, password, "For AUTH.", .env = "REDIS_PASSWORD"),
	SQ_OPTS_END
};

static const struct sq_store vt = {
	.size = sizeof vt,
	.info = DEMO_VERB, .add = DEMO_VERB, .read = DEMO_VERB, .reset = DEMO_VERB, .get = DEMO_VERB,
	.put = DEMO_VERB, .list = DEMO_VERB, .del = DEMO_VERB, .lease = DEMO_VERB, .release = DEMO_VERB,
	.append = DEMO_VERB, .merge = DEMO_VERB, .range = DEMO_VERB, .part_put = DEMO_VERB,
	.parts = DEMO_VERB, .cancel = DEMO_VERB,
};
SQ_PLUGIN(store, SQ_STORE, demo, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct conf), .vt.store = &vt);
