/*
 * request.h - the bytes of the plan's request, rendered once before the load begins. Pure.
 */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include "core/base/buf.h"
#include "plugins/common/plan.h"

/* With Content-Length, with Connection: close when each request has a connection of its own, and
 * X-Squall-Test by which our target counts; Host and User-Agent are ours unless the plan has its own. out is empty. 0 or -ENOMEM. */
int request_render(const struct plan *plan, const char *version, const char *test_id, struct buf *out);

#endif
