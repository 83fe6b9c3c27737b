/* transport_demo.c - a transport that shares its variables with store_demo. */
#include "demo.h"

struct conf {
	const char *host, *password;
	int64_t port;
};

static const struct sq_opt opts[] = {
	SQ_STRING(struct conf, host, "localhost", "Host name of the server.", .env = "REDIS_HOST"),
	SQ_INT(struct conf, port, "6379", 1, 65535, "TCP port.", .env = "REDIS_PORT"),
	SQ_SECRET(struct conf, password, "For AUTH.", .flags = SQ_F_REREAD, .env = "REDIS_PASSWORD"),
	SQ_OPTS_END
};

static const struct sq_transport vt = {.size = sizeof vt, .publish = DEMO_VERB, .credit = DEMO_VERB,
                                       .settle = DEMO_VERB, .renew = DEMO_VERB, .cancel = DEMO_VERB};
SQ_PLUGIN(transport, SQ_TRANSPORT, demo, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct conf),
          .vt.transport = &vt);
