/* transport_partial.c - a transport that cannot settle. */
#include "tests/demo/demo.h"

static const struct sq_transport vt = {.size = sizeof vt, .publish = DEMO_VERB, .credit = DEMO_VERB};
SQ_PLUGIN(transport, SQ_TRANSPORT, partial, DEMO_LIFE, .vt.transport = &vt);
