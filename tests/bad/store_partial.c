/* store_partial.c - a store without leases. */
#include "tests/demo/demo.h"

static const struct sq_store vt = {
	.size = offsetof(struct sq_store, lease), .info = DEMO_VERB, .add = DEMO_VERB, .read = DEMO_VERB,
	.reset = DEMO_VERB, .get = DEMO_VERB, .put = DEMO_VERB, .list = DEMO_VERB, .del = DEMO_VERB,
	.lease = DEMO_VERB,
};
SQ_PLUGIN(store, SQ_STORE, partial, DEMO_LIFE, .vt.store = &vt);
